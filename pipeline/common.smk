# Every helper of the rules, and no rule. Parsed again by each cluster job: light imports only.

import functools
import hashlib
import os
import re
import sys
from pathlib import Path
from typing import NamedTuple

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

SOURCE = Path(workflow.basedir) / "src"
sys.path.insert(0, str(SOURCE))

from septum.workflow import discovery as septum_cases
from septum.config import config as septum_config
from septum.data.case_files import safe_name
from septum.io.code_digest import code_digest
from septum.errors import SeptumError
from septum.classical import create as classical
from septum.networks import create as models
from septum.workflow.gpu import has_gpu
from septum.config.repeated_keys import repeated_keys
from septum.config.schema import canonical_json
from septum.workflow.image_size import count_pixels
from septum.workflow.split_file import fold_count

# Jobs run with the interpreter that runs Snakemake and with this checkout's code.
os.environ.update(
    PATH=os.pathsep.join([str(Path(sys.executable).parent), os.getenv("PATH", "")]),
    PYTHONPATH=os.pathsep.join([str(SOURCE), os.getenv("PYTHONPATH", "")]).rstrip(
        os.pathsep
    ),
)

ENVIRONMENT = workflow.source_path("../environment.yml")

try:
    if workflow.is_main_process:
        # Snakemake has read the files already, and kept the last of two keys of one name
        repeated = [p for f in workflow.configfiles for p in repeated_keys(Path(f))]
        if repeated:
            raise SeptumError(repeated)
    CONFIG = septum_config.validate(config)
    # Folders carry safe names; the configuration's own names go into the files.
    DATASETS = {safe_name(name): name for name in CONFIG.datasets}
    EXPERIMENTS = {safe_name(name): name for name in CONFIG.experiments}
    CASES = {
        key: septum_cases.find_cases(CONFIG, name) for key, name in DATASETS.items()
    }
except SeptumError as error:
    raise WorkflowError(f"the configuration cannot be run\n{error}") from None

BATCHES = {
    key: septum_cases.find_batches(CONFIG, found) for key, found in CASES.items()
}


class Run(NamedTuple):
    """A dataset and an experiment by their folders, as the wildcards of a rule name them."""

    dataset: str
    experiment: str


# Of the experiments: those that train a network, those that tune a classical baseline, and those
# that merge two others.
KINDS = {key: CONFIG.experiments[name].kind for key, name in EXPERIMENTS.items()}
NETWORKS, BASELINES, MERGES = (
    [key for key, kind in KINDS.items() if kind == wanted]
    for wanted in ("network", "classical", "merged")
)

if workflow.is_main_process:
    for problem in dict.fromkeys(map(CONFIG.as_written, CONFIG.left_out())):
        logger.info(f"left out: {problem.what} ({problem.where})")

RUNS = [Run(*map(safe_name, names)) for names in CONFIG.runs()]
RESULTS = CONFIG.results.rstrip("/")


def one_of(names):
    """Return a wildcard constraint that fits these names only (no text, if there is none)."""
    return "|".join(map(re.escape, names)) or "(?!)"


def spec_of(wildcards):
    """Return the dataset's section of the configuration."""
    return CONFIG.datasets[dataset_name(wildcards)]


def run_of(wildcards):
    """Return the merged settings of a network's experiment on a dataset."""
    return CONFIG.run(dataset_name(wildcards), experiment_name(wildcards))


def as_json(section):
    return canonical_json(section)


def some_of(section, keys):
    """Return the named keys of a section, as plain values."""
    plain = section.model_dump(mode="json")
    return {key: plain[key] for key in keys.split()}


# ---- names of datasets and experiments, as the configuration writes them ----


def experiment_name(wildcards):
    return EXPERIMENTS[wildcards.experiment]


def dataset_name(wildcards):
    return DATASETS[wildcards.dataset]


# ---- prepare ----


def demo_kind(wildcards):
    return spec_of(wildcards).demo


def batch_cases(wildcards):
    """Return the cases of a batch as one JSON string: name, [[image, …], label or null, …]."""
    found = BATCHES[wildcards.dataset][wildcards.batch]
    return as_json(
        {case.name: [list(case.images), case.labels, *case.parts] for case in found}
    )


def batch_paths(wildcards):
    """Return every path that a batch reads; a pattern of masks stands for its folder."""
    paths = []
    for case in BATCHES[wildcards.dataset][wildcards.batch]:
        paths += case.images
        for path in case.label_files:
            paths.append(os.path.dirname(path) if "*" in path else path)
    return list(dict.fromkeys(paths))


def batch_files(wildcards):
    """Return the inputs of a batch that Snakemake can watch by itself.

    It reads `<name>` and `{name}` in a path as its own, also where they come from a lab's
    files; those paths are watched by `batch_contents`.
    """
    if spec_of(wildcards).demo is not None:
        return [f"{RESULTS}/{wildcards.dataset}/demo"]
    return [path for path in batch_paths(wildcards) if not set(path) & set("<>{}")]


def batch_contents(wildcards):
    """Return a digest of size and time of those inputs that Snakemake does not watch.

    Of a folder (masks, OME-Zarr) it sees the folder's own time, which an edit of a file in it
    leaves alone.
    """
    digest = hashlib.sha256()
    if spec_of(wildcards).demo is not None:
        return digest.hexdigest()[:16]  # made by a rule
    watched = set(batch_files(wildcards))
    for path in batch_paths(wildcards):
        if os.path.isdir(path):
            files = sorted(
                os.path.join(d, name) for d, _, names in os.walk(path) for name in names
            )
        else:
            files = [] if path in watched else [path]
        for file in files:
            status = os.stat(file)
            entry = f"{file} {status.st_size} {status.st_mtime_ns}\n"
            digest.update(entry.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:16]


def prepare_settings(wildcards):
    """Return what reading a case depends on: not the split, not the training."""
    keys = "reader annotation classes void labels instances segments spacing"
    return as_json(some_of(spec_of(wildcards), keys))


def batch_folders(stage):
    """Return an input function: the folders of all batches of a stage of this dataset."""

    def folders(wildcards):
        names = BATCHES[wildcards.dataset]
        return [f"{RESULTS}/{wildcards.dataset}/{stage}/{batch}" for batch in names]

    return folders


def plan_settings(wildcards):
    """Return what the derived settings and the split depend on."""
    keys = "annotation classes normalisation split exclude group"
    return as_json(some_of(spec_of(wildcards), keys))


def split_file(wildcards):
    file = spec_of(wildcards).split.file
    return [] if file is None else str(septum_cases.resolve(CONFIG, file))


def group_table(wildcards):
    spec = spec_of(wildcards)
    if spec.table is None or spec.group is None or "{group}" in spec.group:
        return []
    return str(septum_cases.resolve(CONFIG, spec.table))


# ---- augment and weights ----


def augment_section(wildcards):
    section = CONFIG.dataset_section(dataset_name(wildcards), "augment")
    return section.model_dump(mode="json")


def augment_settings(wildcards):
    return as_json(augment_section(wildcards))


def weights_settings(wildcards):
    return as_json(CONFIG.dataset_section(dataset_name(wildcards), "weights"))


def copies_of_batch(wildcards):
    """Return the folder of a batch's elastic copies, or nothing where none are asked for."""
    if augment_section(wildcards)["copies"] == 0:
        return []
    return f"{RESULTS}/{wildcards.dataset}/copies/{wildcards.batch}"


def all_copies(wildcards):
    if augment_section(wildcards)["copies"] == 0:
        return []
    return batch_folders("copies")(wildcards)


def all_weights(wildcards):
    """Return the weight maps that a training reads, or nothing where it uses none."""
    if not run_of(wildcards).train.border_weights:
        return []
    return batch_folders("weights")(wildcards)


# ---- train and predict ----


def train_settings(wildcards):
    """Return one training's settings; which other folds are trained is none of its business."""
    settings = run_of(wildcards).model_dump(mode="json")
    del settings["train"]["folds"]
    return as_json(settings)


def train_seed(wildcards):
    return CONFIG.train_seed(experiment_name(wildcards))


def start_weights(wildcards):
    """Return the file that a training starts from, or nothing: random weights, or an address."""
    run = run_of(wildcards)
    if run.start_from is not None:
        other = safe_name(run.start_from)
        folder = f"{RESULTS}/{wildcards.dataset}/{other}/fold{wildcards.fold}"
        return f"{folder}/model.safetensors"
    if run.pretrained is None or run.pretrained.is_address:
        return []
    return str(septum_cases.resolve(CONFIG, run.pretrained.source))


def require_checkpoints():
    """Stop a run whose trainings cannot start; what is trained needs its checkpoint no more."""
    missing = septum_cases.missing_checkpoints(CONFIG)
    needed = dict.fromkeys(
        CONFIG.as_written(missing[EXPERIMENTS[run.experiment]])
        for run in RUNS
        if EXPERIMENTS[run.experiment] in missing
        and not all(map(os.path.exists, all_models(run)))
    )
    if needed:
        found = SeptumError(needed)
        raise WorkflowError(f"the configuration cannot be run\n{found}")


def predict_settings(wildcards):
    return as_json(run_of(wildcards).predict)


def network_code(stage):
    """Return a params function: the digest of a stage's code and of the network's own module."""

    def digest(wildcards):
        return code_digest(stage, models.module(run_of(wildcards).network))

    return digest


def trained_folds(wildcards):
    """Return the folds that an experiment's network is trained on, or its baseline tuned on."""
    names = dataset_name(wildcards), experiment_name(wildcards)
    folds = CONFIG.folds(*names)
    every = range(fold_count(spec_of(wildcards).split, split_file(wildcards) or None))
    return list(every) if folds == "all" else sorted(set(folds))


def all_models(wildcards):
    """Return what an experiment predicts with: a file a fold."""
    folder = f"{RESULTS}/{wildcards.dataset}/{wildcards.experiment}"
    tuned = wildcards.experiment in BASELINES + MERGES
    file = "parameters.json" if tuned else "model.safetensors"
    return [f"{folder}/fold{fold}/{file}" for fold in trained_folds(wildcards)]


def gpus(stage):
    """Return a resources function: the GPUs that a job asks for, none or one.

    Where the configuration says `auto`, jobs on this machine ask for one if it has one: else
    they would wait for each other, since the default profile lets one GPU job run at a time.
    What the nodes of a cluster have cannot be seen from here: there each job asks.
    """

    def count(wildcards):
        device = getattr(run_of(wildcards), stage).device
        if device == "auto" and workflow.local_exec:
            return int(has_gpu())
        return 0 if device == "cpu" else 1

    return count


def share_of_cores(wildcards, stage, at_once, most):
    """Return the threads of a job, where `at_once` of them share this machine's processor.

    Jobs side by side are done sooner than one after the other with all cores each. On a GPU, and
    on a node of a cluster, a job has `most`: more do not make it faster.
    """
    cores = workflow.resource_settings.cores
    alone = gpus(stage)(wildcards) or not workflow.local_exec
    if alone or cores is None or not workflow.is_main_process:
        return most
    return max(1, min(cores // at_once, most))


def train_threads(wildcards):
    at_once = min(trainings(), 4)  # more take too much memory
    return share_of_cores(wildcards, "train", at_once, most=16)


def predict_threads(wildcards):
    return share_of_cores(wildcards, "predict", at_once=2, most=4)


@functools.cache
def trainings():
    """Return how many networks the configuration trains, folds counted.

    Those already trained count too: another number of threads adds up in another order, and a
    training that goes on must end with the weights of an undisturbed one.
    """
    return sum(len(all_models(run)) for run in RUNS if run.experiment in NETWORKS)


def predicted_folders(wildcards):
    folder = f"{RESULTS}/{wildcards.dataset}/{wildcards.experiment}"
    return [f"{folder}/predicted/{batch}" for batch in BATCHES[wildcards.dataset]]


def export_settings(wildcards):
    return as_json(CONFIG.dataset_section(dataset_name(wildcards), "export"))


def all_predictions():
    return [
        f"{RESULTS}/{dataset}/{experiment}/predictions" for dataset, experiment in RUNS
    ]


# ---- classical baselines ----


def baseline_of(wildcards):
    return CONFIG.baseline(dataset_name(wildcards), experiment_name(wildcards))


def baseline_settings(wildcards):
    return as_json(baseline_of(wildcards))


def baseline_code(stage):
    """Return a params function: the digest of a stage's code and of the method's own module."""

    def digest(wildcards):
        return code_digest(stage, classical.module(baseline_of(wildcards).method))

    return digest


# ---- merges of two experiments ----


def merge_of(wildcards):
    return CONFIG.experiments[experiment_name(wildcards)].merge


def merge_settings(wildcards):
    return as_json(merge_of(wildcards))


def merged_parts(wildcards):
    """Return the two runs that a merge is made of: of the objects, of the classes of pixels."""
    merge = merge_of(wildcards)
    names = (merge.instances, merge.semantic)
    return [Run(wildcards.dataset, safe_name(name)) for name in names]


def merged_predictions(part):
    """Return an input function: the batches that one of the two predicted, or one batch."""

    def folders(wildcards):
        run = merged_parts(wildcards)[part]
        if "batch" not in wildcards.keys():
            return predicted_folders(run)
        return f"{RESULTS}/{run.dataset}/{run.experiment}/predicted/{wildcards.batch}"

    return folders


def merged_costs(file):
    """Return an input function: what the two took, by a path within their folders."""

    def files(wildcards):
        runs = merged_parts(wildcards)
        path = file.format(**dict(wildcards.items()))
        return [f"{RESULTS}/{run.dataset}/{run.experiment}/{path}" for run in runs]

    return files


# ---- evaluate and report ----


def experiments_of(wildcards):
    return [experiment for dataset, experiment in RUNS if dataset == wildcards.dataset]


def baselines_of(wildcards):
    return [e for e in experiments_of(wildcards) if e in BASELINES]


def scores_of_dataset(wildcards):
    folder = f"{RESULTS}/{wildcards.dataset}"
    files = ("cases.csv", "classes.csv", "objects.npz")
    return [f"{folder}/{e}/{file}" for e in experiments_of(wildcards) for file in files]


def costs_of_dataset(wildcards):
    """Return what was written down of the time and memory that each experiment took."""
    files = []
    for run in RUNS:
        if run.dataset == wildcards.dataset:
            folder = f"{RESULTS}/{run.dataset}/{run.experiment}"
            files += [f"{folder}/fold{fold}/costs.json" for fold in trained_folds(run)]
            files += [f"{folder}/costs/{batch}.json" for batch in BATCHES[run.dataset]]
    return files


def report_inputs(wildcards):
    files = []
    for dataset in scored_datasets():
        files += [
            f"{RESULTS}/{dataset}/plan.json",
            f"{RESULTS}/{dataset}/leaderboard.csv",
        ]
        files += [f"{RESULTS}/{dataset}/cases/{batch}" for batch in BATCHES[dataset]]
    for run in RUNS:
        folder = f"{RESULTS}/{run.dataset}/{run.experiment}"
        tables = ("cases", "classes", "pooled", "confusion")
        files += [f"{folder}/{table}.csv" for table in tables]
        files += predicted_folders(run) + all_models(run)
    return files


def scored_datasets():
    return sorted({dataset for dataset, _ in RUNS})


def report_settings(wildcards):
    """Return what the report shows: its own settings, and every dataset's experiments."""
    shown = {
        "report": CONFIG.report.model_dump(mode="json"),
        "evaluate": CONFIG.evaluate.model_dump(mode="json"),
        "datasets": [
            {
                "name": DATASETS[dataset],
                "folder": dataset,
                "batches": list(BATCHES[dataset]),
                "weights": CONFIG.dataset_section(
                    DATASETS[dataset], "weights"
                ).model_dump(mode="json"),
                "experiments": {
                    run.experiment: {
                        "name": EXPERIMENTS[run.experiment],
                        "folds": trained_folds(run),
                        "kind": KINDS[run.experiment],
                    }
                    for run in RUNS
                    if run.dataset == dataset
                },
            }
            for dataset in scored_datasets()
        ],
    }
    return as_json(shown)


# ---- resources ----


def mem_mb(base):
    """Return a resources function: more memory at each retry (a killed job tries again)."""

    def megabytes(wildcards, attempt):
        return base * attempt

    return megabytes


def case_mem_mb(base, bytes_per_pixel, case_per_thread=False):
    """Return a resources function: memory for the largest case that a job reads.

    `bytes_per_pixel` is half as much again as a stage was seen to take for each pixel of a case
    that it works on (16-bit images of one channel, 2-D and 3-D); `base` is what it takes besides.
    """

    def megabytes(wildcards, attempt, threads):
        pixels = largest_case(wildcards.dataset, wildcards.get("batch"))
        at_once = threads if case_per_thread else 1
        return (base + at_once * bytes_per_pixel * pixels // 2**20) * attempt

    return megabytes


def predict_mem_mb(wildcards, attempt, threads):
    """Return the memory of a prediction; a CRF holds copies of probabilities and image."""
    refined = run_of(wildcards).predict.crf is not None
    needed = case_mem_mb(8000, bytes_per_pixel=400 if refined else 100)
    return needed(wildcards, attempt, threads)


@functools.cache
def largest_case(dataset, batch=None):
    """Return the pixels (times channels) of the largest image of a batch, or of a dataset."""
    cases = CASES[dataset] if batch is None else BATCHES[dataset][batch]
    return max(sum(map(count_pixels, case.images)) for case in cases)


if workflow.is_main_process:
    require_checkpoints()
