"""The page: self-contained, escaped, and the same for the same results."""

from __future__ import annotations

import copy
import re

import numpy as np
import pytest
from made_results import CASES, NAME, NEW, Results, add_baseline, add_nuclei, flawed, squares
from report_page import Page, render

from septum.config.schema import ClassSpec


def test_nothing_is_fetched(html, page):
    assert "//" not in re.sub(
        r"data:image/webp;base64,[A-Za-z0-9+/=]+|^\s*//.*$", "", html, flags=re.M
    )
    for tag, attributes, _ in page.elements:
        for name in ("src", "srcset", "data", "action", "poster", "background"):
            assert attributes.get(name, "data:image/webp").startswith("data:image/webp"), tag
        assert attributes.get("href", "#").startswith("#")
    assert not page.all("link")
    assert not re.search(r"@import|url\((?!'data:image/webp)", html)


def test_every_tag_is_closed(page):
    assert page.wrong == []
    assert page.open == []


def test_names_are_escaped(html, page):
    assert len(page.all("script")) == 1
    assert not page.all("i")
    assert not page.all("u")
    assert not page.all("net")
    assert NAME in page.texts("h2")
    assert set(page.texts("h4")) >= {*CASES, NEW}
    assert "nucleus <u>" in " ".join(page.texts("dd"))
    assert "derived: to span <several> objects" in page.texts("td")
    alts = [attributes["alt"] for _, attributes, _ in page.all("img")]
    assert any(
        alt.startswith("Prediction of bad <net> for <script>alert(1)</script>:") for alt in alts
    )


def test_a_hostile_title_is_escaped(nuclei):
    settings = copy.deepcopy(nuclei.settings)
    settings["report"]["title"] = "</title><script>alert(2)</script>"
    page = Page(render(nuclei, settings))
    assert page.texts("h1") == ["</title><script>alert(2)</script>"]
    assert len(page.all("script")) == 1


EVIL = '"\'><script>{{ 7 * 7 }}</script>&lt;<svg onload="x">`${1}` ü 网络 \u202e\u2028 -->'


NETWORKS = ("0", "1", "2")


def named_page(results, prefix: str) -> Page:
    """Return the page of a dataset whose every name starts with a prefix."""
    labels = squares()
    image, semantic = labels.astype(np.uint8)[None], (labels > 0).astype(np.uint16)
    cases = {f"{prefix}cell": (image, semantic, labels), f"{prefix}new": (image, None, None)}
    predicted = {
        f"{prefix}cell": (semantic, flawed(labels), "test"),
        f"{prefix}new": (semantic, labels, "unlabelled"),
    }
    results.add(
        f"{prefix}data",
        cases,
        dict.fromkeys(NETWORKS, predicted),
        annotation="panoptic",
        classes={
            1: ClassSpec(name=f"{prefix}thing"),
            2: ClassSpec(name=f"{prefix}stuff", kind="stuff"),
        },
        test=[f"{prefix}cell"],
        unlabelled=[f"{prefix}new"],
    )
    settings = copy.deepcopy(results.settings)
    settings["report"]["title"] = f"{prefix}title"
    for key, experiment in settings["datasets"][0]["experiments"].items():
        experiment["name"] = f"{prefix}{key}"
    return Page(render(results, settings))


@pytest.fixture(scope="module")
def evil_page(tmp_path_factory) -> Page:
    return named_page(Results(tmp_path_factory.mktemp("evil")), EVIL)


def test_no_name_adds_a_tag_or_an_attribute(evil_page, results):
    def layout(page):
        return [(tag, [*attributes]) for tag, attributes, _ in page.elements]

    assert (evil_page.wrong, evil_page.open) == ([], [])
    assert layout(evil_page) == layout(named_page(results, ""))


@pytest.mark.parametrize(
    ("tag", "names"),
    [
        ("title", ["title"]),
        ("h1", ["title"]),
        ("h2", ["data"]),
        ("h4", ["cell", "new"]),
        ("th", NETWORKS),  # of each against each other
        ("td", ["cell", *NETWORKS]),
        ("label", NETWORKS),
        ("option", NETWORKS),
        ("b", NETWORKS),
        ("polyline", NETWORKS),  # of the charts
        ("li", ["stuff"]),
    ],
)
def test_any_name_is_text(evil_page, tag, names):
    assert {f"{EVIL}{name}" for name in names} <= {*evil_page.texts(tag)}


def test_any_name_is_text_among_words(evil_page):
    described = " ".join(
        attributes.get(name, "")
        for _, attributes, _ in evil_page.elements
        for name in ("alt", "aria-label")
    )
    for words in (
        f"Image of {EVIL}cell",
        f"Annotation of {EVIL}cell",
        f"Prediction of {EVIL}0 for {EVIL}cell: AP ",
        f"Prediction of {EVIL}1 for {EVIL}new: 4 objects",
        f"Training and validation loss of {EVIL}2 on {EVIL}data",
        f"AP over the IoU threshold on {EVIL}data: {EVIL}0 ",
        f"Validation IoU over the epochs of training on {EVIL}data",
    ):
        assert words in described
    assert f"panoptic: {EVIL}thing (thing), {EVIL}stuff (stuff)" in evil_page.texts("dd")
    assert f"Loss of {EVIL}0" in evil_page.texts("figcaption")
    findings = " ".join(evil_page.texts("li"))
    assert f"{EVIL}0 scores best" in findings
    assert f"The worst case is {EVIL}cell" in findings


def test_every_picture_has_words(page):
    images = page.all("img")
    # truth and two predictions of four cases, two predictions of the new image
    assert len(images) == 4 * 3 + 2
    assert all(attributes["alt"].strip() for _, attributes, _ in images)
    labelled = [e for e in page.elements if e[1].get("role") == "img"]
    assert all(e[1]["aria-label"].strip() for e in labelled)


def test_same_results_same_bytes(nuclei, tmp_path):
    again = type(nuclei)(tmp_path / "results")
    add_nuclei(again)
    assert render(again) == render(nuclei)


def test_settings_networks_and_training_are_shown(page):
    text = " ".join(page.texts("table"))
    assert "unet (width 8)" in text
    assert "components, threshold 0.45, smallest object 16 px" in text
    assert re.search(r"\b12\b", text), "weights, without running statistics"
    assert "1.0 min" in text
    labels = [e[1].get("aria-label", "") for e in page.all("svg")]
    assert any(label.startswith("Training and validation loss of good <net>") for label in labels)
    assert any(label.startswith("AP over the IoU threshold") for label in labels)


def test_each_convention_is_stated(nuclei):
    settings = copy.deepcopy(nuclei.settings)
    settings["evaluate"]["convention"] = "stardist"
    text = " ".join(Page(render(nuclei, settings)).texts("dd"))
    assert "stardist: an IoU of at least the threshold" in text
    assert "scores 0" in text


def test_semantic_volumes_have_no_objects(results):
    truth = np.zeros((3, 40, 48), np.uint16)
    truth[1, 5:20, 5:20], truth[1, 5:20, 20:30] = 1, 2
    pred = np.roll(truth, 3, axis=2)
    image = np.random.default_rng(0).integers(0, 999, (1, 3, 40, 48)).astype(np.int16)
    classes = {i: ClassSpec(name=n, kind="stuff") for i, n in ((1, "front"), (2, "back"))}
    results.add(
        "volumes",
        {"v": (image, truth, None)},
        {"net": {"v": (pred, None, "val")}},
        annotation="semantic",
        classes=classes,
        folds=[["v"]],
    )
    html = render(results)
    page = Page(html)
    assert "AP over the IoU" not in html.split("What the scores mean")[0]
    assert page.texts("li")[0].startswith("net <net> reaches a Dice of 0.")
    assert "on 1 validation case." in page.texts("li")[0]
    assert "There is no test set" in " ".join(e[2] for e in page.all("div", _class="caution"))
    assert "section 2 of 3 (the one with most objects)" in " ".join(page.texts("span"))
    assert "PQ" not in page.texts("button")
    assert {"missed pixels", "spurious pixels", "pixels of another class", "front"} <= set(
        page.texts("li")
    )


def test_a_baseline_stands_in_the_same_tables_and_pictures_and_is_marked(results):
    add_baseline(results, net=squares(), floor=flawed(squares()))
    page = Page(render(results))
    mine = "floor <net> (classical)"
    assert page.texts("span", _class="name") == ["net <net>", mine]
    assert mine in page.texts("label")
    assert mine in page.texts("polyline")
    assert f"Prediction of {mine} for c0:" in " ".join(
        a.get("alt", "") for _, a, _ in page.all("img")
    )
    (row,) = [row for row in page.texts("tr") if row.startswith(f"{mine}watershed")]
    assert row == f"{mine}watershedclassical–––––"
    (row,) = [row for row in page.texts("tr") if row.startswith(f"{mine}–")]
    assert row == f"{mine}–level 0.35polarity dark"
    assert "against floor <net> (classical): better" in page.texts("small")
    assert not [text for text in page.texts("li") if "not beat" in text or "No network" in text]
    assert [text for text in page.texts("figcaption") if text.startswith("Loss of")] == [
        "Loss of net <net>"
    ]
    assert "Classical: a method without training" in " ".join(page.texts("p"))
    assert "The networks and baselines" in page.texts("h4")


def test_without_a_baseline_the_page_says_nothing_of_one(page):
    assert "lassical" not in " ".join(page.texts("main"))


def test_datasets_side_by_side(results):
    add_nuclei(results, "one")
    assert "Networks by dataset" not in Page(render(results)).texts("h3")
    add_nuclei(results, "two")
    page = Page(render(results))
    assert page.texts("h2")[:2] == ["one", "two"]
    assert "Networks by dataset" in page.texts("h3")
    ids = [e[1]["id"] for e in page.elements if "id" in e[1]]
    assert len(ids) == len(set(ids))
    names = {e[1]["name"] for e in page.all("input", type="radio")}
    assert len(names) == 2, "the choice in one dataset leaves the other alone"
