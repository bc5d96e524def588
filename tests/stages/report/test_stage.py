"""The page: self-contained, escaped, and with the numbers of the tables."""

from __future__ import annotations

import copy
import re
import shutil

import numpy as np
import pytest
from made_results import CASES, NAME, NEW, Results, add_nuclei, flawed, squares
from report_page import Page, render

from septum.config.schema import ClassSpec
from septum.errors import SeptumError
from septum.stages.leaderboard.scores import read_rows
from septum.stages.report.tables import interval_text


@pytest.fixture(scope="module")
def html(nuclei) -> str:
    return render(nuclei)


@pytest.fixture(scope="module")
def page(html) -> Page:
    return Page(html)


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


def test_the_table_of_cases_holds_the_numbers_of_the_csv(nuclei, page):
    titles = page.texts("button")
    folder = nuclei.folder / nuclei.settings["datasets"][0]["folder"]
    shown = {}
    rows = [e for e in page.elements if e[0] == "tr" and "data-network" in e[1]]
    cells = iter(
        e[2].strip() for e in page.elements[page.elements.index(rows[0]) :] if e[0] == "td"
    )
    for row in rows:
        values = dict(zip(titles, [next(cells) for _ in titles], strict=True))
        shown[row[1]["data-network"], values["Case"]] = values
    columns = {"PQ": "pq", "AP": "ap", "AP50": "ap50", "IoU": "iou", "Dice": "dice"}
    columns |= {"Missed": "missed", "Merged": "merged", "Split": "split", "Spurious": "spurious"}
    checked = 0
    for network in ("bad", "good"):
        for row in read_rows(folder / network / "cases.csv"):
            values = shown[network, row["case"]]
            for title, key in columns.items():
                expected = row[key]
                if np.isnan(expected):
                    assert values[title] == "", "undefined is an empty field"
                else:
                    assert float(values[title]) == pytest.approx(expected, abs=5.1e-4)
                checked += 1
    assert checked == 2 * 4 * 9
    assert shown["bad", "empty"]["AP"] == ""
    wrong = [shown["bad", "plain"][k] for k in ("Missed", "Merged", "Split", "Spurious")]
    assert wrong == ["1", "2", "1", "1"]


def test_the_leaderboard_holds_the_numbers_of_the_csv(nuclei, page):
    folder = nuclei.folder / nuclei.settings["datasets"][0]["folder"]
    first, second = read_rows(folder / "leaderboard.csv")
    assert (first["experiment"], second["experiment"]) == ("good", "bad")
    text = " ".join(page.texts("table"))
    for row in (first, second):
        assert f"{row['pq_pooled']:.3f}" in text
    assert first["pq_pooled"] == 1.0
    assert f"{second['behind_best']:.3f}" in text


def test_the_findings_say_who_leads_and_where_it_fails(page):
    findings = page.texts("li")
    assert findings[0].startswith("good <net> scores best with a pooled PQ of 1.000")
    assert findings[0].endswith("on 4 test cases.")
    assert "4 common cases are too few to rule out chance" in findings[1]
    assert (
        "Of 12 true objects good <net> leaves none missed, none merged and none split"
        in findings[2]
    )
    cautions = " ".join(e[2] for e in page.all("div", _class="caution"))
    assert "Only 4 cases" in cautions
    assert "1 of 4 cases have no score" in cautions


def test_an_interval_has_no_minus_before_zero():
    row = {"gap_low": -0.0002, "gap_high": 0.0161}
    assert interval_text(row, "gap") == "0.000 to 0.016"


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


def test_same_results_same_bytes(nuclei, tmp_path):
    again = type(nuclei)(tmp_path / "results")
    add_nuclei(again)
    assert render(again) == render(nuclei)


def test_settings_networks_and_training_are_shown(page):
    text = " ".join(page.texts("table"))
    assert "unet (width 8)" in text
    assert "watershed, threshold 0.45, smallest object 16 px" in text
    assert re.search(r"\b12\b", text), "weights, without running statistics"
    assert "1.0 min" in text
    labels = [e[1].get("aria-label", "") for e in page.all("svg")]
    assert any(label.startswith("Training and validation loss of good <net>") for label in labels)
    assert any(label.startswith("AP over the IoU threshold") for label in labels)


def test_costs_are_shown_where_they_were_measured(page):
    (table,) = (t for t in page.texts("table") if "Inference" in t)
    rows = [" ".join(line.split()) for line in table.split("\n") if line.strip()]
    assert rows[1:] == [
        "good <net>1.0007.8 M12 min1.2 GB2.0 Mpx/s",
        "bad <net>" + rows[2].removeprefix("bad <net>")[:5] + "1.9 M1.0 min812 MB3.5 Mpx/s",
    ]
    assert "Accuracy against cost" in page.texts("h3")
    text = " ".join(page.texts("p"))
    assert "Measured training on Processor <X>, 4 threads; inference on Processor" in text
    labels = [e[1].get("aria-label", "") for e in page.all("svg")]
    over = [label for label in labels if label.startswith("pooled PQ over the time of ")]
    assert [label.split(" on ")[0] for label in over] == [
        "pooled PQ over the time of training",
        "pooled PQ over the time of inference per megapixel",
    ]
    assert "good <net> 1.000, 12 min; bad <net> 0." in over[0]
    assert "good <net> 1.000, 500 ms; " in over[1]
    assert over[1].endswith(", 286 ms")


def costs_page(results, costs) -> Page:
    labels = squares()
    image, semantic = labels.astype(np.uint8)[None], (labels > 0).astype(np.uint16)
    predictions = {name: {"x": (semantic, labels, "test")} for name in "abc"}
    cases = {"x": (image, semantic, labels)}
    results.add("cells", cases, predictions, costs=costs, test=["x"])
    return Page(render(results))


def test_an_experiment_without_a_training_is_named_beside_the_picture(results):
    known, speed_only = (1000, 60.0, 500.0, 2.0), (None, None, None, 4.0)
    page = costs_page(results, {"a": known, "b": known, "c": speed_only})
    captions = page.texts("figcaption")
    assert "Training, all folds together; without a time: c <net>" in captions
    assert "Inference of new images" in captions
    (table,) = (t for t in page.texts("table") if "Inference" in t)
    assert "c <net>1.000–––4.0 Mpx/s" in table


def test_a_single_experiment_with_costs_makes_no_picture(results):
    page = costs_page(results, {"a": (1000, 60.0, None, None)})
    assert "Accuracy against cost" in page.texts("h3")
    assert not page.all("path")
    assert not any("without a time" in caption for caption in page.texts("figcaption"))


def test_results_without_costs_say_nothing_of_them(results):
    page = costs_page(results, None)
    assert "Accuracy against cost" not in page.texts("h3")
    assert not any("Inference" in table for table in page.texts("table"))


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


def test_three_networks_are_compared_in_pairs(results):
    labels = squares()
    image = labels.astype(np.uint8)[None]
    cases = {f"c{i}": (image, (labels > 0).astype(np.uint16), labels) for i in range(6)}
    predictions = {
        name: {case: ((pred > 0).astype(np.uint16), pred, "test") for case in cases}
        for name, pred in (("a", labels), ("b", flawed(labels)), ("c", labels))
    }
    results.add("cells", cases, predictions, test=sorted(cases))
    page = Page(render(results))
    (details,) = page.all("details")
    assert "+0.000" in details[2]
    leaderboard = results.folder / "cells/leaderboard.csv"
    behind = next(r["behind_best"] for r in read_rows(leaderboard) if r["experiment"] == "b")
    assert f"-{behind:.3f}" in details[2]
    assert f"+{behind:.3f}" in details[2]
    assert "more than the choice of cases explains" in " ".join(page.texts("li"))


def with_baseline(results, **predictions) -> Page:
    """Report on six equal cases; `floor` is a baseline, the others are networks."""
    labels = squares()
    cases = {
        f"c{i}": (labels.astype(np.uint8)[None], (labels > 0).astype(np.uint16), labels)
        for i in range(6)
    }
    predicted = {
        name: {case: ((pred > 0).astype(np.uint16), pred, "test") for case in cases}
        for name, pred in predictions.items()
    }
    results.add("cells", cases, predicted, baselines=("floor",), test=sorted(cases))
    return Page(render(results))


def test_a_baseline_stands_in_the_same_tables_and_pictures_and_is_marked(results):
    page = with_baseline(results, net=squares(), floor=flawed(squares()))
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


def test_a_network_that_does_not_beat_the_baseline_is_said_to(results):
    page = with_baseline(results, good=squares(), bad=flawed(squares()), floor=squares())
    assert "No network beats floor <net> (classical), which needs no training." in page.texts(
        "li"
    ), "equal is not better"
    assert page.texts("small").count("against floor <net> (classical): no better") == 2


def test_only_those_are_named_that_do_not_beat_it(results):
    nothing = np.zeros_like(squares())
    page = with_baseline(results, good=squares(), bad=nothing, floor=flawed(squares()))
    assert (
        "bad <net> does not beat floor <net> (classical), which needs no training."
        in page.texts("li")
    )


def test_without_a_baseline_the_page_says_nothing_of_one(page):
    assert "lassical" not in " ".join(page.texts("main"))


def distances_page(results, lost_by_first: int) -> Page:
    """Report on two networks, the first of which misses class 2 in some of three cases.

    Class 1 lies 2 pixels off for the first network and 4 for the second, class 2 fits.
    """
    truth = np.zeros((20, 40), np.uint16)
    truth[4:8, 10], truth[15, 30] = 1, 2
    image = truth.astype(np.uint8)[None]

    def predict(shift, found):
        pred = np.where(truth == 2, 2 * found, 0).astype(np.uint16)
        pred[4:8, 10 + shift] = 1
        return pred, None, "test"

    cases = dict.fromkeys("abc", (image, truth, None))
    first = {c: predict(2, i >= lost_by_first) for i, c in enumerate("abc")}
    classes = {i: ClassSpec(name=n, kind="stuff") for i, n in ((1, "line"), (2, "dot"))}
    results.add(
        "cells",
        cases,
        {"first": first, "second": {c: predict(4, True) for c in "abc"}},
        annotation="semantic",
        classes=classes,
        test=["a", "b", "c"],
    )
    return Page(render(results))


def test_a_missed_class_does_not_make_a_network_the_best(results):
    page = distances_page(results, lost_by_first=1)
    table = " ".join(page.texts("table")[0].split())  # the leaderboard
    # class 1 is 2 or 4 pixels off, class 2 fits: their mean is 1 or 2
    assert "1.001.00 to 1.001 infinite" in table
    assert "2.002.00 to 2.00" in table
    assert not {"1.00", "2.00"} & {*page.texts("strong")}
    assert "such cases are counted below it" in " ".join(page.texts("p"))
    rows = [e for e in page.elements if e[0] == "td"]
    assert sum(e[2] == "inf" for e in rows) == 2, "HD95 and ASSD of one case"


def test_distances_over_the_same_cases_are_compared(results):
    page = distances_page(results, lost_by_first=0)
    assert "1.00" in page.texts("strong")
    assert "infinite" not in page.texts("table")[1]
    assert "such cases are counted below it" not in " ".join(page.texts("p"))


def test_a_distance_that_is_nowhere_finite_keeps_its_column(results):
    truth, nothing = np.ones((8, 8), np.uint16), np.zeros((8, 8), np.uint16)
    cases = dict.fromkeys("ab", (truth.astype(np.uint8)[None], truth, None))
    prediction = dict.fromkeys("ab", (nothing, None, "test"))
    results.add("cells", cases, {"net": prediction}, annotation="semantic", test=["a", "b"])
    page = Page(render(results))
    assert "HD95" in page.texts("th")
    assert "–2 infinite" in page.texts("td")
    assert page.texts("td").count("inf") == 4, "HD95 and ASSD of two cases"


def test_folds_of_an_earlier_configuration_are_not_shown(results):
    add_nuclei(results, "one")
    before = render(results)
    fold = results.folder / "one/good/fold0"
    shutil.copytree(fold, fold.with_name("fold3"))
    assert render(results) == before
    results.settings["datasets"][0]["experiments"]["good"]["folds"] = [0, 3]
    assert "good &lt;net&gt;, fold 3" in render(results)


def test_a_model_of_a_fold_that_is_missing_is_named(results):
    add_nuclei(results, "one")
    results.settings["datasets"][0]["experiments"]["good"]["folds"] = [0, 1]
    with pytest.raises(SeptumError, match=r"good/fold1/model\.safetensors"):
        render(results)


def test_predictions_without_any_score(results):
    labels = squares()
    image = labels.astype(np.uint8)[None]
    pred = {"n": ((labels > 0).astype(np.uint16), labels, "unlabelled")}
    results.add("fresh", {"n": (image, None, None)}, {"net": pred}, unlabelled=["n"])
    page = Page(render(results))
    assert page.texts("li")[0].startswith("No annotated case was scored")
    assert len(page.all("article")) == 1
    assert "4 objects" in " ".join(page.texts("figcaption"))


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


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("leaderboard.csv", "leaderboard.csv"),
        ("plan.json", "plan.json"),
        ("good/cases.csv", "cases.csv"),
        ("good/pooled.csv", "pooled.csv"),
        ("good/confusion.csv", "confusion.csv"),
        ("good/predicted/1of1", "1of1"),
    ],
)
def test_a_missing_result_is_named_and_nothing_is_written(results, file, message):
    add_nuclei(results, "one")
    path = results.folder / "one" / file
    path.rename(path.with_name("away"))
    with pytest.raises(SeptumError, match=message):
        render(results)
    assert not (results.folder / "report.html").exists()


def test_a_broken_model_file_is_named(results):
    add_nuclei(results, "one")
    (results.folder / "one/bad/fold0/model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0not json")
    with pytest.raises(SeptumError, match="no model file of Septum"):
        render(results)
