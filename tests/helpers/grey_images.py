"""Simulated images of bright objects, for methods that look at intensities."""

from __future__ import annotations

import numpy as np


def balls(shape, centres, radius):
    """Return a label map of balls; an earlier one keeps its pixels."""
    grid = np.indices(shape)
    labels = np.zeros(shape, int)
    for number, centre in enumerate(centres, start=1):
        away = grid - np.reshape(centre, (-1, *[1] * len(shape)))
        labels[((away**2).sum(0) <= radius**2) & (labels == 0)] = number
    return labels


def picture(labels, *, background=20.0, foreground=100.0, noise=3.0):
    """Return a noisy one-channel image of a label map."""
    random = np.random.default_rng(0)
    grey = np.where(labels > 0, foreground, background)
    return (grey + random.normal(0, noise, labels.shape))[None]


def iou(labels, true, number):
    """Return the IoU of a true object with the predicted one that covers most of it."""
    here = true == number
    partner = labels == np.bincount(labels[here]).argmax()
    return (here & partner).sum() / (here | partner).sum()
