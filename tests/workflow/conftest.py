"""A copy of the workflow in a folder of its own, and a way to run it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("Snakefile", "config.yaml", "environment.yml", "pipeline", "profiles", "src", "configs")

TINY = {
    "datasets": {
        "demo_nuclei": {
            "demo": "nuclei",
            "exclude": ["field_1*", "field_2*"],
            "train": {"patch": [32, 32], "epochs": 1, "steps": 2, "batch": 2},
        }
    },
    "experiments": {
        "unet": {"options": {"padded": True, "width": 4, "depth": 2, "norm": "batch"}},
        "dense_unet": None,
    },
    "jobs": {"cases_per_job": 4},
    "report": {"bootstrap": 100},
}


class Workflow:
    """The workflow copied to a folder; `settings` is merged into the shipped configuration."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for part in PARTS:
            source, target = ROOT / part, folder / part
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, target)
        self.settings = TINY

    def run(self, *arguments: str, settings: dict | None = None, check: bool = True):
        """Run Snakemake; return the finished process with its output in ``stdout``."""
        (self.folder / "tiny.yaml").write_text(yaml.safe_dump(settings or self.settings))
        command = [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", "tiny.yaml"]
        done = subprocess.run(
            [*command, *arguments],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=900,
        )
        if check:
            assert done.returncode == 0, done.stdout
        return done

    def would_run(self, settings: dict | None = None) -> set[str]:
        """Return the rules that a dry run says would be run."""
        output = self.run("--dry-run", "--quiet", "reason", settings=settings).stdout
        return set(re.findall(r"^(?:local)?rule (\w+):", output, flags=re.M))


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Workflow:
    """The tiny configuration, run to its end once for all tests."""
    workflow = Workflow(tmp_path_factory.mktemp("workflow"))
    workflow.run()
    return workflow
