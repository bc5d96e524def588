"""`septum predict`: which models it takes. What it predicts is tested where it predicts."""

from __future__ import annotations

import pytest

from septum import cli


@pytest.mark.parametrize(
    ("models", "options", "says"),
    [
        (["a.json", "b.safetensors"], [], "--model: mixes networks (model.safetensors) and bas"),
        (["a.JSON"], ["--settings", '{"tta": true}'], "--settings: is for networks: a baseline"),
        (["a.safetensors"], ["--settings", '{"tto": 1}'], "--settings.tto: is not a known key"),
    ],
)
def test_what_it_refuses(tmp_path, capsys, models, options, says):
    out = tmp_path / "out"
    assert cli.main(["predict", "x.tif", "--model", *models, *options, "--out", str(out)]) == 1
    assert says in capsys.readouterr().err
    assert not out.exists()
