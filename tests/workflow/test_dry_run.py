"""Every shipped configuration parses and plans; a broken one says why."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))

pytestmark = pytest.mark.workflow


def snakemake(*arguments, cwd):
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    return subprocess.run(
        [*command, "--cores", "2", "--directory", str(cwd), "--dry-run", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )


def test_shipped_configuration_plans_the_demo(tmp_path):
    done = snakemake(cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    for rule in ("demo", "prepare", "plan", "augment", "weights", "train", "predict", "report"):
        assert f"\n{rule} " in done.stdout


@pytest.mark.real_data
@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_each_ready_configuration_plans(config, real_data, tmp_path):
    done = snakemake(
        "--configfile", str(config), "--config", f"data_root={real_data}", cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout
    assert "demo_nuclei" not in done.stdout


def test_a_broken_configuration_says_so_without_a_traceback(tmp_path):
    done = snakemake("--config", "trian={}", cwd=tmp_path)
    assert done.returncode != 0
    assert "trian: is not a known key" in done.stdout
    assert "did you mean 'train'" in done.stdout
    assert "Traceback" not in done.stdout


@pytest.mark.parametrize("name", ["<script>alert(1)<", "{x}", "a b", "ä'\"$(x)`y`", "-rf"])
def test_any_name_of_a_file_can_be_planned(name, tmp_path):
    for kind in ("images", "labels"):
        (tmp_path / kind).mkdir()
        for case in (name, "other"):
            (tmp_path / kind / f"{case}.tif").write_bytes(b"x")
    (tmp_path / "my.yaml").write_text(
        "datasets: {demo_nuclei: null, d: {images: 'images/{case}.tif', "
        "labels: 'labels/{case}.tif'}}\n"
    )
    done = snakemake("--configfile", str(tmp_path / "my.yaml"), cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "\nprepare " in done.stdout
