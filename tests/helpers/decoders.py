"""Decoders that are given in a few words."""

from __future__ import annotations

from septum.config import registry
from septum.decoding import decode as decoding
from septum.decoding.parameters import ARGMAX, Decoder

PARAMETERS = {
    "threshold": 0.5,
    "mask_threshold": 0.5,
    "seed_threshold": 0.7,
    "flow_error": 0.4,
    "overlap": 0.5,
    "min_size": 0,
    "min_stuff": 0,
}


def decoder(method="components", score=None, **parameters):
    """Return a decoder; what is not said of its parameters is as above, or 0."""
    if method == ARGMAX:
        return Decoder(method=method)
    names = [parameter.name for parameter in registry.METHODS[method].parameters]
    values = {name: parameters.get(name, PARAMETERS[name]) for name in names}
    return Decoder(method=method, parameters=values, score=score)


def decode(probabilities, *, head, classes, annotation, spacing=None, **how):
    """Decode by the decoder of these words."""
    known = {"head": head, "classes": classes, "annotation": annotation, "spacing": spacing}
    return decoding.decode(probabilities, decoder(**how), **known)
