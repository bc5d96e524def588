"""The records that the template lays out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_results import Results, add_nuclei

from septum.stages.report.gallery import Gallery
from septum.stages.report.inputs import read_dataset
from septum.stages.report.page import MatrixCell, MatrixColumn, dataset_part, matrix


@pytest.fixture(scope="module")
def datasets(tmp_path_factory):
    results = Results(tmp_path_factory.mktemp("page"))
    add_nuclei(results, "one")
    add_nuclei(results, "two")
    return [read_dataset(results.folder, reported) for reported in results.contents.datasets]


def test_networks_by_datasets(datasets):
    found = matrix(datasets)
    assert found.columns == [
        MatrixColumn("dataset-1", "one", "pooled PQ", "4 test cases"),
        MatrixColumn("dataset-2", "two", "pooled PQ", "4 test cases"),
    ]
    assert [name for name, _ in found.rows] == ["good <net>", "bad <net>"]
    best = MatrixCell("1.000", "1.000 to 1.000", best=True, level=False)
    assert found.rows[0][1] == [best, best]
    assert not found.rows[1][1][0].best


def test_a_network_without_a_score_on_a_dataset_has_no_cell(datasets):
    one, two = datasets
    rows = dict(matrix([one, _without_the_last(two)]).rows)
    assert rows["bad <net>"][1] is None


def _without_the_last(dataset):
    return replace(
        dataset, experiments=dataset.experiments[:-1], leaderboard=dataset.leaderboard[:-1]
    )


def test_the_part_about_a_dataset(datasets, nuclei):
    part = dataset_part(1, datasets[0], Gallery([], 0, [], 0), nuclei.contents.report, seed=0)
    assert (part.id, part.name, part.subset, part.ranked_by) == (
        "dataset-2",
        "one",
        "test",
        "pooled PQ",
    )
    assert [row.name for row in part.leaderboard] == ["good <net>", "bad <net>"]
    assert part.leaderboard[0].score == "1.000"
    assert (part.has_objects, part.several, part.stuff) == (True, False, [])
    assert (part.baseline, part.has_baseline, part.infinite) == (None, False, False)
    assert [row.name for row in part.errors] == ["good <net>", "bad <net>"]
    assert part.errors[0].counts.n_true == "12"
    # two networks by four cases
    assert len(part.case_rows) == 8
    assert {(row.subset, row.fold) for row in part.case_rows} == {("test", "0")}
    assert not part.several_folds
