"""Which file predicts what, and which images a model is for."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from septum.errors import SeptumError
from septum.stages.predict.batch import file_by_fold, files_of_fold, require_fit

A, B, C = Path("a"), Path("b"), Path("c")


def test_files_in_the_order_of_their_folds():
    by_fold = file_by_fold([(B, 2), (A, 0)])
    assert list(by_fold.items()) == [(0, A), (2, B)]
    assert files_of_fold("ensemble", by_fold) == [A, B]
    assert files_of_fold("2", by_fold) == [B]


def test_every_file_that_does_not_go_with_the_others_is_named():
    with pytest.raises(SeptumError) as error:
        file_by_fold([(A, 1), (B, 1), (C, None)])
    told = [(problem.where, problem.what) for problem in error.value.problems]
    assert told == [
        ("b", "is of fold 1, and so is a"),
        ("c", "does not say which fold it is of"),
    ]


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((3, 8, 8, 8), "has 3 spatial axes, but the model works in 2-D"),
        ((1, 8, 8), "has 1 channels, but the model takes 3"),
    ],
)
def test_an_image_of_another_kind_is_refused(shape, message):
    trained = SimpleNamespace(spatial_dims=2, in_channels=3)
    require_fit("a.tif", (3, 8, 8), trained)
    with pytest.raises(SeptumError, match=message):
        require_fit("a.tif", shape, trained)
