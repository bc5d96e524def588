"""Seeds come from settings: every random draw names what it is drawn for."""

from __future__ import annotations

import hashlib

import numpy as np


def seed_of(*parts: object) -> int:
    """Return a 63-bit seed for what is named by ``parts`` (seed, dataset, case, copy, epoch, …).

    The same parts give the same seed on every machine, in every order of execution, and no
    two lists of parts share one by being concatenated.
    """
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:8], "big") >> 1


def rng(*parts: object) -> np.random.Generator:
    """Return a NumPy generator seeded by `seed_of`."""
    return np.random.default_rng(seed_of(*parts))
