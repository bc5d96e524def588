"""What the experiments cost: a table, and pictures where they compare anything."""

from __future__ import annotations

import numpy as np
from made_results import squares
from report_page import Page, render


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
