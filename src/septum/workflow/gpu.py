"""Detection of a GPU by its driver, without PyTorch, whose import is slow.

The device that a network runs on is chosen in `septum.networks.device`.
"""

from __future__ import annotations

import shutil
from pathlib import Path

GPU_DEVICE_PATTERNS = ("nvidia[0-9]*", "dxg", "kfd")  # NVIDIA; Windows, in WSL; AMD


def has_gpu(folder: str | Path = "/dev") -> bool:
    """Return whether there may be a GPU, judged by devices of drivers and NVIDIA's tool.

    Parameters
    ----------
    folder : str or Path
        The folder of the system's devices.
    """
    has_device = any(any(Path(folder).glob(name)) for name in GPU_DEVICE_PATTERNS)
    return has_device or shutil.which("nvidia-smi") is not None
