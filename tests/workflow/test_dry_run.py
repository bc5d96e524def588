"""What Snakemake plans: few runs, each of a configuration with much in it.

What a rule is given for which configuration is tested in process, beside this file.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from septum.config.load import load_config
from septum.workflow.gpu import has_gpu
from septum.workflow.inputs import Inputs
from septum.workflow.params import Params
from septum.workflow.study import Study

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))
SHIPPED = ("unet", "dense_unet", "fcn8s", "segnet", "pspnet", "deeplabv3plus", "watershed")

pytestmark = pytest.mark.workflow


def snakemake(*arguments, cwd):
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    cores = () if "--cores" in arguments else ("--cores", "2")
    return subprocess.run(
        [*command, *cores, "--directory", str(cwd), "--dry-run", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )


class Planned:
    """The jobs in the output of a dry run."""

    def __init__(self, output: str) -> None:
        self.output = output
        blocks = re.findall(r"^(?:local)?rule (\w+):\n((?:    .*\n)+)", output, flags=re.M)
        self.jobs = [
            {"rule": rule, **dict(re.findall(r"^ +(\w+): (.*)$", block, flags=re.M))}
            for rule, block in blocks
        ]

    def of(self, folder: str) -> list[dict[str, str]]:
        """Return the jobs that write below a folder of results."""
        return [job for job in self.jobs if f"results/{folder}/" in job.get("output", "")]

    def rules(self, folder: str) -> set[str]:
        return {job["rule"] for job in self.of(folder)}

    def resource(self, rule: str, name: str) -> set[int]:
        """Return what the jobs of a rule ask for; 0 where they do not."""
        found = [
            re.search(rf"\b{name}=(\d+)", job["resources"])
            for job in self.jobs
            if job["rule"] == rule
        ]
        return {int(match[1]) if match else 0 for match in found}

    def threads(self, rule: str) -> set[int]:
        return {int(job.get("threads", 1)) for job in self.jobs if job["rule"] == rule}


def test_shipped_configuration_plans_the_demo(tmp_path):
    done = snakemake("--cores", "8", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    planned = Planned(done.stdout)
    path = ("demo", "prepare", "plan", "augment", "weights", "train", "tune", "predict", "report")
    assert set(path) <= {job["rule"] for job in planned.jobs}
    trained = re.findall(
        r"^rule (?:train|fit):\n.*?^    output: \S+?/(\w+)/fold0/", done.stdout, re.M | re.S
    )
    assert sorted(trained) == sorted(SHIPPED)
    if not has_gpu():
        # six networks: four are trained at once, and two predict
        assert (planned.threads("train"), planned.threads("predict")) == ({2}, {4})
        assert (planned.resource("train", "gpu"), planned.resource("predict", "gpu")) == ({0}, {0})


@pytest.mark.real_data
@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_each_ready_configuration_plans(config, real_data):
    files = (ROOT / "config.yaml", config)
    study = Study(load_config(*files, overrides={"data_root": str(real_data)}))
    assert study.runs
    assert "demo_nuclei" not in study.datasets
    assert Inputs(study).all_results(None)
    assert Params(study).report_contents


ODD_NAMES = ("<script>alert(1)<", "{x}", "a b", "ä'\"$(x)`y`", "-rf")


@pytest.fixture(scope="module")
def rich(tmp_path_factory):
    """The plan of a configuration with all kinds of datasets and experiments, and its folder."""
    folder = tmp_path_factory.mktemp("rich")
    for name in ODD_NAMES:
        for kind in ("i", "cell", "matrix"):
            (folder / kind).mkdir(exist_ok=True)
            (folder / kind / f"{name}.tif").write_bytes(b"x")
    # OME-Zarr images, each of 64 × 2048 × 2048 px; there is no chunk of them
    for name in "ab":
        image, multiscales = folder / f"v/{name}.zarr", [{"datasets": [{"path": "0"}]}]
        for path in (image, image / "labels/cells"):
            (path / "0").mkdir(parents=True)
            group = {"attributes": {"ome": {"multiscales": multiscales}}}
            (path / "zarr.json").write_text(json.dumps(group))
            (path / "0/zarr.json").write_text(json.dumps({"shape": [64, 2048, 2048]}))
    (folder / "vgg.pth").write_bytes(b"weights")
    (folder / "my.yaml").write_text(
        "seed: 3\n"
        f"data_root: {folder}\n"
        "datasets:\n"
        "  demo_nuclei: null\n"
        "  t: {demo: tissue}\n"
        "  odd: {images: 'i/{case}.tif', labels: '{class}/{case}.tif', annotation: panoptic,\n"
        "        classes: {1: cell, 2: matrix}, void: 9}\n"
        "  volumes: {images: 'v/{case}.zarr', labels: 'v/{case}.zarr/labels/cells'}\n"
        "experiments:\n"
        + "".join(f"  {name}: null\n" for name in SHIPPED)
        + "  objects: {network: mask_rcnn, datasets: [t]}\n"
        "  pixels: {network: fcn8s, datasets: [t]}\n"
        "  both: {merge: {instances: objects, semantic: pixels}, datasets: [t]}\n"
        "  fine: {network: fcn8s, start_from: coarse, seed: [5, 6], datasets: [odd]}\n"
        "  coarse: {network: fcn32s, pretrained: vgg.pth, seed: [5, 6], datasets: [odd]}\n"
        "  far: {network: fcn8s, pretrained: https://a.bc/vgg-397923af.pth, datasets: [odd]}\n"
        "  none: {method: watershed, datasets: [volumes]}\n"
        "train: {folds: [0, 2], device: cpu}\n"
        "predict: {device: gpu}\n"
        "jobs: {cases_per_job: 1000}\n"
    )
    done = snakemake("--printshellcmds", "--configfile", str(folder / "my.yaml"), cwd=folder)
    assert done.returncode == 0, done.stdout
    return folder, Planned(done.stdout)


def test_a_dry_run_writes_nothing(rich):
    folder, _ = rich
    assert not (folder / "results").exists()


def test_a_dataset_with_a_baseline_alone_trains_nothing(rich):
    _, planned = rich
    assert planned.rules("volumes") == {
        *("prepare", "plan", "fit", "predict_classical", "export", "evaluate", "leaderboard"),
    }
    tuned = [job["output"].split(",")[0] for job in planned.of("volumes") if job["rule"] == "fit"]
    folder = "results/volumes/none"
    assert sorted(tuned) == [f"{folder}/fold{fold}/parameters.json" for fold in (0, 2)]
    assert planned.resource("fit", "gpu") == {0}


def test_networks_and_merges_keep_to_their_own_rules(rich):
    _, planned = rich
    for name in ("objects", "pixels"):
        assert planned.rules(f"t/{name}") == {"train", "tune", "predict", "export", "evaluate"}
    assert planned.rules("t/both") == {"tune_merge", "panoptic_merge", "export", "evaluate"}


def test_a_merge_reads_two_experiments(rich):
    _, planned = rich
    both = {(job["rule"], job["output"]): job["input"] for job in planned.of("t/both")}
    folder = "results/t"
    parts = f"{folder}/objects/predicted/1of1, {folder}/pixels/predicted/1of1"
    for fold in (0, 2):
        record = f"{folder}/both/fold{fold}/parameters.json, {folder}/both/fold{fold}/costs.json"
        assert both["tune_merge", record].startswith(parts)
    merged = f"{folder}/both/predicted/1of1, {folder}/both/costs/1of1.json"
    assert f"{folder}/both/fold2/parameters.json" in both["panoptic_merge", merged]


def test_any_name_of_a_file_can_be_planned(rich):
    """Paths that Snakemake takes for patterns of its own are no inputs, all others are."""
    folder, planned = rich
    (job,) = (job for job in planned.of("odd") if job["rule"] == "prepare")
    plain = [name for name in ODD_NAMES if not set(name) & set("<>{}")]
    files = [f"{folder}/{kind}/{n}.tif" for n in plain for kind in ("i", "cell", "matrix")]
    assert sorted(job["input"].split(", ")) == sorted(files)
    assert "--cases results/odd/batches/1of1.json" in planned.output
    assert '"void":9' in planned.output


def test_jobs_ask_for_memory_by_the_size_of_an_image(rich):
    _, planned = rich
    wanted = {
        job["rule"]: int(re.search(r"\bmem_mb=(\d+)", job["resources"])[1])
        for job in planned.of("volumes")
    }
    # an image has 256 Mi pixels, and so each byte a pixel is 256 MiB
    assert wanted["prepare"] == 2000 + 50 * 256
    assert wanted["plan"] == 2000 + 65 * 256
    # two cases at once, on two cores
    assert wanted["evaluate"] == 2000 + 2 * 60 * 256


def test_a_gpu_is_asked_for_where_the_configuration_says_so(rich):
    """Wherever it may be: a job that gets none is an error."""
    _, planned = rich
    assert (planned.resource("train", "gpu"), planned.resource("predict", "gpu")) == ({0}, {1})


def test_stages_of_a_training_are_run_in_order_and_read_each_other(rich):
    folder, planned = rich
    command = (
        r"septum train .*--fold 0 --seed (\d+) .*--start ?(\S*) --code .*--out results/odd/(\S+)"
    )
    jobs = {out: (seed, start) for seed, start, out in re.findall(command, planned.output)}
    model = "fold0/weights.safetensors"
    assert jobs == {
        f"coarse-seed5/{model}": ("5", str(folder / "vgg.pth")),
        f"coarse-seed6/{model}": ("6", str(folder / "vgg.pth")),
        f"fine-seed5/{model}": ("5", f"results/odd/coarse-seed5/{model}"),
        f"fine-seed6/{model}": ("6", f"results/odd/coarse-seed6/{model}"),
        f"far/{model}": ("3", ""),
    }
    order = list(jobs)
    for seed in (5, 6):
        stages = [f"{stage}-seed{seed}/{model}" for stage in ("coarse", "fine")]
        assert sorted(stages, key=order.index) == stages


def test_a_broken_configuration_says_so_without_a_traceback(tmp_path):
    done = snakemake("--config", "trian={}", cwd=tmp_path)
    assert done.returncode != 0
    assert "trian: is not a known key" in done.stdout
    assert "did you mean 'train'" in done.stdout
    assert "Traceback" not in done.stdout


def test_what_is_trained_goes_on_without_its_checkpoint(tmp_path):
    """That it is missing before is an error, which `test_rules` shows."""
    (tmp_path / "my.yaml").write_text(
        f"data_root: {tmp_path}\n"
        "experiments: {o: {network: fcn8s, pretrained: vgg.pth, seed: [1, 2]}, "
        + ", ".join(f"{name}: null" for name in SHIPPED)
        + "}\n"
    )
    for seed in (1, 2):
        folder = tmp_path / f"results/demo_nuclei/o-seed{seed}/fold0"
        folder.mkdir(parents=True)
        for file in ("weights.safetensors", "costs.json"):
            (folder / file).touch()
    done = snakemake("--configfile", str(tmp_path / "my.yaml"), cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "MissingInput" not in done.stdout
    after_training = {"tune", "predict", "export", "evaluate"}
    assert Planned(done.stdout).rules("demo_nuclei/o-seed1") - {"train"} == after_training
