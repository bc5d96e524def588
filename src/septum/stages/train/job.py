"""One training, as a record: everything that decides it, and the digest of all that."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from septum.config import registry
from septum.config.schema import Run, canonical_json
from septum.data.fold_cases import FoldCases
from septum.data.plan import Plan
from septum.io.code_digest import code_digest
from septum.networks.segmenter import Segmenter
from septum.stages.train.patches import PatchShape

# Settings that may differ between a run and the one that resumes it: the weights do not
# depend on them (on one machine, and but for the order in which several devices add up).
IRRELEVANT = ("device", "devices", "workers", "folds")
# Names of weights to start from, which count by their own digest.
NAMES = ("pretrained", "start_from")
# What of a plan the weights depend on; the rest (other folds, the test set, new images) may
# change. Weight maps count by their own digest, as all files do.
RELEVANT = ("spatial_dims", "in_channels", "annotation", "classes", "normalisation", "spacing")
# From here all code that the weights depend on is reached by imports, but for the modules of the
# network and of the head, which are named by settings.
WEIGHTS_CODE = "septum.stages.train.epochs"
# This is reached too, but all that a training takes from it is values, which count themselves: a
# new setting of the report must not cost anyone their epochs.
VALUES_CODE = ("septum.config.schema",)


@dataclass(frozen=True)
class Training:
    """Everything that decides one training.

    Parameters
    ----------
    run : Run
    plan : Plan
    fold, seed : int
    cases : FoldCases
    segmenter : Segmenter
        With its initial weights.
    shape : PatchShape
    folder : Path
        Where everything is written.
    digests : dict
        Of data and code: ``data``, and ``start`` of the weights that it starts from, count for
        the weights; the code's, which is that of the whole stage, is kept in the model file only.
    start : dict, optional
        What the network starts from (`septum.stages.train.initial_weights.load_start`), for the
        model file.
    """

    run: Run
    plan: Plan
    fold: int
    seed: int
    cases: FoldCases
    segmenter: Segmenter
    shape: PatchShape
    folder: Path
    digests: dict[str, str]
    start: dict[str, Any] | None = None

    @property
    def seed_parts(self) -> tuple[object, ...]:
        """What every draw of this training is seeded by."""
        return (self.seed, self.plan.dataset, self.run.experiment, self.fold)

    @property
    def patches(self) -> int:
        """Patches an epoch."""
        return self.run.train.batch * self.run.train.steps

    def fingerprint(self) -> str:
        """Return a digest of all that the weights depend on."""
        settings = self.run.model_dump(mode="json", exclude={"predict", "decode", *NAMES})
        for key in IRRELEVANT:
            del settings["train"][key]
        plan = self.plan.to_json()
        facts = {key: plan[key] for key in RELEVANT} | {
            "patch": list(self.shape.size),
            "train": self.plan.train_cases(self.fold),
            "validation": self.plan.val_cases(self.fold),
        }
        network, head = registry.NETWORKS[self.run.network], registry.HEADS[self.run.head]
        code = code_digest(WEIGHTS_CODE, network.module, head.module, without=VALUES_CODE)
        data = [self.digests["data"], self.digests.get("start")]
        parts = [settings, facts, code, *data, list(self.seed_parts)]
        return hashlib.sha256(canonical_json({"all": parts}).encode()).hexdigest()
