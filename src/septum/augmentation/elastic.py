"""Elastic deformation of an image and its labels by one random, smooth field.

Ronneberger, Fischer and Brox, *U-Net*, MICCAI 2015, section 3.1: random displacement vectors on
a coarse 3 × 3 grid, drawn from a Gaussian of 10 pixels standard deviation, interpolated
bicubically to every pixel. (Not a 3 × 3 kernel, and not one vector a pixel.) Çiçek et al.,
*3D U-Net*, MICCAI 2016, do the same in three dimensions.

The engine is elasticdeform (https://github.com/gvtulder/elasticdeform), asked for one thing
only, `_warp`, so that it can be exchanged. Its own random draw is not used: that comes from
NumPy's global state. The paper does not say what lies beyond the border; the default is the
mirrored border of its overlap-tile strategy. The engine's ``reflect`` departs from SciPy's: places
up to a pixel before the first are read from beyond the border, where the second pixel lies
mirrored, and SciPy repeats the first. It is passed on as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import elasticdeform
import numpy as np

from septum.errors import problem

Labels = TypeVar("Labels", np.ndarray, Sequence[np.ndarray], None)

MODES = ("mirror", "nearest", "constant", "wrap", "reflect")


@dataclass(frozen=True)
class ElasticDeformation:
    """A random elastic deformation: the same settings deform any image by the same field.

    Parameters
    ----------
    points : int
        Nodes of the coarse grid along each axis; the outermost lie on the image's border.
    sigma : float
        Standard deviation of each component of a node's displacement, in pixels.
    seed : int
        What the displacement is drawn from.
    mode : {"mirror", "nearest", "constant", "wrap", "reflect"}
        What lies beyond the border; ``mirror`` does not repeat the outermost pixel, ``reflect``
        does, ``constant`` is 0.
    spacing : sequence of float, optional
        Pixel size along each axis. ``sigma`` is then in pixels of the finest axis, and an axis
        whose pixels are k times as long is displaced by sigma / k of them: the field is
        isotropic in space. Without it every axis is displaced by ``sigma`` pixels.

    Notes
    -----
    Images are resampled by cubic splines (order 3), labels by nearest neighbour (order 0).

    Examples
    --------
    >>> deform = ElasticDeformation(points=3, sigma=10.0, seed=0)
    >>> image = np.zeros((1, 64, 64), np.uint8)
    >>> labels = np.zeros((64, 64), np.uint16)
    >>> image[:, 20:40], labels[20:40] = 200, 7
    >>> image, labels = deform(image, labels)
    >>> image.shape, image.dtype, np.unique(labels)
    ((1, 64, 64), dtype('uint8'), array([0, 7], dtype=uint16))

    The vectors of the 3 × 3 nodes are the generator's normal numbers times ``sigma``; those along
    the first axis begin so:

    >>> deform.displacement(ndim=2)[0, 0].round(2)
    array([ 1.26, -1.32,  6.4 ])
    """

    points: int = 3
    sigma: float = 10.0
    seed: int = 0
    mode: Literal["mirror", "nearest", "constant", "wrap", "reflect"] = "mirror"
    spacing: Sequence[float] | None = None

    def __post_init__(self) -> None:
        if self.points < 2:
            raise problem("points", f"is {self.points}", "give 2 nodes an axis, or more")
        if not self.sigma >= 0:
            raise problem("sigma", f"is {self.sigma}", "give a number of 0 or more")
        if self.mode not in MODES:
            raise problem("mode", f"cannot be {self.mode!r}", f"choose one of: {', '.join(MODES)}")

    def __call__(self, image: np.ndarray, labels: Labels = None) -> tuple[np.ndarray, Labels]:
        """Deform an image and its labels.

        Parameters
        ----------
        image : array (C, *spatial)
            Any number of channels and of spatial axes, integer or float.
        labels : integer array (*spatial), a sequence of such arrays, or None
            The label maps of the image (semantic and instance, say).

        Returns
        -------
        image : array of the same shape and type
            Integers are rounded, and clipped to the range of their type.
        labels : what was given, deformed
            Of the same types; a sequence comes back as a list.

        Raises
        ------
        SeptumError
            Labels of another shape than the image, or ``spacing`` of another dimension.
        """
        maps = [] if labels is None else [labels] if isinstance(labels, np.ndarray) else [*labels]
        for array in maps:
            if array.shape != image.shape[1:]:
                raise problem(
                    "labels",
                    f"have shape {array.shape}, the image {image.shape} (channels first)",
                    "give labels of the image's spatial shape",
                )
        displacement = self.displacement(image.ndim - 1)
        # Images of up to 16 bits are whole in float32.
        exact = np.float32 if image.dtype.itemsize <= 2 else np.result_type(image, np.float32)
        channels = [channel.astype(exact) for channel in image]
        orders = [3] * len(channels) + [0] * len(maps)
        warped = _warp([*channels, *maps], displacement, orders, self.mode)
        image = _as_type(np.stack(warped[: len(channels)]), image.dtype)
        maps = warped[len(channels) :]
        if labels is None or isinstance(labels, np.ndarray):
            return image, maps[0] if maps else None
        return image, maps

    def displacement(self, ndim: int) -> np.ndarray:
        """Return the nodes' displacement in pixels, (ndim, points, points, …) float64.

        A pixel x of the result is read at x + displacement(x) of the input.
        """
        scale = np.ones(ndim) if self.spacing is None else np.asarray(self.spacing, float)
        if scale.shape != (ndim,) or not (scale > 0).all():
            raise problem(
                "spacing",
                f"{self.spacing} does not fit an image of {ndim} spatial axes",
                "give one positive number an axis, in the order of the axes",
            )
        nodes = np.random.default_rng(self.seed).standard_normal((ndim, *[self.points] * ndim))
        sigmas = self.sigma * scale.min() / scale
        return nodes * sigmas.reshape(-1, *[1] * ndim)


def _as_type(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return an image to its own type; the splines' overshoot must not wrap around."""
    if dtype.kind in "ui":
        limits = np.iinfo(dtype)
        values = np.clip(np.rint(values), limits.min, limits.max)
    return values.astype(dtype)


def _warp(
    arrays: list[np.ndarray], displacement: np.ndarray, orders: list[int], mode: str
) -> list[np.ndarray]:
    """Resample arrays of one spatial shape: the whole of what is asked of the engine."""
    shape = arrays[0].shape
    # Along an axis of one pixel there is nowhere to go, and the engine would divide by zero.
    long = [axis for axis, size in enumerate(shape) if size > 1]
    if not long or 0 in shape:
        return [array.copy() for array in arrays]
    nodes = tuple(slice(None) if size > 1 else 0 for size in shape)
    displacement = np.ascontiguousarray(displacement[(long, *nodes)])
    flat = [array.squeeze() for array in arrays]
    warped = elasticdeform.deform_grid(flat, displacement, order=orders, mode=mode)
    return [array.reshape(shape) for array in warped]
