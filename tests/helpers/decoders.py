"""Decoders that are given in a few words."""

from __future__ import annotations

from septum.config import registry
from septum.decoding.decode import decode as decode_maps
from septum.decoding.parameters import ARGMAX, Decoder

PARAMETERS = {
    "threshold": 0.5,
    "mask_threshold": 0.5,
    "seed_threshold": 0.7,
    "flow_error": 0.4,
    "overlap": 0.5,
    "min_size": 0,
}


def decoder(method="components", score=None, **parameters):
    """Return a decoder; parameters that are not given are as above.

    ``min_stuff`` is left out if it is not given, as for annotation that is not panoptic.
    """
    if method == ARGMAX:
        return Decoder(method=method)
    names = [parameter.name for parameter in registry.METHODS[method].parameters]
    known = {**PARAMETERS, **parameters}
    values = {name: known[name] for name in names if name in known}
    return Decoder(method=method, parameters=values, score=score)


def decode(probabilities, *, head, classes, annotation, spacing=None, **how):
    """Decode by the decoder of these words."""
    if annotation == "panoptic":
        how = {"min_stuff": 0, **how}
    known = {"head": head, "classes": classes, "annotation": annotation, "spacing": spacing}
    return decode_maps(probabilities, decoder(**how), **known)
