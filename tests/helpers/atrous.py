"""Atrous convolution, computed with zeros inserted into its kernels."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import correlate


def zero_inserted(kernel, rate):
    """Return a kernel with rate - 1 zeros between its values along each axis."""
    full = np.zeros([rate * (k - 1) + 1 for k in kernel.shape])
    full[(slice(None, None, rate),) * kernel.ndim] = kernel
    return full


def atrous_correlate(x, kernels, rate):
    """Correlate channels with zero-inserted kernels (n_out, n_in, *kernel), zeros outside."""
    return np.stack(
        [
            sum(
                correlate(channel, zero_inserted(kernel, rate), mode="constant")
                for channel, kernel in zip(x, row, strict=True)
            )
            for row in kernels
        ]
    )


def scaled_by_norm(x, norm):
    """Apply a normalisation of running statistics 0 and 1, as it is before any training."""
    return x / np.sqrt(1 + norm.eps)
