"""Which cases are shown, in which order, and what is coloured as an error."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from made_results import add_nuclei, make_plan, squares
from report_page import Page, render

from septum.config.schema import ClassSpec, Evaluate
from septum.data.store import Case, Geometry, Prediction
from septum.data.store_attributes import IntensityStatistics
from septum.metrics.case import evaluate_case
from septum.stages.leaderboard.scores import Scores
from septum.stages.report.gallery import case_ranks, find_errors, make_gallery
from septum.stages.report.inputs import Experiment, read_dataset


def test_colours_count_what_the_table_counts():
    """Two classes of things; one object is found, but as the other class."""
    instance = squares()
    true = np.select([instance > 2, instance > 0], [2, 1]).astype(np.uint16)
    pred = np.where(instance == 3, 1, true).astype(np.uint16)
    classes = {i: ClassSpec(name=str(i), kind="thing") for i in (1, 2)}
    plan = make_plan("two classes", 2, "panoptic", classes, {})
    geometry = Geometry((1.0, 1.0))
    case = Case("c", true[None], true, instance, geometry, IntensityStatistics({}, [], []))
    prediction = Prediction("c", pred, instance, geometry)
    counts = find_errors(plan, case, prediction).counts
    assert counts == {"matched": 3, "missed": 1, "split": 0, "merged": 0, "spurious": 1}
    scores = evaluate_case(
        true, instance, pred, instance, classes=classes, spacing=(1, 1), settings=Evaluate()
    )
    for kind in ("missed", "split", "merged", "spurious"):
        assert counts[kind] == scores.case[kind]


def ranked(objects, **scores):
    """Rank cases given as name=(subset, ap, dice)."""
    rows = [
        {"case": name, "subset": subset, "ap": ap, "dice": dice}
        for name, (subset, ap, dice) in scores.items()
    ]
    return case_ranks(Experiment("e", "e", Scores("e", rows, []), {}, {}, {}), objects)


def test_test_cases_come_first_then_the_worst():
    cases = {
        "a": ("test", 0.9, 0.1),
        "b": ("val", 0.1, 0.2),
        "c": ("test", float("nan"), 0.3),
        "d": ("test", 0.4, 0.4),
    }
    assert ranked(True, **cases) == {"d": 0, "a": 1, "c": 2, "b": 3}
    assert ranked(False, **cases) == {"a": 0, "c": 1, "d": 2, "b": 3}


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_the_worst_of_every_network_is_shown(results, limit):
    add_nuclei(results)
    dataset = read_dataset(results.folder, results.contents.datasets[0])
    gallery = make_gallery(dataset, limit)
    assert (len(gallery.scored), gallery.scored_in_all) == (limit, 4)
    assert (len(gallery.new), gallery.new_in_all) == (1, 1)
    shown = {card.case for card in gallery.scored}
    if limit > 1:
        for experiment in dataset.experiments:
            ranks = case_ranks(experiment, objects=True)
            assert min(ranks, key=ranks.get) in shown


def test_a_network_without_a_prediction_has_no_pane(results):
    add_nuclei(results)
    dataset = read_dataset(results.folder, results.contents.datasets[0])
    del dataset.experiments[0].predicted["plain"]
    gallery = make_gallery(dataset, 9)
    panes = {card.case: [pane.experiment for pane in card.panes] for card in gallery.scored}
    assert panes["plain"] == ["bad"]
    assert panes["empty"] == ["good", "bad"]


def test_a_new_image_has_no_truth(results):
    add_nuclei(results)
    dataset = read_dataset(results.folder, results.contents.datasets[0])
    (card,) = make_gallery(dataset, 9).new
    assert card.truth == ""
    assert card.subset == "no annotation"
    assert [pane.caption for pane in card.panes] == ["4 objects", "4 objects"]


def test_the_worst_case_comes_first_and_the_undefined_last(page):
    ranks = [
        (attributes["data-network"], int(attributes["data-rank"]))
        for _, attributes, _ in page.all("figure", _class="pane")
        if "data-network" in attributes
    ]
    scored = [rank for network, rank in ranks if network == "good"][:4]
    assert scored == [0, 1, 2, 3]
    assert page.texts("h4")[3] == "empty"


def test_other_networks_are_hidden_until_chosen(page):
    hidden = [
        (attributes["data-network"], "hidden" in attributes)
        for _, attributes, _ in page.all("figure", _class="pane")
        if "data-network" in attributes
    ]
    assert set(hidden) == {("good", False), ("bad", True)}


def test_the_gallery_says_how_many_it_leaves_out(nuclei):
    settings = copy.deepcopy(nuclei.settings)
    settings["report"]["gallery"] = 2
    page = Page(render(nuclei, settings))
    assert "2 of 4 cases are shown" in " ".join(page.texts("p"))
    assert len(page.all("article")) == 2 + 1
    settings["report"]["gallery"] = 0
    page = Page(render(nuclei, settings))
    assert not page.all("article")
    assert "5 cases left out" in " ".join(page.texts("p"))
