"""Base class of the classical methods: preprocessing of images and filtering of label maps.

Every method segments one smoothed grey image in which objects are bright. It is scaled such that
0 is the mean of the background and 1 the mean of the objects, which Otsu's threshold separates.
Hence no parameter depends on the detector's gain or on the bit depth. Lengths are in pixels of
the finest axis, and are converted by ``spacing`` along coarser axes.
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
"""Range of a smoothed image, relative to the range before, below which it counts as constant."""
Length = Annotated[float, Field(ge=0)]
"""A length in pixels of the finest axis."""


class Method(Section):
    """A classical method with its parameters, which are frozen and validated.

    Parameters
    ----------
    polarity : {"bright", "dark"}
        Whether objects are brighter or darker than their surroundings.
    channel : int, optional
        The channel that is segmented; by default the mean of all channels.
    sigma : float
        Standard deviation of the Gaussian that smooths the image, in pixels; 0 for none.
    window : float
        Standard deviation of the Gaussian that gives the local mean, in pixels. The local mean
        is subtracted to correct uneven illumination (local thresholding); 0 for none.
    level : float
        Grey value above which a pixel belongs to an object, where 0 is the mean of the
        background and 1 that of the objects. Otsu's threshold is 0.5, since it lies half way
        between the means of its two classes.
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
    """Number of validation pixels that parameters are tuned on, which takes a few minutes."""

    @classmethod
    def grid(cls, edge: float) -> dict[str, Sequence[Any]]:
        """Return the values that tuning tries, the most important parameter first.

        Parameters
        ----------
        edge : float
            Edge of the square (cube) with the area (volume) of a typical object, in pixels of
            the finest axis.
        """
        return {
            "polarity": ("bright", "dark"),
            "level": (0.5, 0.2, 0.3, 0.4, 0.6, 0.7),
            "sigma": (1.0, 0.0, 2.0, 4.0),
            "window": (0.0, round(edge, 1), round(3 * edge, 1)),
        }

    def segment(self, image: np.ndarray, *, spacing: Sequence[float]) -> np.ndarray:
        """Segment the objects of an image.

        Parameters
        ----------
        image : (C, *spatial) array
            Finite intensities on any scale.
        spacing : sequence of float
            Distance between pixel centres along each spatial axis, in one unit.

        Returns
        -------
        (*spatial) uint32 array
            Ids 1 … n in raster order of the objects' first pixels, 0 elsewhere. A constant image
            has no objects.

        Raises
        ------
        SeptumError
            If the method is not defined for this number of axes, the image has no channels or
            lacks the chosen one, or a pixel is not finite.
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
            Grey values, 0 at the mean of the background and 1 at that of the objects; not
            constant.
        steps : (axes,) float64 array
            Distance between pixel centres along each axis, in pixels of the finest axis.
        """
        raise NotImplementedError

    def _steps(self, image: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
        ndim = image.ndim - 1
        name = type(self).__name__
        if ndim not in self.axes:
            kinds = " and ".join(f"{n}-D" for n in self.axes)
            what = f"segments {kinds} images, but this one has {ndim} spatial axes"
            raise problem(
                name, what, "choose another baseline (septum.classical.create.method_names)"
            )
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
        """Return the chosen channel, or the mean of all, inverted if objects are dark."""
        if self.channel is None:
            grey = image.mean(0, dtype=np.float64)
        else:  # differences of integers may overflow, and integers hold no infinity
            grey = image[self.channel].astype(np.float64)
        # offsets are subtracted before the conversion to float32, which rounds large values
        low, high = grey.min(initial=np.inf), grey.max(initial=-np.inf)
        height = grey - low if self.polarity == "bright" else high - grey
        # scaled to a range of 0.5 to 1, so that squares do not overflow; powers of two are exact
        exponent = np.frexp(height.max(initial=0))[1]
        return np.ldexp(height, -exponent).astype(np.float32)

    def _scaled(self, grey: np.ndarray, steps: np.ndarray) -> np.ndarray | None:
        """Smooth, subtract the local mean, and scale to the means of Otsu's two classes.

        Return None if the image is constant, or is constant but for rounding after smoothing.
        """
        grey = ndimage.gaussian_filter(grey, self.sigma / steps)
        if self.window:
            grey = grey - ndimage.gaussian_filter(grey, self.window / steps)
        if np.ptp(grey) < MIN_RELATIVE_RANGE:
            return None
        bright = grey > threshold_otsu(grey)
        low, high = grey[~bright].mean(dtype=float), grey[bright].mean(dtype=float)
        return ((grey - low) / (high - low)).astype(np.float32)
