"""Parameters of decoders and baselines, by where they come from."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from made_results import make_plan

from septum.classical.fitted import Fitted
from septum.config.registry import METHODS, MIN_SIZE, Method, Parameter
from septum.config.schema import ClassSpec, Merge, Normalisation, Run, Weights
from septum.stages.leaderboard.scores import Scores
from septum.stages.merge.record import Merged
from septum.stages.report.decoders import TunedRow, tuned_rows
from septum.stages.report.inputs import Dataset, Experiment, ShownModel, Used

WATERSHED = {
    "method": "watershed",
    "min_size": 44,
    "min_stuff": None,
    "score": 0.5,
    "seed_threshold": 0.7,
    "threshold": 0.45,
}
STARS = {"method": "stars", "min_size": 44, "threshold": 0.4}
OBJECTS = {
    "mask_threshold": 0.5,
    "method": "objects",
    "min_size": 9,
    "overlap": 0.2,
    "threshold": 0.7,
}


def results(key, **others):
    shared = {"scores": Scores(key, [], []), "histories": {}, "predicted": {}}
    return Experiment(key=key, name=key, **{"models": {}, **shared, **others})


def network(*decoders, head="border", together=None, **decode):
    """Return a network with a decoder a fold."""
    models = {
        fold: ShownModel("unet", head, {}, decoder, {}, (32, 32), 12)
        for fold, decoder in enumerate(decoders)
    }
    of = {"dataset": "cells", "experiment": "net", "network": "unet", "options": {}}
    run = Run.model_validate({**of, "head": head, "decode": decode})
    used = {"ensemble": Used(together, (32, 32))} if together else {}
    return results("net", models=models, run=run, used=used)


def rows(*experiments, ndim=2, **plan):
    made = replace(make_plan("cells", ndim, "instance", None, {}), **plan)
    weights = Weights()
    return tuned_rows(Dataset("cells", made, Normalisation(), weights, [], list(experiments), {}))


def test_what_was_tuned_is_told_in_the_order_of_its_weight():
    tuned = ["watershed", "threshold 0.45", "threshold of seeds 0.7", "smallest object 44 px"]
    assert rows(network(WATERSHED)) == [TunedRow("net", tuned=tuned)]


def test_parameters_are_called_by_the_labels_of_their_records(monkeypatch):
    width = Parameter("ring_width", label="width of rings")
    rings = Method("rings", "rings:Rings", parameters=(width, Parameter("a_share"), MIN_SIZE))
    monkeypatch.setitem(METHODS, rings.name, rings)
    settings = SimpleNamespace(method="auto", ring_width="auto", a_share=0.5, min_size="auto")
    experiment = network({"method": "rings", "min_size": 9, "a_share": 0.5, "ring_width": 3})
    (row,) = rows(replace(experiment, run=SimpleNamespace(decode=settings)))
    assert row.tuned == ["rings", "width of rings 3", "smallest object 9 px"]
    assert row.configured == ["a share 0.5"]


@pytest.mark.parametrize(
    ("head", "decoder", "tuned"),
    [
        (
            "flows",
            {
                "method": "flows",
                "flow_error": 0.8,
                "min_stuff": 64,
                "min_size": 9,
                "threshold": 0.4,
            },
            [
                "threshold 0.4",
                "flow error 0.8",
                "smallest object 9 px",
                "smallest area of stuff 64 px",
            ],
        ),
        (
            "detection",
            OBJECTS,
            ["threshold 0.7", "threshold of masks 0.5", "overlap 0.2", "smallest object 9 px"],
        ),
    ],
)
def test_parameters_of_other_heads(head, decoder, tuned):
    (row,) = rows(network(decoder, head=head), ndim=3)
    assert row.tuned == tuned


def test_what_the_configuration_sets_is_not_called_tuned():
    (row,) = rows(network(WATERSHED, method="watershed", min_size=44))
    assert row.tuned == ["threshold 0.45", "threshold of seeds 0.7"]
    assert row.configured == ["watershed", "smallest object 44 px"]


def test_the_only_method_of_a_head_is_derived():
    (row,) = rows(network(STARS, head="stardist"))
    assert row.derived == [("stars", "the only method of the head stardist")]
    assert row.tuned == ["threshold 0.4", "smallest object 44 px"]


@pytest.mark.parametrize("ndim", [2, 3])
def test_masks_of_objects_are_cut_at_one_half_in_2d(ndim):
    (row,) = rows(network(OBJECTS, head="detection"), ndim=ndim)
    masks = ("threshold of masks 0.5", "always, in 2-D")
    assert (masks in row.derived) is (ndim == 2)
    assert (masks[0] in row.tuned) is (ndim == 3)


def test_classes_alone_need_no_decoder():
    nothing = dict.fromkeys(["threshold", "min_size", "score"])
    (row,) = rows(network({"method": "argmax", **nothing}, head="semantic", method="components"))
    assert row == TunedRow("net", derived=[("argmax", "only classes are annotated")])


def test_a_size_of_nothing_is_not_tuned():
    (row,) = rows(
        network({**WATERSHED, "min_size": 0}), min_size=0, derived={"min_size": "objects of 1 px"}
    )
    assert row.derived == [("smallest object 0 px", "objects of 1 px")]


def test_folds_have_a_row_each_and_one_together():
    other, together = {**WATERSHED, "threshold": 0.55}, {**WATERSHED, "threshold": 0.5}
    found = rows(network(WATERSHED, other, together=together))
    assert [(row.owner, row.tuned[1]) for row in found] == [
        ("net, fold 0", "threshold 0.45"),
        ("net, fold 1", "threshold 0.55"),
        ("net, all folds together", "threshold 0.5"),
    ]


RECORD = {
    "score": 0.5,
    "spatial_dims": 2,
    "in_channels": 1,
    "annotation": "instance",
    "classes": {1: ClassSpec(name="nucleus")},
    "spacing": (1.0, 1.0),
    "unit": "pixel",
}


def test_parameters_of_a_baseline_are_tuned_or_set():
    parameters = {"polarity": "dark", "level": 0.35, "channel": None, "min_size": 30}
    record = Fitted(method="watershed", parameters=parameters, **RECORD)
    floor = results("floor", record=record, options={"polarity": "dark"})
    tuned = ["level 0.35", "smallest object 30 px"]
    assert rows(floor) == [TunedRow("floor", tuned=tuned, configured=["polarity dark"])]


def test_limits_of_a_merge_are_tuned():
    record = Merged(
        method="panoptic_merge",
        merge=Merge(instances="a", semantic="b"),
        parameters={"threshold": 0.3, "min_stuff": 64},
        **RECORD,
    )
    (row,) = rows(results("both", record=record))
    assert row == TunedRow("both", tuned=["threshold 0.3", "smallest area of stuff 64 px"])
