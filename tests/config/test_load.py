"""Files become one configuration, and every mistake in them is told at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_config import minimal, problems

from septum.config.load import load_config
from septum.errors import SeptumError

ROOT = Path(__file__).resolve().parents[2]


def test_later_files_override_earlier_ones_key_by_key(tmp_path):
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text("datasets: {a: {images: '{case}.png'}, b: {images: '{case}.png'}}\nseed: 1\n")
    second.write_text("datasets: {b: null, a: {exclude: [x]}}\n")
    loaded = load_config(first, second, overrides={"seed": 5})
    assert list(loaded.datasets) == ["a"]
    assert loaded.datasets["a"].images == "{case}.png"
    assert loaded.datasets["a"].exclude == ["x"]
    assert loaded.seed == 5


def test_every_problem_is_reported_in_one_go():
    found = problems(minimal(trian={}, train={"lr": 0}, report={"titel": "x"}))
    assert set(found) == {"trian", "train.lr", "report.titel"}


@pytest.mark.parametrize("text", ["a: [1", "just words", ""])
def test_a_file_that_is_no_mapping_is_named(tmp_path, text):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(SeptumError, match=r"config\.yaml"):
        load_config(path)


def test_a_key_that_stands_twice_is_an_error(tmp_path):
    path = tmp_path / "my.yaml"
    path.write_text(
        "experiments:\n"
        "  a: {network: unet, seed: 1}\n"
        "  b: {network: unet, train: {lr: 1.0, lr: 2.0}}\n"
        "  a: {network: segnet}\n"
        "datasets: {cells: {images: ['{case}.png', '{case}.tif']}}\n"
    )
    with pytest.raises(SeptumError) as error:
        load_config(path)
    assert [(p.where, p.what) for p in error.value.problems] == [
        (str(path), "has experiments.b.train.lr twice, in lines 3 and 3"),
        (str(path), "has experiments.a twice, in lines 2 and 4"),
    ]


def test_shipped_configuration_states_the_defaults():
    """config.yaml shows each section's defaults, as its first lines promise."""
    loaded = load_config(ROOT / "config.yaml")
    for name in ("augment", "weights", "train", "predict", "decode", "evaluate", "report", "jobs"):
        shown, default = getattr(loaded, name), type(getattr(loaded, name))()
        assert shown == default
        assert shown.model_fields_set == set(type(shown).model_fields), name
