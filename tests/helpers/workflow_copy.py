"""A copy of the workflow in a folder of its own, and a way to run it."""

from __future__ import annotations

import copy
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("Snakefile", "config.yaml", "environment.yml", "pipeline", "profiles", "src", "configs")

FIXED = {"polarity": "bright", "sigma": 1.0, "window": 0.0, "h": 1.0}
TINY = {
    "datasets": {
        "demo_nuclei": {
            "demo": "nuclei",
            "exclude": ["field_1*", "field_2*"],
            "train": {"patch": [32, 32], "epochs": 8, "steps": 2, "batch": 2},
        }
    },
    "experiments": {
        "unet": {"options": {"padded": True, "width": 4, "depth": 2, "norm": "batch"}},
        **dict.fromkeys(["dense_unet", "fcn8s", "segnet", "pspnet", "deeplabv3plus"]),
        "watershed": None,
        # of which only level and min_size are tuned
        "floor": {"method": "watershed", "options": FIXED},
    },
    "jobs": {"cases_per_job": 8},
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

    def copy(self, folder: Path) -> Workflow:
        """Return a copy of the workflow with its results and what Snakemake knows of them."""
        other = copy.copy(self)
        other.folder = shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        return other

    def start(self, *arguments: str, settings: dict | None = None) -> subprocess.Popen:
        """Start Snakemake, in a process group of its own."""
        (self.folder / "tiny.yaml").write_text(yaml.safe_dump(settings or self.settings))
        command = [sys.executable, "-m", "snakemake", "--configfile", "tiny.yaml", "--cores", "2"]
        return subprocess.Popen(
            [*command, *arguments],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, settings: dict | None = None, check: bool = True):
        """Run Snakemake; return the finished process with its output in ``stdout``."""
        process = self.start(*arguments, settings=settings)
        output, _ = process.communicate(timeout=900)
        done = subprocess.CompletedProcess(process.args, process.returncode, output)
        if check:
            assert done.returncode == 0, done.stdout
        return done

    def planned(self, *targets: str, settings: dict | None = None) -> list[tuple[str, str]]:
        """Return the jobs that a dry run says would be run: each rule and its (first) output."""
        output = self.run("--dry-run", *targets, "--quiet", "reason", settings=settings).stdout
        jobs = r"^(?:local)?rule (\w+):\n(?:    (?!output:).*\n)*(?:    output: ([^\s,]+))?"
        return re.findall(jobs, output, flags=re.M)

    def would_run(self, settings: dict | None = None) -> set[str]:
        """Return the rules that a dry run says would be run."""
        return {rule for rule, _ in self.planned(settings=settings)}
