"""Scores by class in the report: a scene of two things and stuff, all numbers by hand."""

from __future__ import annotations

import numpy as np
import pytest
from report_page import Page, render

from septum.config.schema import ClassSpec
from septum.stages.report.classes import by_class, confusion_shares
from septum.stages.report.inputs import read_dataset
from septum.stages.report.verdict import cautions

CLASSES = {
    1: ClassSpec(name="grass <b>", kind="stuff", colour="#112233"),
    2: ClassSpec(name="person"),
    3: ClassSpec(name="dog"),
}


def scene():
    """10 × 12: grass of 40 pixels, two people of 16 and a dog of 8; 40 pixels of background.

    Predicted by the worse network: the dog as a person, and 10 pixels of grass as background.
    """
    semantic, instance = np.zeros((10, 12), np.uint16), np.zeros((10, 12), np.uint32)
    semantic[6:10, 0:10] = 1
    for number, (class_id, rows, columns) in enumerate(
        [(2, (0, 4), (0, 4)), (2, (0, 4), (5, 9)), (3, (0, 4), (10, 12))], start=1
    ):
        semantic[slice(*rows), slice(*columns)] = class_id
        instance[slice(*rows), slice(*columns)] = number
    worse = np.where(semantic == 3, 2, semantic)
    worse[6, 0:10] = 0
    return semantic, instance, worse.astype(np.uint16)


@pytest.fixture
def tissue(results):
    semantic, instance, worse = scene()
    image = np.zeros((1, 10, 12), np.uint8)
    cases = dict.fromkeys(("a", "b", "v"), (image, semantic, instance))
    subsets = {"a": "test", "b": "test", "v": "val"}
    right = {case: (semantic, instance, subset) for case, subset in subsets.items()}
    # the validation case is wrong in all pixels: it must not count
    nothing = np.zeros_like(semantic), np.zeros_like(instance), "val"
    wrong = {"a": (worse, instance, "test"), "b": (semantic, instance, "test"), "v": nothing}
    results.add(
        "scene",
        cases,
        {"right": right, "wrong": wrong},
        annotation="panoptic",
        classes=CLASSES,
        test=["a", "b"],
        folds=[["v"]],
    )
    return results


@pytest.fixture
def dataset(tissue):
    return read_dataset(tissue.folder, tissue.contents.datasets[0])


def cells(block, name):
    (row,) = [row for row in block.rows if row.name == name]
    return dict(zip([c.key for c in block.columns], [c.text for c in row.cells], strict=True))


def test_classes_stand_in_groups_with_their_means(dataset):
    found = by_class(dataset)
    names = ["person", "dog", "All things", "grass <b>", "All stuff", "All classes"]
    assert [name for name, _ in found.heads] == names
    assert found.heads[3][1] == "#112233"
    assert [name for name, colour in found.heads if not colour] == [
        *("All things", "All stuff", "All classes")
    ]


def test_scores_of_each_class_by_hand(dataset):
    right, wrong = by_class(dataset).blocks
    assert (right.name, wrong.name) == ("right <net>", "wrong <net>")
    assert {cells(right, name)["pq"] for name, _ in by_class(dataset).heads} == {"1.000"}
    # two cases: four people found, and a dog taken for a fifth
    person = cells(wrong, "person")
    assert {key: person[key] for key in ("tp", "fp", "fn")} == {"tp": "4", "fp": "1", "fn": "0"}
    assert (person["pq"], person["sq"], person["rq"]) == ("0.889", "1.000", "0.889")
    assert person["iou"] == f"{64 / 72:.3f}"
    dog = cells(wrong, "dog")
    assert (dog["tp"], dog["fp"], dog["fn"], dog["iou"]) == ("1", "0", "1", "0.500")
    assert dog["pq"] == f"{1 / 1.5:.3f}"
    grass = cells(wrong, "grass <b>")
    assert (grass["pq"], grass["iou"]) == (f"{(1 + 30 / 40) / 2:.3f}", f"{70 / 80:.3f}")
    assert grass["coco_ap"] == ""
    things, stuff, every = (cells(wrong, f"All {n}") for n in ("things", "stuff", "classes"))
    assert things["pq"] == f"{(8 / 9 + 2 / 3) / 2:.3f}"
    assert stuff["pq"] == grass["pq"]
    assert every["pq"] == f"{(8 / 9 + 2 / 3 + 7 / 8) / 3:.3f}"


def test_experiments_stand_side_by_side_and_the_best_of_a_class_is_marked(dataset):
    (_, right), (_, wrong) = by_class(dataset).matrix
    assert [cell.text for cell in right] == ["1.000"] * 6
    assert [cell.text for cell in wrong] == ["0.889", "0.667", "0.778", "0.875", "0.875", "0.810"]
    assert all(cell.best for cell in right)
    assert not any(cell.best for cell in wrong)


def test_what_is_taken_for_what_by_hand(dataset):
    _, wrong = by_class(dataset).blocks
    assert [row.name for row in wrong.confusion] == ["background", "grass <b>", "person", "dog"]
    texts = [[text for text, _, _ in row.cells] for row in wrong.confusion]
    assert texts == [
        ["100.0", "", "", ""],
        ["12.5", "87.5", "", ""],
        ["", "", "100.0", ""],
        ["", "", "50.0", "50.0"],
    ]
    assert wrong.confusion[3].cells[2] == ("50.0", 0.5, "8 pixels of dog predicted as person")


def test_a_class_that_is_never_predicted_is_named(results):
    semantic, instance, _ = scene()
    people = np.where(semantic == 2, 2, 0).astype(np.uint16)
    cases = {"a": (np.zeros((1, 10, 12), np.uint8), semantic, instance)}
    found = {"all": (semantic, instance), "people": (people, np.where(people, instance, 0))}
    predictions = {name: {"a": (*maps, "test")} for name, maps in found.items()}
    results.add(
        "scene", cases, predictions, annotation="panoptic", classes=CLASSES, test=["a"], folds=[]
    )
    dataset = read_dataset(results.folder, results.contents.datasets[0])
    assert [sentence for sentence in cautions(dataset) if "predicts" in sentence] == [
        "people <net> predicts no pixel of grass <b> and no pixel of dog: all of it is missed."
    ]


def test_shares_of_a_class_that_is_nowhere_annotated():
    rows = [
        {"true": 0.0, "predicted": 0.0, "pixels": 30.0},
        {"true": 0.0, "predicted": 2.0, "pixels": 10.0},
        {"true": 0.0, "predicted": 2.0, "pixels": 0.0},
    ]
    pixels, shares = confusion_shares(rows, [0, 2])
    assert pixels.tolist() == [[30, 10], [0, 0]]
    assert shares[0].tolist() == [0.75, 0.25]
    assert np.isnan(shares[1]).all()


def test_the_page_shows_the_classes(tissue):
    page = Page(render(tissue))
    assert page.wrong == []
    assert "By class" in page.texts("h3")
    assert len(page.all("table", class_="confusion")) == 2
    shares = [e[1]["style"] for e in page.all("td") if "--share" in e[1].get("style", "")]
    assert shares.count("--share: 0.125") == 1
    assert any("grass <b>" in text for text in page.texts("th"))
    headers = page.texts("th")
    for title in ("PQ things", "PQ stuff", "COCO AP"):
        assert title in headers
    legend = page.texts("li")
    assert "grass <b>" in legend
    assert "found (IoU above 0.5)" not in legend, "lines have the colour of the class instead"


def test_one_class_of_things_needs_no_table(nuclei):
    dataset = read_dataset(nuclei.folder, nuclei.contents.datasets[0])
    assert by_class(dataset) is None
    page = Page(render(nuclei))
    assert "By class" not in page.texts("h3")
    assert "PQ things" not in page.texts("th")
    assert "COCO AP" in page.texts("th")


def test_classes_without_objects_have_iou_only(results):
    semantic, _, worse = scene()
    image = np.zeros((1, 10, 12), np.uint8)
    results.add(
        "regions",
        {"a": (image, semantic, None)},
        {"one": {"a": (worse, None, "test")}},
        annotation="semantic",
        classes=CLASSES,
        test=["a"],
    )
    found = by_class(read_dataset(results.folder, results.contents.datasets[0]))
    assert found.matrix == []
    (block,) = found.blocks
    assert [column.title for column in block.columns] == ["IoU"]
    assert [(row.name, row.cells[0].text) for row in block.rows] == [
        *(("grass <b>", "0.750"), ("person", "0.800"), ("dog", "0.000"), ("All classes", "0.517"))
    ]
