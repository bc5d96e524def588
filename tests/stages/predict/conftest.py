"""Model files that the tests of predictions share."""

from __future__ import annotations

import pytest
from ball_models import trained

from septum.networks.model_file import save_model


@pytest.fixture(scope="package")
def models(tmp_path_factory):
    """Return model files of folds 0 and 1."""
    folder = tmp_path_factory.mktemp("models")
    paths = []
    for fold in (0, 1):
        segmenter, header = trained(fold)
        paths.append(folder / f"fold{fold}" / "model.safetensors")
        save_model(paths[-1], segmenter.state_dict(), header)
    return paths
