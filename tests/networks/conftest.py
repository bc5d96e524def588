"""Fixtures shared by the tests of networks."""

from __future__ import annotations

import pytest
import torch
from vgg_checkpoints import vgg_checkpoint


@pytest.fixture
def vgg16(tmp_path):
    """Return a checkpoint and its file."""
    path, state = tmp_path / "vgg16.pth", vgg_checkpoint()
    torch.save(state, path)
    return path, state
