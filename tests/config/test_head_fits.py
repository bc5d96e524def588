"""Settings that a head has no use for."""

from __future__ import annotations

import pytest
from small_config import minimal, problems

from septum.config.load import validate
from septum.errors import SeptumError


def test_what_a_head_cannot_do_shows_once_though_several_datasets_ask():
    raw = {
        "datasets": {name: {"demo": "nuclei"} for name in ("a", "b")},
        "experiments": {
            "stars": {"network": "unet", "head": "flows", "decode": {"method": "components"}}
        },
    }
    with pytest.raises(SeptumError) as caught:
        validate(raw)
    (problem,) = caught.value.problems
    assert problem.where == "experiments.stars.decode.method"
    assert "choose one of: auto, flows" in problem.remedy


def test_a_crf_is_off_unless_given_and_never_for_heads_that_regress():
    crf = {"intensity_sigma": 0.1, "iterations": 5}
    loaded = validate(minimal(predict={"crf": crf})).run("nuclei", "net").predict
    assert (loaded.crf.intensity_sigma, loaded.crf.iterations) == (0.1, 5)
    assert (loaded.crf.appearance_sigma, loaded.crf.smoothness_weight) == (10.0, 3.0)
    raw = minimal()
    raw["experiments"] = {"net": {"network": "unet", "head": "flows", "predict": {"crf": crf}}}
    found = problems(raw)
    assert list(found) == ["experiments.net.predict.crf"]
    raw["experiments"]["net"]["predict"] = {"crf": False}
    assert validate(raw).run("nuclei", "net").predict.crf is None


def test_what_is_set_for_all_is_for_the_heads_that_it_fits():
    raw = minimal(predict={"crf": {"intensity_sigma": 0.1}}, decode={"method": "components"})
    raw["experiments"] = {
        "net": {"network": "unet"},
        "far": {"network": "unet", "head": "distance"},
    }
    loaded = validate(raw)
    net, far = (loaded.run("nuclei", name) for name in ("net", "far"))
    assert (net.predict.crf.intensity_sigma, net.decode.method) == (0.1, "components")
    assert (far.predict.crf, far.decode.method) == (None, "auto")
    raw["experiments"]["far"]["decode"] = {"method": "components"}
    assert list(problems(raw)) == ["experiments.far.decode.method"]


@pytest.mark.parametrize("network", ["mask_rcnn", "faster_rcnn", "panoptic_fpn"])
def test_detectors_need_windows_that_share_pixels(network):
    raw = minimal(predict={"overlap": 0})
    raw["experiments"] = {"maps": {"network": "unet"}, "boxes": {"network": network}}
    loaded = validate(raw)
    assert loaded.run("nuclei", "maps").predict.overlap == 0
    assert loaded.run("nuclei", "boxes").predict.overlap == 0.25
    raw["experiments"]["maps"]["predict"] = {"overlap": 0}
    raw["experiments"]["boxes"]["predict"] = {"overlap": 0.1}
    assert validate(raw).run("nuclei", "boxes").predict.overlap == 0.1
    for overlap in (0, 1e-17):
        raw["experiments"]["boxes"]["predict"] = {"overlap": overlap}
        found = problems(raw)
        assert list(found) == ["experiments.boxes.predict.overlap"]
        assert "counted in each" in found["experiments.boxes.predict.overlap"]
        assert "-> set it to 0.25" in found["experiments.boxes.predict.overlap"]
