"""The record of the weights that a training started from.

It is apart from the header of a model file, which holds it, since the fingerprint of a training
covers the code that it imports, and decoders are no part of that.
"""

from __future__ import annotations

from pydantic import Field

from septum.config.section import Section


class StartWeights(Section):
    """The weights that a training started from (`septum.stages.train.initial_weights`).

    Attributes
    ----------
    source
        A checkpoint, or the name of another experiment.
    sha256
        Of the checkpoint's file, or of the weights of the other experiment.
    taken
        Number of tensors that were taken.
    new, unused
        Tensors of the network that kept their random weights; tensors that fit nothing.
    adapted
        By tensor, how it was made to fit.
    """

    source: str
    sha256: str
    taken: int
    new: list[str] = Field(default_factory=list)
    unused: list[str] = Field(default_factory=list)
    adapted: dict[str, str] = Field(default_factory=dict)
