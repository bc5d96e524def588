"""Augmentation on the fly: zoom, flips, 90° rotations, intensity and noise.

MONAI's transforms do the arithmetic; what is drawn comes from the generator of the patch, so
that a patch depends on nothing but its number. MONAI's own random transforms draw one after
the other from a state that each of them keeps, and re-seeding a chain of six costs more than
all the arithmetic of a 128² patch.

Elastic deformation is done beforehand, on disk (`septum.augmentation.elastic`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from monai.data import get_track_meta, set_track_meta
from monai.transforms import (
    AdjustContrast,
    Flip,
    Resize,
    Rotate90,
    ScaleIntensity,
    ShiftIntensity,
)
from torch import Tensor

from septum.data.windows import square_planes

# Zoom, intensity and noise each change this share of the patches; the others stay as measured.
PROBABILITY = 0.5
# Maps whose values are names, not amounts: nothing lies between them.
IDS = ("classes", "instance")
LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}


class Augmentation:
    """Random changes of one patch, image, classes and weights together.

    Parameters
    ----------
    size : sequence of int
        Patch size.
    spacing : sequence of float
        Of the pixels; 90° rotations happen only in planes of equal spacing and equal size.
    flip, rotate : bool
        Each axis is flipped with probability ½; each plane turned by 0, 90, 180 or 270°.
    scale : float
        Half of the patches are zoomed, by exp(u), u uniform within ±log(1 + scale).
    intensity : float
        Half of the patches get, channel by channel, a gamma and a gain within 1 ± intensity
        and an offset within ± intensity standard deviations of the channel.
    noise : float
        Half of the patches get Gaussian noise of a standard deviation uniform in [0, noise],
        in units of the normalised image.

    Examples
    --------
    >>> augment = Augmentation((2, 2), (1.0, 1.0), flip=True)
    >>> patch = {"image": torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])}
    >>> patch["classes"] = torch.tensor([[0, 1], [0, 1]])
    >>> flipped = augment(patch, np.random.default_rng(1))  # draws 0.51, 0.95: no flip
    >>> flipped["image"].tolist()
    [[[1.0, 2.0], [3.0, 4.0]]]
    >>> flipped = augment(patch, np.random.default_rng(2))  # draws 0.26, 0.30: both axes
    >>> flipped["image"].tolist(), flipped["classes"].tolist()
    ([[[4.0, 3.0], [2.0, 1.0]]], [[1, 0], [1, 0]])
    """

    def __init__(
        self,
        size: Sequence[int],
        spacing: Sequence[float],
        *,
        flip: bool = False,
        rotate: bool = False,
        scale: float = 0.0,
        intensity: float = 0.0,
        noise: float = 0.0,
    ) -> None:
        self.size = tuple(int(n) for n in size)
        self.spacing = tuple(spacing)
        self.flip = flip
        self.scale = scale
        self.intensity = intensity
        self.noise = noise
        self.planes = square_planes(self.size, spacing) if rotate else []
        linear = LINEAR[len(self.size)]
        self._resize = Resize(self.size, mode=linear, align_corners=False)
        # "nearest" of torch is half a pixel off the linear one; "nearest-exact" is not
        self._resize_ids = Resize(self.size, mode="nearest-exact")

    def draw_zoom(self, random: np.random.Generator) -> float:
        """Draw by how much a patch is enlarged: cut it ``size / zoom`` large."""
        if not self.scale or random.random() >= PROBABILITY:
            return 1.0
        bound = np.log1p(self.scale)
        return float(np.exp(random.uniform(-bound, bound)))

    def __call__(self, patch: dict[str, Tensor], random: np.random.Generator) -> dict[str, Tensor]:
        """Bring a patch to the size of all, and change it at random.

        Parameters
        ----------
        patch : dict
            ``image`` (C, *extent) float32, ``classes`` (*extent) int64, and, if there are any,
            ``weights`` (*extent) float32 and ``instance`` (*extent) int32; any extent.
        random : numpy.random.Generator

        Returns
        -------
        dict
            The same keys and dtypes, of size ``size``.
        """
        with _plain_tensors():
            planes = self._turn(self._zoom(patch), random)
            channels = patch["image"].shape[0]
            image = self._recolour(planes[:channels], random)
        targets = dict(zip(_beside(patch), planes[channels:], strict=True))
        return {"image": image} | {k: v.to(patch[k].dtype) for k, v in targets.items()}

    def _zoom(self, patch: dict[str, Tensor]) -> Tensor:
        """Resize to the common size, and stack everything into one float32 tensor."""
        planes = {"image": patch["image"]}
        planes |= {key: patch[key][None].float() for key in _beside(patch)}
        if tuple(patch["classes"].shape) != self.size:
            for key, plane in planes.items():
                planes[key] = (self._resize_ids if key in IDS else self._resize)(plane)
        return torch.cat(list(planes.values()))

    def _turn(self, planes: Tensor, random: np.random.Generator) -> Tensor:
        if self.flip:
            axes = [axis for axis in range(len(self.size)) if random.random() < 0.5]
            if axes:
                planes = Flip(axes)(planes)
        for plane in self.planes:
            turns = int(random.integers(4))
            if turns:
                planes = Rotate90(turns, plane)(planes)
        return planes.contiguous()

    def _recolour(self, image: Tensor, random: np.random.Generator) -> Tensor:
        if self.intensity and random.random() < PROBABILITY:
            bound = self.intensity
            channels = []
            for channel in image.split(1):
                gamma, gain, offset = random.uniform(-bound, bound, 3)
                offset = float(offset) * float(channel.std(correction=0))
                channel = AdjustContrast(gamma=1 + gamma)(channel)
                channel = ScaleIntensity(minv=None, maxv=None, factor=gain)(channel)
                channels.append(ShiftIntensity(offset)(channel))
            image = torch.cat(channels)
        if self.noise and random.random() < PROBABILITY:
            drawn = random.standard_normal(tuple(image.shape), dtype=np.float32)
            image = image + torch.from_numpy(drawn) * float(random.uniform(0, self.noise))
        return image.float()


def _beside(patch: dict[str, Tensor]) -> list[str]:
    """Return the maps beside the image, in the order in which they are stacked."""
    return [key for key in ("classes", "weights", "instance") if key in patch]


@contextlib.contextmanager
def _plain_tensors() -> Iterator[None]:
    """Let MONAI keep no metadata: nothing here needs it, and it costs three times the rest."""
    before = get_track_meta()
    set_track_meta(False)
    try:
        yield
    finally:
        set_track_meta(before)
