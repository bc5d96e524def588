"""Losses of networks that return logits.

All take logits of any floating type and compute in float32, so that they can stand inside an
autocast region, and use no operation whose sums depend on the order of threads.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

IGNORE = -1
"""The channel id of pixels that no loss counts."""


def weighted_cross_entropy(
    logits: Tensor, classes: Tensor, weights: Tensor | None = None
) -> Tensor:
    """Softmax cross-entropy with a weight per pixel (U-Net, equation 1).

    ``mean over the pixels x with a class of: −w(x) · log softmax(logits(x))[class(x)]``.
    The mean is over pixels, not over weights: with weights of 10 the loss is ten times as
    large, as in the paper's sum. Without any pixel that counts the loss is 0.

    Parameters
    ----------
    logits : Tensor, (N, K, *spatial)
    classes : Tensor, (N, *spatial), int64
        Channel ids 0..K-1; -1 is left out.
    weights : Tensor, (N, *spatial), optional
        1 everywhere where not given.

    Returns
    -------
    Tensor
        A float32 scalar.

    Examples
    --------
    Two pixels, two channels: one is right with probability ½ and costs ln 2 = 0.693, three
    times as much with a weight of 3; the other has no class.

    >>> logits = torch.zeros(1, 2, 2)
    >>> classes = torch.tensor([[1, -1]])
    >>> weighted_cross_entropy(logits, classes)
    tensor(0.6931)
    >>> weighted_cross_entropy(logits, classes, torch.tensor([[3.0, 9.0]]))
    tensor(2.0794)
    """
    losses = F.cross_entropy(logits.float(), classes, ignore_index=IGNORE, reduction="none")
    if weights is not None:
        losses = losses * weights
    return losses.sum() / (classes != IGNORE).sum().clamp(min=1)


def dice_loss(logits: Tensor, classes: Tensor) -> Tensor:
    """Soft Dice loss of the foreground channels, pooled over the batch.

    ``1 − mean over channels k ≥ 1 of (2·Σ p_k·y_k + ε) / (Σ p_k + Σ y_k + ε)`` with
    p = softmax(logits), y one-hot, sums over all pixels of the batch that have a class, and
    ε = 1e-5 (Milletari et al. 2016, https://arxiv.org/abs/1606.04797, without their squares;
    MONAI's `DiceLoss`).

    Parameters
    ----------
    logits : Tensor, (N, K, *spatial)
    classes : Tensor, (N, *spatial), int64
        Channel ids 0..K-1; -1 is left out.

    Returns
    -------
    Tensor
        A float32 scalar.

    Examples
    --------
    Every probability is ½: 1 − 2 · ½ / (½ + ½ + 1) = ½.

    >>> dice_loss(torch.zeros(1, 2, 2), torch.tensor([[1, 0]]))
    tensor(0.5000)
    """
    # importing MONAI takes seconds, and what predicts with a network knows its losses too
    from monai.losses import DiceLoss

    loss = DiceLoss(include_background=False, batch=True, smooth_nr=1e-5, smooth_dr=1e-5)
    counted = (classes != IGNORE).unsqueeze(1)
    probabilities = torch.softmax(logits.float(), dim=1)
    # pixels without a class become background, whose channel is not scored
    truth = F.one_hot(classes.clamp(min=0), logits.shape[1]).movedim(-1, 1)
    return loss(probabilities * counted, truth.float())


def binary_cross_entropy(logits: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Sigmoid cross-entropy with targets between 0 and 1, over the pixels that count.

    It is lowest where the estimate equals the target. Without any pixel that counts the loss
    is 0.

    Parameters
    ----------
    logits : Tensor, (N, *spatial)
    target : Tensor, (N, *spatial), float32
    valid : Tensor, (N, *spatial), bool
        The pixels that count.

    Returns
    -------
    Tensor
        A float32 scalar.

    Examples
    --------
    An undecided pixel costs ln 2 = 0.693; the other does not count.

    >>> target, valid = torch.tensor([[1.0, 0.0]]), torch.tensor([[True, False]])
    >>> binary_cross_entropy(torch.zeros(1, 2), target, valid)
    tensor(0.6931)
    """
    losses = F.binary_cross_entropy_with_logits(logits.float(), target, reduction="none")
    return (losses * valid).sum() / valid.sum().clamp(min=1)
