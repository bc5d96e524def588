"""Whether there is a GPU, by what its driver leaves on the disk."""

from __future__ import annotations

import pytest

from septum.workflow.gpu import has_gpu


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        ("nvidia0", True),
        ("nvidia3", True),  # a container that was given one of several
        ("dxg", True),
        ("kfd", True),
        ("nvidiactl", False),  # the driver without a device
        ("null", False),
    ],
)
def test_devices(device, expected, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / device).touch()
    assert has_gpu(tmp_path) is expected


def test_the_tool_of_the_driver(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "nvidia-smi").touch(mode=0o755)
    assert has_gpu(tmp_path / "none")
