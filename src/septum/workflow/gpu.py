"""Whether this machine has a GPU, as its driver tells: PyTorch is not asked.

Standard library only: the Snakefile asks this whenever it is parsed. Which processor a network
runs on is decided in `septum.networks.device`.
"""

from __future__ import annotations

import shutil
from pathlib import Path

DEVICES = ("nvidia[0-9]*", "dxg", "kfd")  # of NVIDIA; of Windows, below WSL; of AMD


def has_gpu(folder: str | Path = "/dev") -> bool:
    """Say whether there may be a GPU: a device of one's driver, or NVIDIA's tool.

    Parameters
    ----------
    folder : str or Path
        Where the system keeps its devices.
    """
    found = any(any(Path(folder).glob(name)) for name in DEVICES)
    return found or shutil.which("nvidia-smi") is not None
