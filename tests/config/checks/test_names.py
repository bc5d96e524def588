"""Names that become folders."""

from __future__ import annotations

import pytest

from septum.config.checks.names import name_checks


@pytest.mark.parametrize(
    ("kind", "names", "where", "what"),
    [
        ("datasets", ["logs"], "datasets.logs", "cannot be the name of one of the datasets"),
        ("experiments", ["Demo"], "experiments.Demo", "cannot be the name"),
        ("experiments", [""], "experiments.''", "cannot be the name"),
        ("datasets", ["A", "a"], "datasets.a", "differs from 'A' by capitals only"),
    ],
)
def test_names_that_would_share_a_folder(kind, names, where, what):
    (problem,) = name_checks(kind, names)
    assert problem.where == where
    assert what in problem.what


def test_other_names_are_fine():
    assert not list(name_checks("datasets", ["demo", "nuclei", "Zellen <b>"]))
    assert not list(name_checks("experiments", ["report.html", "unet"]))
