"""Resources of the jobs: memory, threads and GPUs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from septum.workflow.gpu import has_gpu
from septum.workflow.inputs import Wildcards
from septum.workflow.study import Study

MAX_TRAININGS_AT_ONCE = 4  # more take too much memory
MAX_TRAIN_THREADS = 16
MAX_PREDICT_THREADS = 4
PREDICTIONS_AT_ONCE = 2


@dataclass(frozen=True)
class Context:
    """Facts about the running Snakemake that rules depend on.

    Parameters
    ----------
    workflow : snakemake.workflow.Workflow
        Read when a job is created and not before, since the executor of the jobs is not known
        yet when the Snakefile is parsed.
    """

    workflow: Any

    @property
    def is_main_process(self) -> bool:
        """Whether this Snakemake was started by a user, and not to run a job."""
        return self.workflow.is_main_process

    @property
    def runs_here(self) -> bool:
        """Whether jobs run on this machine, and not on the nodes of a cluster."""
        return self.workflow.local_exec

    @property
    def cores(self) -> int | None:
        """The cores that all jobs on this machine share (``--cores``)."""
        return self.workflow.resource_settings.cores


class Resources:
    """The resources functions of a study's rules."""

    def __init__(self, study: Study, context: Context) -> None:
        self._study = study
        self._context = context

    # ---- memory ----

    def mem_mb(self, base: int) -> Callable[..., int]:
        """Return a resources function that gives more memory at each retry of a killed job."""

        def megabytes(wildcards: Wildcards, attempt: int) -> int:
            return base * attempt

        return megabytes

    def case_mem_mb(
        self, base: int, bytes_per_pixel: int, case_per_thread: bool = False
    ) -> Callable[..., int]:
        """Return a resources function for the memory of a job, by the largest case it reads.

        Parameters
        ----------
        base : int
            Memory that does not depend on the size of cases, in MiB.
        bytes_per_pixel : int
            Memory for each pixel of a case in work: 1.5 times that measured for the stage on
            16-bit images of one channel, in 2-D and 3-D.
        case_per_thread : bool
            Whether each thread works on a separate case.
        """

        def megabytes(wildcards: Any, attempt: int, threads: int) -> int:
            pixels = self._study.largest_case(wildcards.dataset, wildcards.get("batch"))
            at_once = threads if case_per_thread else 1
            return (base + at_once * bytes_per_pixel * pixels // 2**20) * attempt

        return megabytes

    def predict_mem_mb(self, wildcards: Wildcards, attempt: int, threads: int) -> int:
        """Return the memory of a prediction; a CRF holds copies of probabilities and image."""
        run = self._study.settings(wildcards.dataset, wildcards.experiment)
        bytes_per_pixel = 100 if run.predict.crf is None else 400
        return self.case_mem_mb(8000, bytes_per_pixel)(wildcards, attempt, threads)

    # ---- threads and GPUs ----

    def gpus(self, section: Literal["train", "predict"]) -> Callable[[Wildcards], int]:
        """Return a resources function for the number of GPUs of a job, none or one.

        With `auto`, a job on this machine requests a GPU only if there is one: without GPUs,
        jobs that request one would needlessly wait for each other, since the default profile
        runs one GPU job at a time. A job on a cluster always requests one, since it is not known
        which of its nodes have GPUs.
        """

        def count(wildcards: Wildcards) -> int:
            run = self._study.settings(wildcards.dataset, wildcards.experiment)
            device = getattr(run, section).device
            if device == "auto" and self._context.runs_here:
                return int(has_gpu())
            return 0 if device == "cpu" else 1

        return count

    def train_threads(self, wildcards: Wildcards) -> int:
        """Return the threads of a training."""
        at_once = min(self._study.trainings(), MAX_TRAININGS_AT_ONCE)
        return self._share_of_cores(wildcards, "train", at_once, MAX_TRAIN_THREADS)

    def tune_threads(self, wildcards: Wildcards) -> int:
        """Return the threads of the tuning of a decoder, which predicts after each training."""
        at_once = min(self._study.trainings(), MAX_TRAININGS_AT_ONCE)
        return self._share_of_cores(wildcards, "predict", at_once, MAX_TRAIN_THREADS)

    def predict_threads(self, wildcards: Wildcards) -> int:
        """Return the threads of a prediction."""
        return self._share_of_cores(wildcards, "predict", PREDICTIONS_AT_ONCE, MAX_PREDICT_THREADS)

    def _share_of_cores(
        self,
        wildcards: Wildcards,
        section: Literal["train", "predict"],
        at_once: int,
        most: int,
    ) -> int:
        """Return the number of threads of a job if ``at_once`` jobs share this machine.

        Jobs in parallel finish sooner than jobs in sequence with all cores each. On a GPU, and on
        a node of a cluster, a job has ``most`` threads, more of which do not make it faster.
        """
        cores = self._context.cores
        alone = self.gpus(section)(wildcards) or not self._context.runs_here
        if alone or cores is None or not self._context.is_main_process:
            return most
        return max(1, min(cores // at_once, most))
