"""A small configuration with an experiment of each kind, and the study that it comes to."""

from __future__ import annotations

import copy
from types import SimpleNamespace

from septum.workflow.resources import Context
from septum.workflow.study import Study

SETTINGS = {
    "results": "out/",
    "seed": 3,
    "datasets": {"demo": {"demo": "tissue"}},
    "experiments": {
        "objects": {"network": "mask_rcnn"},
        "pixels": {"network": "fcn8s", "seed": 7},
        "fine": {"network": "fcn8s", "start_from": "pixels"},
        "both (1)": {"merge": {"instances": "objects", "semantic": "pixels"}},
        "floor": {"method": "watershed", "datasets": ["cells"]},
    },
    "train": {"folds": [2, 0]},
    "jobs": {"cases_per_job": 2},
}


def small_settings(folder, *names, **sections):
    """Return a configuration with a dataset of empty files beside the demo.

    Its images are named in `names`; other sections replace those of `SETTINGS`.
    """
    for kind in ("images", "labels"):
        (folder / kind).mkdir(exist_ok=True)
        for name in names or ("a", "b", "c"):
            (folder / kind / f"{name}.tif").write_bytes(b"x" * 100)
    settings = copy.deepcopy(SETTINGS)
    settings["data_root"] = str(folder)
    settings["datasets"]["cells"] = {"images": "images/{case}.tif", "labels": "labels/{case}.tif"}
    return {**settings, **sections}


def small_study(folder, *names, **sections):
    """Return the study of `small_settings`."""
    return Study.validated(small_settings(folder, *names, **sections))


class Job(SimpleNamespace):
    """The wildcards of a job, as Snakemake hands them to functions."""

    def get(self, name):
        return vars(self).get(name)


def context(*, cores=8, here=True, main=True):
    """Return what Snakemake would say of itself."""
    settings = SimpleNamespace(cores=cores)
    return Context(
        SimpleNamespace(local_exec=here, is_main_process=main, resource_settings=settings)
    )
