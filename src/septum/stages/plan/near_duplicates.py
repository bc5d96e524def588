"""Images that occur twice: exact copies and near-duplicates.

A score is meaningless if a test image is also a training image. Exact copies are found by a
digest of their pixels. Near-duplicates (lossily compressed, resized, brightened, rotated by a
right angle or mirrored) are found by a perceptual hash (`imagehash.phash`) and confirmed by the
correlation of the downscaled images, since a hash alone confuses consecutive frames of a video.
Crops that overlap partly are not found; they are kept together by ``group`` in the
configuration.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import imagehash
import numpy as np
from PIL import Image

from septum.data.store import Case
from septum.errors import Problem

# About 128 of 256 bits differ between unrelated images, and at least 58 between two of 230
# brains. Up to 32 differ after strong compression, halving, a gamma of 0.7 or a shift by 1 %.
HASH_SIDE_BITS = 16
MAX_DIFFERING_BITS = 40
# The correlation is at least 0.55 after those changes, and 0.31 to 0.54 between consecutive
# frames or slices.
MIN_CORRELATION = 0.55
THUMBNAIL_SIDE_PX = 64
IMAGES_PER_BLOCK = 1024
MAX_PAIRS_IN_MESSAGE = 10


@dataclass(frozen=True)
class Signature:
    """Features by which an image is recognised.

    Parameters
    ----------
    name : str
        Name of the case.
    digest : str
        Digest of its shape, dtype and pixels.
    thumbnail : ndarray of uint8, shape (64, 64)
        The middle slice, averaged over the channels and downscaled.
    """

    name: str
    digest: str
    thumbnail: np.ndarray


@dataclass(frozen=True)
class Pair:
    """Two cases with equal or nearly equal images.

    Parameters
    ----------
    first, second : str
        Case names, in sorting order.
    exact : bool
        Whether every pixel is equal.
    """

    first: str
    second: str
    exact: bool


def sign(case: Case) -> Signature:
    """Return the signature of a case's image."""
    image = np.asarray(case.image)
    head = f"{image.shape} {image.dtype.str}".encode()
    digest = hashlib.sha256(head + np.ascontiguousarray(image).tobytes())
    while image.ndim > 3:
        image = image[:, image.shape[1] // 2]
    grey = np.mean([_eight_bit(channel) for channel in image], axis=0).astype(np.uint8)
    small = Image.fromarray(grey).resize(
        (THUMBNAIL_SIDE_PX, THUMBNAIL_SIDE_PX), Image.Resampling.BOX
    )
    return Signature(case.name, digest.hexdigest(), np.asarray(small))


def find_duplicates(signatures: Sequence[Signature]) -> list[Pair]:
    """Find all pairs of equal or nearly equal images, including mirrored and rotated ones.

    Parameters
    ----------
    signatures : sequence of Signature

    Returns
    -------
    list of Pair
        Sorted by name. 500 images take about a second, 5,000 about twenty.
    """
    ordered = sorted(signatures, key=lambda signature: signature.name)
    if not ordered:
        return []
    exact_by_pair: dict[tuple[int, int], bool] = {}
    for first, second in _candidates(ordered):
        exact_by_pair[first, second] = False
    by_digest: dict[str, list[int]] = {}
    for index, signature in enumerate(ordered):
        for earlier in by_digest.setdefault(signature.digest, []):
            exact_by_pair[earlier, index] = True
        by_digest[signature.digest].append(index)
    return [
        Pair(ordered[first].name, ordered[second].name, exact)
        for (first, second), exact in sorted(exact_by_pair.items())
    ]


def straddling(pairs: Sequence[Pair], part_of: Mapping[str, str]) -> list[Pair]:
    """Return the pairs whose cases lie in different parts of a split."""
    return [pair for pair in pairs if part_of[pair.first] != part_of[pair.second]]


def describe(
    pairs: Sequence[Pair], part_of: Mapping[str, str], where: str, *, from_file: bool
) -> Iterator[Problem]:
    """Yield the problems of pairs in different parts: ten of them, and the number of the rest.

    Parameters
    ----------
    pairs : sequence of Pair
    part_of : mapping of str to str
        The part of each case, for the message.
    where : str
        The configuration key.
    from_file : bool
        Whether the split is given by a file; grouping is then no remedy.
    """
    ways = "exclude one of them" if from_file else "exclude one of them, set this key to `group`"
    remedy = f"{ways}, or set it to `allow` if they only look alike"
    if from_file:
        remedy = f"{ways}, mend the split file, or set this key to `allow`"
    for pair in pairs[:MAX_PAIRS_IN_MESSAGE]:
        alike = "the same image" if pair.exact else "nearly the same image"
        first, second = (f"{name!r} ({part_of[name]})" for name in (pair.first, pair.second))
        yield Problem(where, f"{first} and {second} are {alike}", remedy)
    if len(pairs) > MAX_PAIRS_IN_MESSAGE:
        yield Problem(where, f"{len(pairs) - MAX_PAIRS_IN_MESSAGE} more pairs are alike", remedy)


def _eight_bit(channel: np.ndarray) -> np.ndarray:
    """Scale a channel (y, x) such that its 1st and 99.8th percentiles become 0 and 255."""
    pixels = channel.astype(np.float32)
    low, high = np.percentile(pixels, [1, 99.8])
    scale = 255 / (high - low) if high > low else 0.0
    return np.clip((pixels - low) * scale, 0, 255)


def _candidates(ordered: Sequence[Signature]) -> Iterator[tuple[int, int]]:
    """Yield index pairs of near-duplicates, the smaller first."""
    vectors = np.array([_unit(s.thumbnail) for s in ordered])
    # ±1 for each bit: the scalar product is 256 − 2 × the number of bits that differ
    bits = np.array([_bits(s.thumbnail) for s in ordered], dtype=np.float32)
    min_product = bits.shape[1] - 2 * MAX_DIFFERING_BITS
    for turn in range(8):
        turned = [_turn(s.thumbnail, turn) for s in ordered]
        turned_bits = np.array([_bits(t) for t in turned], dtype=np.float32)
        for start in range(0, len(ordered), IMAGES_PER_BLOCK):
            close = bits[start : start + IMAGES_PER_BLOCK] @ turned_bits.T >= min_product
            for row, j in np.argwhere(close):
                i = start + int(row)
                if i < j and vectors[i] @ _unit(turned[j]) >= MIN_CORRELATION:
                    yield i, int(j)


def _turn(image: np.ndarray, turn: int) -> np.ndarray:
    """Return one of the eight rotations and reflections of an image."""
    image = np.rot90(image, turn % 4)
    return image[:, ::-1] if turn >= 4 else image


def _bits(thumbnail: np.ndarray) -> np.ndarray:
    image = Image.fromarray(np.ascontiguousarray(thumbnail))
    return np.where(imagehash.phash(image, hash_size=HASH_SIDE_BITS).hash.ravel(), 1, -1)


def _unit(thumbnail: np.ndarray) -> np.ndarray:
    """Normalise the pixels to mean 0 and length 1, so that scalar products are correlations."""
    vector = thumbnail.astype(np.float32).ravel()
    vector -= vector.mean()
    length = np.linalg.norm(vector)
    return vector / length if length > 0 else vector
