"""Flows and their decoding against what Cellpose answered (tests/data/peers/README.md)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from septum.decoding.flows import follow_flows
from septum.heads.flows import flow_targets

PEER = json.loads(
    (Path(__file__).resolve().parents[1] / "data" / "peers" / "cellpose.json").read_text()
)
SCENES = sorted(PEER["scenes"])


@pytest.mark.parametrize("scene", SCENES)
def test_flows_are_cellposes(scene):
    labels, peer = (np.array(PEER["scenes"][scene][key]) for key in ("labels", "flows"))
    flows = flow_targets(labels)
    inside = labels > 0
    assert not flows[:, ~inside].any()
    length = np.linalg.norm(peer, axis=0)
    moving = inside & (length > 0.5)
    assert moving.sum() >= 0.95 * inside.sum()
    cosine = (flows * peer).sum(axis=0)[moving] / length[moving]
    # both spread heat step by step and take logarithms differently: directions to three degrees
    assert cosine.min() > np.cos(np.deg2rad(3.2))
    assert np.median(cosine) > np.cos(np.deg2rad(0.3))


@pytest.mark.parametrize("scene", SCENES)
def test_objects_that_follow_cellposes_flows_are_cellposes(scene):
    labels, flows, masks = (
        np.array(PEER["scenes"][scene][key]) for key in ("labels", "flows", "masks")
    )
    assert masks.max() == len(np.unique(labels)) - 1
    np.testing.assert_array_equal(follow_flows(flows.astype(np.float32), labels > 0), masks)
