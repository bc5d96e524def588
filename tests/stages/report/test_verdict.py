"""What the numbers say, in sentences."""

from __future__ import annotations

import numpy as np
from made_results import add_baseline, flawed, squares
from report_page import Page, render


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


def test_a_network_that_does_not_beat_the_baseline_is_said_to(results):
    add_baseline(results, good=squares(), bad=flawed(squares()), floor=squares())
    page = Page(render(results))
    assert "No network beats floor <net> (classical), which needs no training." in page.texts(
        "li"
    ), "equal is not better"
    assert page.texts("small").count("against floor <net> (classical): no better") == 2


def test_only_those_are_named_that_do_not_beat_it(results):
    nothing = np.zeros_like(squares())
    add_baseline(results, good=squares(), bad=nothing, floor=flawed(squares()))
    page = Page(render(results))
    assert (
        "bad <net> does not beat floor <net> (classical), which needs no training."
        in page.texts("li")
    )


def test_predictions_without_any_score(results):
    labels = squares()
    image = labels.astype(np.uint8)[None]
    pred = {"n": ((labels > 0).astype(np.uint16), labels, "unlabelled")}
    results.add("fresh", {"n": (image, None, None)}, {"net": pred}, unlabelled=["n"])
    page = Page(render(results))
    assert page.texts("li")[0].startswith("No annotated case was scored")
    assert len(page.all("article")) == 1
    assert "4 objects" in " ".join(page.texts("figcaption"))
