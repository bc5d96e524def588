"""The device that a network runs on, and the layout of tensors that suits it."""

from __future__ import annotations

import torch

from septum.errors import problem

CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}
"""The faster layout for convolutions, by the number of axes of a tensor."""


def choose_device(setting: str, key: str) -> str:
    """Return ``cpu`` or ``cuda`` for a setting ``auto``, ``cpu`` or ``gpu``.

    Parameters
    ----------
    setting : str
        The setting.
    key : str
        Its configuration key, for the message.

    Raises
    ------
    SeptumError
        If a GPU is demanded and there is none.
    """
    if setting != "cpu" and torch.cuda.is_available():
        return "cuda"
    if setting == "gpu":
        built = "" if torch.backends.cuda.is_built() else ", and this torch is built without CUDA"
        raise problem(
            key,
            f"demands a GPU, but torch finds none{built}",
            "run `nvidia-smi`, ask the cluster for one (resources: gpu), install a torch with "
            f"CUDA, or set {key} to auto or cpu",
        )
    return "cpu"


def has_bf16(device: str) -> bool:
    """Return whether a device, ``cpu`` or ``cuda``, supports bfloat16 without emulation.

    Processors with AVX-512 BF16 or AMX do (AMD since Zen 4, Intel's servers since Cooper Lake). On
    these a training step takes a half to four fifths of the time of single precision in 2-D, and
    a quarter to a half in 3-D; only depthwise convolutions are slower.
    """
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    # older versions of torch do not tell, and single precision is used
    processor = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(processor.get("avx512_bf16") or processor.get("amx_bf16"))
