"""A new head, or way of decoding, is one file and one record of the registry."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from loaded import load_models
from pydantic import create_model

from septum.config import registry
from septum.config.decode_section import decode_fields
from septum.config.schema import ClassSpec, Predict
from septum.config.section import Section
from septum.data.intensity import statistics
from septum.data.store import Case, Geometry, case_path, write_case
from septum.heads.base import head_class
from septum.inference.predictor import predict_case
from septum.networks.model_file import save_model
from septum.networks.model_header import ModelHeader
from septum.networks.segmenter import build_segmenter
from septum.stages.tune.decoder import tune_decoder

HEAD = """
from septum.heads.base import RegressionHead


class Plain(RegressionHead):
    '''Background and classes as they are: touching objects are one.'''
"""
METHOD = """
import numpy as np

from septum.decoding.base import MapMethod, Tuning


class Whole(MapMethod):
    '''All that is likely enough is one object.'''

    @staticmethod
    def tuning(spatial_dims):
        return {"level": Tuning(0.5, (0.25, 0.5, 0.75))}

    @staticmethod
    def label(maps, parameters):
        labels = (maps.inside > parameters["level"]).astype(np.int32)
        return labels, np.full(int(labels.max(initial=0)), maps.things[0])
"""
OPTIONS = {"padded": True, "width": 4, "depth": 1, "norm": "batch", "dropout": 0.0}


@pytest.fixture
def added(tmp_path, monkeypatch):
    """A head and a way of decoding, each a file and a record."""
    (tmp_path / "plain_head.py").write_text(HEAD)
    (tmp_path / "whole_method.py").write_text(METHOD)
    monkeypatch.syspath_prepend(tmp_path)
    level = registry.Parameter("level", above=0.0, below=1.0)
    parameters = (level, registry.MIN_SIZE, registry.MIN_STUFF)
    head = registry.Head("plain", "plain_head:Plain", methods=("whole",))
    method = registry.Method("whole", "whole_method:Whole", parameters=parameters)
    monkeypatch.setitem(registry.HEADS, head.name, head)
    monkeypatch.setitem(registry.METHODS, method.name, method)


def test_they_are_trained_tuned_kept_and_decoded(added, tmp_path):
    labels = np.zeros((32, 32), np.uint32)
    labels[8:24, 8:24] = 1
    image = (50 + 100 * (labels > 0))[None].astype(np.uint8)
    case = Case(
        "a", image, (labels > 0).astype(np.uint16), labels, Geometry((1.0, 1.0)), statistics(image)
    )
    path = case_path(tmp_path / "cases", "a")
    write_case(path, case)

    # the settings know the parameter, with its bounds
    fields = decode_fields(registry.METHODS.values())
    settings = create_model("Settings", __base__=Section, method=(str, "auto"), **fields)
    assert settings().level == "auto"
    with pytest.raises(ValueError, match="less than 1"):
        settings(level=2.0)

    known = {"spatial_dims": 2, "in_channels": 1, "head": "plain"}
    segmenter = build_segmenter("unet", OPTIONS, n_classes=1, **known)
    target = head_class("plain")([1]).target(case.semantic, labels)
    targets = {"classes": torch.from_numpy(target)[None].long()}
    shown = torch.from_numpy(image[None] / 255).float()
    optimizer = torch.optim.Adam(segmenter.parameters(), 0.02)
    for _ in range(40):
        loss = sum(segmenter.losses(shown, targets).values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.2

    header = ModelHeader(
        network="unet",
        options=OPTIONS,
        classes={1: ClassSpec(name="square")},
        annotation="instance",
        intensities={"scheme": "ct", "low": 0.0, "high": 255.0, "mean": 0.0, "std": 255.0},
        spacing=(1.0, 1.0),
        unit="pixel",
        patch=(32, 32),
        **known,
    )
    decoder = tune_decoder(segmenter.eval(), header, [path], settings(), min_size=20)
    assert decoder.method == "whole"
    assert set(decoder.parameters) == {"level", "min_size"}
    assert decoder.score > 0.5

    file = tmp_path / "model.safetensors"
    save_model(file, segmenter.state_dict(), header.model_copy(update={"decoder": decoder}))
    model = load_models([file], torch.device("cpu"))
    assert model.header.decoder == decoder
    semantic, instance, scores = predict_case(model, image, case.statistics, Predict())
    assert (instance.max(), len(scores)) == (1, 1)
    assert ((instance > 0) == (labels > 0)).mean() > 0.95
    np.testing.assert_array_equal(semantic > 0, instance > 0)
