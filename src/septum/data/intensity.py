"""Intensity statistics of a case, and the normalisation of a network's input.

Statistics are taken once, of the whole image, and kept with the case; tiles and patches are
normalised by them, so that a patch gets the same values wherever it is cut.
"""

from __future__ import annotations

import numpy as np

from septum.config.schema import (
    IntensityScheme,
    NoScaling,
    PercentileScaling,
    StandardScaling,
    WindowScaling,
)
from septum.data.store_attributes import IntensityStatistics

# Every whole percent, and tenths of a percent at both ends, where settings ask.
_TAIL = [0.0, 0.01, 0.05, *(i / 10 for i in range(1, 10))]
LEVELS = np.round([*_TAIL, *range(1, 100), *(100 - level for level in reversed(_TAIL))], 2)
MAX_SORTED = 2**24


def statistics(image: np.ndarray) -> IntensityStatistics:
    """Return percentiles, mean and standard deviation of each channel.

    Parameters
    ----------
    image : array (C, *spatial)
        Finite numbers.

    Returns
    -------
    IntensityStatistics
        Its percentiles are at every whole percent, every tenth below 1 and above 99, and 0.01,
        0.05, 99.95, 99.99; linear between pixels, as `numpy.percentile`. Of channels
        with more than 2**24 pixels every n-th along each axis enters the percentiles; the
        extremes, the mean and the deviation are of all pixels.
    """
    table = np.array([_percentiles(channel) for channel in image])
    return IntensityStatistics(
        percentiles={f"{p:g}": table[:, i].tolist() for i, p in enumerate(LEVELS)},
        mean=[float(channel.mean(dtype=np.float64)) for channel in image],
        std=[float(channel.std(dtype=np.float64)) for channel in image],
    )


def percentile(statistics: IntensityStatistics, level: float) -> np.ndarray:
    """Return a percentile of each channel from `statistics`.

    Exact at the levels kept there, linear between them.

    Parameters
    ----------
    statistics : IntensityStatistics
    level : float
        In percent, 0 to 100.

    Returns
    -------
    array (C,) of float64
    """
    table = statistics.percentiles
    levels = sorted(float(key) for key in table)
    values = np.array([table[f"{p:g}"] for p in levels], np.float64)
    return np.array([np.interp(level, levels, channel) for channel in values.T])


def normalise(
    image: np.ndarray, statistics: IntensityStatistics, scheme: IntensityScheme
) -> np.ndarray:
    """Bring intensities into the range a network is trained on.

    Parameters
    ----------
    image : array (C, *spatial)
        A whole image or any part of it.
    statistics : IntensityStatistics
        Of the whole image (`statistics`).
    scheme : PercentileScaling, StandardScaling, WindowScaling or NoScaling
        ``PercentileScaling``
            (x − p_lower) / (p_upper − p_lower), not clipped; ``lower``, ``upper`` in percent.
        ``StandardScaling``
            (x − mean) / std of the image.
        ``WindowScaling``
            x clipped to [``low``, ``high``], then (x − ``mean``) / ``std`` of the data set
            (nnU-Net, Isensee et al. 2021).
        ``NoScaling``
            x.

    Returns
    -------
    array (C, *spatial) of float32
        Channels without contrast are 0.
    """
    pixels = image.astype(np.float32)
    match scheme:
        case NoScaling():
            return pixels
        case WindowScaling():
            pixels = np.clip(pixels, scheme.low, scheme.high)
            shift = np.full(len(pixels), scheme.mean, np.float64)
            scale = np.full(len(pixels), scheme.std, np.float64)
        case StandardScaling():
            shift = np.asarray(statistics.mean, np.float64)
            scale = np.asarray(statistics.std, np.float64)
        case PercentileScaling():
            shift = percentile(statistics, scheme.lower)
            scale = percentile(statistics, scheme.upper) - shift
    factor = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0)
    along = (-1, *(1,) * (pixels.ndim - 1))
    pixels -= shift.astype(np.float32).reshape(along)
    pixels *= factor.astype(np.float32).reshape(along)
    return pixels


def _percentiles(channel: np.ndarray) -> np.ndarray:
    step = int(np.ceil((channel.size / MAX_SORTED) ** (1 / channel.ndim)))
    ordered = np.sort(channel[(slice(None, None, step),) * channel.ndim], axis=None)
    places = LEVELS / 100 * (ordered.size - 1)
    below = np.floor(places).astype(np.intp)
    above = np.minimum(below + 1, ordered.size - 1)
    low, high = ordered[below].astype(np.float64), ordered[above].astype(np.float64)
    values = low + (high - low) * (places - below)
    values[0], values[-1] = channel.min(), channel.max()
    return values
