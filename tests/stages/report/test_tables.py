"""The tables of scores hold the numbers of the CSV files, and mark the best."""

from __future__ import annotations

import numpy as np
import pytest
from made_results import flawed, squares
from report_page import Page, render

from septum.config.schema import ClassSpec
from septum.stages.leaderboard.scores import read_rows


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
