"""Seeds: the same on every machine, and another one for another draw."""

from __future__ import annotations

import hashlib

import pytest

from septum.seeds import rng, seed_of


def test_a_seed_is_what_its_docstring_says():
    # SHA-256 of the parts, each with the name of its type, 63 bits of it
    text = "int:7\x1fstr:nuclei"
    assert seed_of(7, "nuclei") == int(hashlib.sha256(text.encode()).hexdigest()[:16], 16) >> 1


@pytest.mark.parametrize(
    "parts", [("7", "nuclei"), ("nuclei", 7), (7, "nucle", "i"), (7, "nuclei", 0), (8, "nuclei")]
)
def test_other_parts_give_another_seed(parts):
    assert seed_of(*parts) != seed_of(7, "nuclei")


def test_a_generator_draws_the_same_again():
    first, again, other = (rng(0, "a"), rng(0, "a"), rng(0, "b"))
    draws = first.integers(2**32, size=4).tolist()
    assert again.integers(2**32, size=4).tolist() == draws
    assert other.integers(2**32, size=4).tolist() != draws
