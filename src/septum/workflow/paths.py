"""The paths of all files below ``results``.

Rules use patterns with Snakemake's wildcards (``paths.plan()``), and input functions the paths
of one dataset, experiment, fold or batch (``paths.plan("cells")``).
"""

from __future__ import annotations

from dataclasses import dataclass

# The wildcards of the rules.
DATASET, EXPERIMENT, FOLD, BATCH = "{dataset}", "{experiment}", "{fold}", "{batch}"


@dataclass(frozen=True)
class Paths:
    """The files of a run.

    Parameters
    ----------
    results : str
        The folder ``results`` of the configuration. Folders of datasets and experiments have
        their safe names (`septum.data.case_files.safe_name`).
    """

    results: str

    # ---- of the run ----

    def report(self) -> str:
        """Return the HTML report."""
        return f"{self.results}/report.html"

    def report_contents(self) -> str:
        """Return the file of the report's contents (`septum.workflow.report_contents`)."""
        return f"{self.results}/report.json"

    def run_log(self, stage: str, suffix: str = "log") -> str:
        """Return the log of a stage that runs once."""
        return f"{self.results}/logs/{stage}.{suffix}"

    # ---- of a dataset ----

    def dataset(self, dataset: str = DATASET) -> str:
        """Return the folder of a dataset."""
        return f"{self.results}/{dataset}"

    def demo(self, dataset: str = DATASET) -> str:
        """Return the folder of simulated images and labels."""
        return f"{self.dataset(dataset)}/demo"

    def batch_list(self, dataset: str = DATASET, batch: str = BATCH) -> str:
        """Return the file that names a batch's cases (`septum.workflow.batch_list`)."""
        return f"{self.dataset(dataset)}/batches/{batch}.json"

    def cases(self, dataset: str = DATASET, batch: str = BATCH) -> str:
        """Return the folder of a batch's canonical cases."""
        return f"{self.dataset(dataset)}/cases/{batch}"

    def plan(self, dataset: str = DATASET) -> str:
        """Return the plan: derived settings, test set and folds."""
        return f"{self.dataset(dataset)}/plan.json"

    def copies(self, dataset: str = DATASET, batch: str = BATCH) -> str:
        """Return the folder of a batch's elastic copies."""
        return f"{self.dataset(dataset)}/copies/{batch}"

    def weights(self, dataset: str = DATASET, batch: str = BATCH) -> str:
        """Return the folder of a batch's border weight maps."""
        return f"{self.dataset(dataset)}/weights/{batch}"

    def leaderboard(self, dataset: str = DATASET) -> str:
        """Return the ranking of a dataset's experiments."""
        return f"{self.dataset(dataset)}/leaderboard.csv"

    def dataset_log(self, stage: str, suffix: str = "log") -> str:
        """Return the log of a stage of a dataset."""
        return f"{self.dataset()}/logs/{stage}.{suffix}"

    # ---- of an experiment on a dataset ----

    def experiment(self, dataset: str = DATASET, experiment: str = EXPERIMENT) -> str:
        """Return the folder of an experiment on a dataset."""
        return f"{self.dataset(dataset)}/{experiment}"

    def fold(
        self, dataset: str = DATASET, experiment: str = EXPERIMENT, fold: int | str = FOLD
    ) -> str:
        """Return the folder of a fold of an experiment."""
        return f"{self.experiment(dataset, experiment)}/fold{fold}"

    def model(
        self, dataset: str = DATASET, experiment: str = EXPERIMENT, fold: int | str = FOLD
    ) -> str:
        """Return the trained network of a fold, with its tuned decoder."""
        return f"{self.fold(dataset, experiment, fold)}/model.safetensors"

    def trained_weights(
        self, dataset: str = DATASET, experiment: str = EXPERIMENT, fold: int | str = FOLD
    ) -> str:
        """Return the weights of a trained network, before its decoder is tuned."""
        return f"{self.fold(dataset, experiment, fold)}/weights.safetensors"

    def history(
        self, dataset: str = DATASET, experiment: str = EXPERIMENT, fold: int | str = FOLD
    ) -> str:
        """Return the table of epochs, which a training writes beside its weights."""
        return f"{self.fold(dataset, experiment, fold)}/history.csv"

    def tuning_costs(
        self, dataset: str = DATASET, experiment: str = EXPERIMENT, fold: int | str = FOLD
    ) -> str:
        """Return the time and memory that tuning a network's decoder took."""
        return f"{self.fold(dataset, experiment, fold)}/tuning.json"

    def parameters(
        self, dataset: str = DATASET, experiment: str = EXPERIMENT, fold: int | str = FOLD
    ) -> str:
        """Return the parameters to which a classical baseline or a merge was tuned on a fold."""
        return f"{self.fold(dataset, experiment, fold)}/parameters.json"

    def fold_costs(
        self, dataset: str = DATASET, experiment: str = EXPERIMENT, fold: int | str = FOLD
    ) -> str:
        """Return the time and memory that training, or tuning, a fold took."""
        return f"{self.fold(dataset, experiment, fold)}/costs.json"

    def predicted(
        self, dataset: str = DATASET, experiment: str = EXPERIMENT, batch: str = BATCH
    ) -> str:
        """Return the folder of a batch's predictions, as OME-Zarr."""
        return f"{self.experiment(dataset, experiment)}/predicted/{batch}"

    def batch_costs(
        self, dataset: str = DATASET, experiment: str = EXPERIMENT, batch: str = BATCH
    ) -> str:
        """Return the time and memory that predicting a batch took."""
        return f"{self.experiment(dataset, experiment)}/costs/{batch}.json"

    def predictions(self, dataset: str = DATASET, experiment: str = EXPERIMENT) -> str:
        """Return the folder of predictions in the format of the images."""
        return f"{self.experiment(dataset, experiment)}/predictions"

    def table(self, name: str, dataset: str = DATASET, experiment: str = EXPERIMENT) -> str:
        """Return a table of scores: ``cases``, ``classes``, ``pooled`` or ``confusion``."""
        return f"{self.experiment(dataset, experiment)}/{name}.csv"

    def objects(self, dataset: str = DATASET, experiment: str = EXPERIMENT) -> str:
        """Return the objects behind the scores, which the leaderboard pools and resamples."""
        return f"{self.experiment(dataset, experiment)}/objects.npz"

    def experiment_log(self, stage: str, suffix: str = "log") -> str:
        """Return the log of a stage of an experiment."""
        return f"{self.experiment()}/logs/{stage}.{suffix}"
