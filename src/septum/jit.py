"""How inner loops over pixels are compiled: one decorator, one set of settings."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numba


def compiled(function: Callable) -> Callable:
    """Compile by numba and keep the machine code for the next process.

    It lies in ``__pycache__`` beside the function's module, or in the user's cache folder where
    that cannot be written, or in ``NUMBA_CACHE_DIR`` where that is set. Division by zero gives
    infinity or NaN, as NumPy has it; the GIL is released.
    """
    try:
        return numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError as error:  # no folder can be written: numba says "no locator available"
        warnings.warn(
            f"{error}: it is compiled anew in every process; set NUMBA_CACHE_DIR to a folder "
            "that can be written to save these seconds",
            RuntimeWarning,
            stacklevel=2,
        )
        return numba.njit(cache=False, nogil=True, error_model="numpy")(function)
