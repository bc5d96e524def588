"""The record of everything that a training depends on, and its digest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from septum.config import registry
from septum.config.schema import Run, canonical_json
from septum.data.fold_cases import FoldCases
from septum.data.plan import Plan
from septum.io.code_digest import code_digest
from septum.networks.segmenter import Segmenter
from septum.networks.start_weights import StartWeights
from septum.stages.train.patches import PatchShape

# Settings that may differ between a run and the one that resumes it, since the weights do not
# depend on them (except for the order in which several devices add gradients).
SETTINGS_NOT_COUNTED = ("device", "devices", "workers", "folds")
# Settings that name initial weights, which are counted by their digest instead.
INITIAL_WEIGHT_SETTINGS = ("pretrained", "start_from")
# Fields of a plan that the weights depend on; others (other folds, the test set, new images) may
# change. Weight maps are counted by their digest, as all files are.
PLAN_FIELDS = ("spatial_dims", "in_channels", "annotation", "classes", "normalisation", "spacing")
# Imports from this module reach all code that the weights depend on, except for the modules of
# the network and of the head, which are named by settings.
WEIGHTS_CODE = "septum.stages.train.epochs"
# Modules that are reached as well, but only provide values, which are counted themselves. A new
# setting of the report must not start trainings anew.
VALUES_CODE = ("septum.config.schema", "septum.config.section")


@dataclass(frozen=True)
class Training:
    """Everything that one training depends on.

    Parameters
    ----------
    run : Run
    plan : Plan
    fold, seed : int
    cases : FoldCases
    segmenter : Segmenter
        The network, with its initial weights.
    shape : PatchShape
    folder : Path
        Folder of all outputs.
    digests : dict
        Digests of data and code. ``data`` and ``start`` (of the initial weights) are counted in
        the fingerprint; that of the code, of the whole stage, is only stored in the weights file.
    start : StartWeights, optional
        Record of the initial weights (`septum.stages.train.initial_weights.load_start`), for the
        weights file.
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
    start: StartWeights | None = None

    @property
    def seed_parts(self) -> tuple[object, ...]:
        """Parts of the seed of every random draw of this training."""
        return (self.seed, self.plan.dataset, self.run.experiment, self.fold)

    @property
    def patches(self) -> int:
        """Number of patches an epoch."""
        return self.run.train.batch * self.run.train.steps

    def fingerprint(self) -> str:
        """Return a digest of everything that the weights depend on."""
        settings = self.run.model_dump(
            mode="json", exclude={"predict", "decode", *INITIAL_WEIGHT_SETTINGS}
        )
        for key in SETTINGS_NOT_COUNTED:
            del settings["train"][key]
        plan = self.plan.to_json()
        facts = {key: plan[key] for key in PLAN_FIELDS} | {
            "patch": list(self.shape.size),
            "train": self.plan.train_cases(self.fold),
            "validation": self.plan.val_cases(self.fold),
        }
        network, head = registry.NETWORKS[self.run.network], registry.HEADS[self.run.head]
        code = code_digest(WEIGHTS_CODE, network.module, head.module, without=VALUES_CODE)
        data = [self.digests["data"], self.digests.get("start")]
        parts = [settings, facts, code, *data, list(self.seed_parts)]
        return hashlib.sha256(canonical_json({"all": parts}).encode()).hexdigest()
