"""What is measured, and the files it is written to."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from septum.errors import SeptumError
from septum.io.usage import (
    CaseCosts,
    PredictionCosts,
    TrainingCosts,
    Usage,
    processor_name,
    read_costs,
    usage,
    write_costs,
)

GROWING = """
from septum.io.usage import usage
before = usage("cpu", 3)
held = b"x" * (300 * 2**20)
after = usage("cpu", 3)
del held
print(before.peak_memory_mb, after.peak_memory_mb, usage("cpu", 3).peak_memory_mb, after.threads)
"""


def test_the_peak_is_that_of_the_process_in_mebibytes():
    done = subprocess.run(
        [sys.executable, "-c", GROWING], capture_output=True, text=True, check=True
    )
    before, after, freed, threads = map(float, done.stdout.split())
    assert 280 < after - before < 330
    assert freed > after - 5, "a peak stays (the kernel counts by pages at a time)"
    assert threads == 3


def test_nothing_heavy_is_loaded_to_measure():
    code = "import sys, septum.io.usage; print('torch' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == "False"


def test_the_processor_has_its_name(tmp_path, monkeypatch):
    info = tmp_path / "cpuinfo"
    monkeypatch.setattr("septum.io.usage.CPU_INFO_FILE", info)
    assert processor_name(), "elsewhere at least the architecture"
    info.write_text("processor\t: 0\nmodel name\t: Some  CPU @ 3 GHz\nmodel name\t: Other\n")
    assert processor_name() == "Some CPU @ 3 GHz"
    assert usage("cpu", 1).device == "Some CPU @ 3 GHz"
    info.write_text("processor\t: 0\n")
    assert processor_name()


def test_parts_of_a_training_are_joined():
    first = Usage(device="A", threads=8, peak_memory_mb=700.0)
    second = Usage(device="B", threads=4, peak_memory_mb=500.0)
    assert second.after(None) == second
    assert second.after(first) == Usage(device="A + B", threads=4, peak_memory_mb=700.0)
    again = first.after(second.after(first))
    assert again == Usage(device="A + B", threads=8, peak_memory_mb=700.0)
    assert second.after(Usage(device="B")).peak_memory_mb == 500.0
    assert second.after(Usage()).device == "B"
    assert Usage(device="B + A").after(first).device == "A + B"


def test_files_hold_plain_numbers(tmp_path):
    path = tmp_path / "fold0/costs.json"
    costs = TrainingCosts(training_s=12.5, parameters=7, device="A", threads=2)
    write_costs(path, costs)
    assert json.loads(path.read_text()) == {
        "device": "A",
        "threads": 2,
        "peak_memory_mb": None,
        "training_s": 12.5,
        "parameters": 7,
    }
    assert read_costs(path, TrainingCosts) == costs
    path = tmp_path / "costs/1of1.json"
    job = PredictionCosts(cases=[CaseCosts(case="a", models=2, pixels=64, seconds=0.5)])
    write_costs(path, job)
    assert json.loads(path.read_text())["cases"] == [
        {"case": "a", "models": 2, "pixels": 64, "seconds": 0.5}
    ]
    assert read_costs(path, PredictionCosts) == job


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{", "is not valid JSON"),
        ("[]", "is no record of costs"),
        ('{"training_s": "long"}', r"is no record of costs \(training_s: "),
        ('{"cases": []}', r"is no record of costs \(cases: "),
    ],
)
def test_another_file_is_refused(tmp_path, text, what):
    path = tmp_path / "costs.json"
    path.write_text(text)
    with pytest.raises(SeptumError, match=rf"costs\.json: {what}"):
        read_costs(path, TrainingCosts)
