"""Parts of the headers of model files."""

from __future__ import annotations

import json
import struct

from septum.networks.model_header import TrainingRecord


def training_record(**changes):
    """Return how a model was trained, with what is of interest changed."""
    known = {"dataset": "balls", "experiment": "net", "fold": 0, "seed": 0, "cases": 3}
    known |= {"epochs": 2, "best_epoch": 1, "best": 0.5}
    return TrainingRecord(**{**known, **changes})


def rewrite_header(path, edit):
    """Change a file's header (a dict) in place, through the format's own layout."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    top = json.loads(data[8 : 8 + length])
    header = json.loads(top["__metadata__"]["septum"])
    edit(header)
    top["__metadata__"]["septum"] = json.dumps(header)
    text = json.dumps(top).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])
