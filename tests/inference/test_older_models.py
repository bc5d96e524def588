"""Model files of older formats predict what they predicted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from loaded import load_models

from septum.data.store import case_paths, read_case
from septum.inference.predictor import predict_case

# written by Septum 0.1.0; the README there says how
OLD = Path(__file__).parents[1] / "data" / "v1"
EXPECTED = json.loads((OLD / "expected_v1.json").read_text(encoding="utf-8"))["models"]


@pytest.mark.parametrize("name", EXPECTED)
def test_a_model_of_format_1_predicts_what_it_did(name):
    expected = EXPECTED[name]
    model = load_models([OLD / expected["file"]], torch.device("cpu"))
    assert model.digests == (expected["sha256"],)
    (path,) = case_paths([OLD / "case_v1"]).values()
    case = read_case(path)
    semantic, instance, scores = predict_case(
        model, case.image, case.statistics, model.header.predict
    )
    wanted = expected["predict_case"]
    # rounding on another processor may move single pixels
    sizes = np.bincount(instance.ravel())
    assert len(sizes) - 1 == wanted["instance"]["objects"]
    np.testing.assert_allclose(sizes, wanted["instance"]["pixels"], atol=6)
    np.testing.assert_allclose(scores, wanted["scores"], atol=0.01)
    counts = wanted["semantic"]["pixels"]
    np.testing.assert_allclose(np.bincount(semantic.ravel()), [counts["0"], counts["1"]], atol=20)
