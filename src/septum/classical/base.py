"""What the classical methods share: from an image to a grey landscape, and clean label maps.

Every method works on one grey image in which objects are bright, smoothed, and scaled so that
0 is the mean of the background and 1 the mean of the objects as Otsu's threshold tells them
apart. Hence no parameter depends on the detector's gain or on the bit depth. Lengths are in
pixels of the finest axis; along a coarser one they are converted by ``spacing``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field
from scipy import ndimage
from skimage.filters import threshold_otsu

from septum.config.section import Section
from septum.errors import problem
from septum.instances.relabel import drop_small, number_in_raster_order

MIN_RELATIVE_RANGE = 1e-5
"""Range of a smoothed image, in that of the image itself, below which it is constant."""
Length = Annotated[float, Field(ge=0)]
"""In pixels of the finest axis."""


class Method(Section):
    """A classical method with its parameters; frozen, JSON-able, checked for type and range.

    Parameters
    ----------
    polarity : {"bright", "dark"}
        Whether objects are brighter or darker than their surroundings.
    channel : int, optional
        The channel that is looked at; by default the mean of all.
    sigma : float
        Standard deviation of the Gaussian that smooths the image, in pixels; 0 for none.
    window : float
        Standard deviation of the Gaussian over which the local mean is taken that is
        subtracted before (a local threshold, against uneven illumination); 0 for none.
    level : float
        Grey value above which a pixel is taken for a part of an object: the share of the way
        from the mean of the background to that of the objects. Otsu's threshold is 0.5, for
        it lies half way between the means of its two classes.
    min_size : int
        Objects of fewer pixels are removed.
    """

    polarity: Literal["bright", "dark"] = "bright"
    channel: Annotated[int, Field(ge=0)] | None = None
    sigma: Length = 1.0
    window: Length = 0.0
    level: Annotated[float, Field(gt=0, lt=1)] = 0.5
    min_size: Annotated[int, Field(ge=0)] = 0

    axes: ClassVar[tuple[int, ...]] = (2, 3)
    """Numbers of spatial axes that the method is defined for."""
    tuning_pixels: ClassVar[int] = 2**21
    """Validation pixels that parameters are tuned on: a few minutes of work."""

    @classmethod
    def grid(cls, edge: float) -> dict[str, Sequence[Any]]:
        """Return the values that tuning tries, the most important parameter first.

        Parameters
        ----------
        edge : float
            Edge of the square (cube) that is as large as a typical object, in pixels of the
            finest axis.
        """
        return {
            "polarity": ("bright", "dark"),
            "level": (0.5, 0.2, 0.3, 0.4, 0.6, 0.7),
            "sigma": (1.0, 0.0, 2.0, 4.0),
            "window": (0.0, round(edge, 1), round(3 * edge, 1)),
        }

    def segment(self, image: np.ndarray, *, spacing: Sequence[float]) -> np.ndarray:
        """Find the objects of an image.

        Parameters
        ----------
        image : (C, *spatial) array
            Finite numbers, on any scale.
        spacing : sequence of float
            Distance between pixel centres along each spatial axis, in one unit.

        Returns
        -------
        (*spatial) uint32 array
            Objects 1 … n in raster order of their first pixels, 0 elsewhere. A constant image
            has none.

        Raises
        ------
        SeptumError
            If the method is not defined for so many axes, the image has no channels or not the
            chosen one, or a pixel is not finite.
        """
        steps = self._steps(image, spacing)
        grey = self._grey(image)
        scaled = self._scaled(grey, steps) if grey.size else None
        if scaled is None:
            return np.zeros(grey.shape, np.uint32)
        objects, _ = drop_small(self.find(scaled, steps), self.min_size)
        return number_in_raster_order(objects)

    def find(self, grey: np.ndarray, steps: np.ndarray) -> np.ndarray:
        """Return a label map (*spatial) of integers, 0 for no object.

        Parameters
        ----------
        grey : (*spatial) float32 array
            0 at the mean of the background, 1 at that of the objects; not constant.
        steps : (axes,) float64 array
            Distance between pixel centres, in that of the finest axis.
        """
        raise NotImplementedError

    def _steps(self, image: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
        ndim = image.ndim - 1
        name = type(self).__name__
        if ndim not in self.axes:
            kinds = " and ".join(f"{n}-D" for n in self.axes)
            what = f"segments {kinds} images, but this one has {ndim} spatial axes"
            raise problem(name, what, "choose another baseline (septum.classical.create.names)")
        if len(spacing) != ndim or not min(spacing) > 0:
            raise ValueError(f"spacing {spacing} for {ndim} axes: give a positive number for each")
        if not len(image):
            what = "is given an image without channels"
            raise problem(name, what, "give an array (C, *spatial) of at least one channel")
        if self.channel is not None and self.channel >= len(image):
            what = f"is {self.channel}, but the image has {len(image)} channels"
            raise problem(f"{name}.channel", what, "count from 0, or leave it out for their mean")
        if not np.isfinite(image).all():
            what = "is given pixels that are not finite (NaN or infinity)"
            raise problem(name, what, "replace them, for example by the background's intensity")
        return np.divide(spacing, min(spacing))

    def _grey(self, image: np.ndarray) -> np.ndarray:
        """Return the chosen channel, or the mean of all, with objects bright."""
        if self.channel is None:
            grey = image.mean(0, dtype=np.float64)
        else:  # integers know no infinity, and may not hold the difference of two of them
            grey = image[self.channel].astype(np.float64)
        # from the smallest value on: float32 would not tell large ones apart
        low, high = grey.min(initial=np.inf), grey.max(initial=-np.inf)
        away = grey - low if self.polarity == "bright" else high - grey
        # to a range of 0.5 to 1 by a power of two, which rounds nothing: no square overflows
        exponent = np.frexp(away.max(initial=0))[1]
        return np.ldexp(away, -exponent).astype(np.float32)

    def _scaled(self, grey: np.ndarray, steps: np.ndarray) -> np.ndarray | None:
        """Smooth, subtract the local mean, and scale to the means of Otsu's two classes.

        None of a constant image, and where smoothing leaves nothing but rounding.
        """
        grey = ndimage.gaussian_filter(grey, self.sigma / steps)
        if self.window:
            grey = grey - ndimage.gaussian_filter(grey, self.window / steps)
        if np.ptp(grey) < MIN_RELATIVE_RANGE:
            return None
        bright = grey > threshold_otsu(grey)
        low, high = grey[~bright].mean(dtype=float), grey[bright].mean(dtype=float)
        return ((grey - low) / (high - low)).astype(np.float32)
