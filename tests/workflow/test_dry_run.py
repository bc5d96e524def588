"""Every shipped configuration parses and plans; a broken one says why."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from septum.workflow.gpu import has_gpu

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))
SHIPPED = ("unet", "dense_unet", "fcn8s", "segnet", "pspnet", "deeplabv3plus", "watershed")
# switches off the shipped experiments, as the first lines of a block in braces
NONE_SHIPPED = "".join(f"{name}: null, " for name in SHIPPED)
NO_OTHERS = NONE_SHIPPED.removeprefix("unet: null, ")

pytestmark = pytest.mark.workflow


def snakemake(*arguments, cwd, path=None):
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    cores = () if "--cores" in arguments else ("--cores", "2")
    return subprocess.run(
        [*command, *cores, "--directory", str(cwd), "--dry-run", *arguments],
        cwd=ROOT,
        env=os.environ if path is None else {**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )


def test_shipped_configuration_plans_the_demo(tmp_path):
    done = snakemake(cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    for rule in ("demo", "prepare", "plan", "augment", "weights", "train", "predict", "report"):
        assert f"\n{rule} " in done.stdout
    trained = re.findall(
        r"^rule (?:train|fit):\n.*?^    output: \S+?/(\w+)/fold0/", done.stdout, re.M | re.S
    )
    assert sorted(trained) == sorted(SHIPPED)


@pytest.mark.real_data
@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_each_ready_configuration_plans(config, real_data, tmp_path):
    done = snakemake(
        "--configfile", str(config), "--config", f"data_root={real_data}", cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout
    assert "demo_nuclei" not in done.stdout


def test_a_baseline_alone_trains_nothing(tmp_path):
    (tmp_path / "floor.yaml").write_text(
        f"experiments: {{{NONE_SHIPPED}none: {{method: watershed}}}}\ntrain: {{folds: [0, 2]}}\n"
    )
    done = snakemake("--configfile", str(tmp_path / "floor.yaml"), cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    rules = set(re.findall(r"^(?:local)?rule (\w+):", done.stdout, flags=re.M))
    assert rules == {
        *("demo", "prepare", "plan", "fit", "predict_classical", "export", "evaluate"),
        *("leaderboard", "report", "all"),
    }
    tuned = re.findall(r"^ +output: (\S+parameters\.json),", done.stdout, flags=re.M)
    folder = "results/demo_nuclei/none"
    assert sorted(tuned) == [f"{folder}/fold{fold}/parameters.json" for fold in (0, 2)]


def test_networks_and_baselines_keep_to_their_own_rules(tmp_path):
    (tmp_path / "both.yaml").write_text(f"experiments: {{{NO_OTHERS}o: {{method: watershed}}}}")
    done = snakemake("--configfile", str(tmp_path / "both.yaml"), cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    jobs = re.findall(
        r"^rule (train|fit|predict|predict_classical):\n.*?^    output: results/demo_nuclei/(\w+)/",
        done.stdout,
        flags=re.M | re.S,
    )
    assert set(jobs) == {
        *(("train", "unet"), ("predict", "unet")),
        *(("fit", "o"), ("predict_classical", "o")),
    }
    assert resources(done.stdout, "gpu")["fit"] == 0


def test_a_merge_reads_two_experiments_and_keeps_to_its_own_rules(tmp_path):
    (tmp_path / "both.yaml").write_text(
        "datasets: {demo_nuclei: null, t: {demo: tissue}}\n"
        f"experiments: {{{NONE_SHIPPED}objects: {{network: mask_rcnn}}, "
        "pixels: {network: fcn8s}, both: {merge: {instances: objects, semantic: pixels}}}\n"
        "train: {folds: [0, 2]}\n"
    )
    done = snakemake("--configfile", str(tmp_path / "both.yaml"), cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    jobs = re.split(r"^(?:local)?rule ", done.stdout, flags=re.M)[1:]
    made = [(job.split(":")[0], re.findall(r"^ +(?:in|out)put: (.*)$", job, re.M)) for job in jobs]
    made = [(rule, *files) for rule, files in made if len(files) == 2]
    both = {(rule, out): read for rule, read, out in made if "t/both/" in out}
    folder = "results/t"
    parts = f"{folder}/objects/predicted/1of1, {folder}/pixels/predicted/1of1"
    for fold in (0, 2):
        record = f"{folder}/both/fold{fold}/parameters.json, {folder}/both/fold{fold}/costs.json"
        assert both["tune_merge", record].startswith(parts)
    merged = f"{folder}/both/predicted/1of1, {folder}/both/costs/1of1.json"
    assert f"{folder}/both/fold2/parameters.json" in both["panoptic_merge", merged]
    rules = {rule for rule, _ in both}
    assert rules == {"tune_merge", "panoptic_merge", "export", "evaluate"}


def test_a_broken_configuration_says_so_without_a_traceback(tmp_path):
    done = snakemake("--config", "trian={}", cwd=tmp_path)
    assert done.returncode != 0
    assert "trian: is not a known key" in done.stdout
    assert "did you mean 'train'" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_key_that_stands_twice_stops_the_run(tmp_path):
    (tmp_path / "my.yaml").write_text("train: {epochs: 1}\nseed: 1\ntrain: {lr: 1.0e-3}\n")
    done = snakemake("--configfile", str(tmp_path / "my.yaml"), cwd=tmp_path)
    assert done.returncode != 0
    assert "my.yaml: has train twice, in lines 1 and 3" in done.stdout
    assert "Traceback" not in done.stdout


@pytest.mark.parametrize("name", ["<script>alert(1)<", "{x}", "a b", "ä'\"$(x)`y`", "-rf"])
def test_any_name_of_a_file_can_be_planned(name, tmp_path):
    for kind in ("images", "labels"):
        (tmp_path / kind).mkdir()
        for case in (name, "other"):
            (tmp_path / kind / f"{case}.tif").write_bytes(b"x")
    (tmp_path / "my.yaml").write_text(
        "datasets: {demo_nuclei: null, d: {images: 'images/{case}.tif', "
        "labels: 'labels/{case}.tif'}}\n"
    )
    done = snakemake("--configfile", str(tmp_path / "my.yaml"), cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "\nprepare " in done.stdout


@pytest.fixture
def volumes(tmp_path):
    """A dataset of OME-Zarr images, each of 64 × 2048 × 2048 px; there is no chunk of them."""
    multiscales = [{"datasets": [{"path": "0"}]}]
    for case in "abcd":
        for image in (tmp_path / f"{case}.zarr", tmp_path / f"{case}.zarr/labels/cells"):
            (image / "0").mkdir(parents=True)
            group = {"attributes": {"ome": {"multiscales": multiscales}}}
            (image / "zarr.json").write_text(json.dumps(group))
            (image / "0/zarr.json").write_text(json.dumps({"shape": [64, 2048, 2048]}))
    (tmp_path / "my.yaml").write_text(
        "datasets: {demo_nuclei: null, d: {images: '{case}.zarr', "
        "labels: '{case}.zarr/labels/cells'}}\n"
        f"experiments: {{{NO_OTHERS}}}\n"
    )
    return tmp_path


def resources(output, name):
    """Return a resource of each rule in the output of a dry run; 0 where it has none."""
    jobs = re.findall(r"^rule (\w+):\n.*?^    resources: ([^\n]*)$", output, flags=re.M | re.S)
    found = {rule: re.search(rf"\b{name}=(\d+)", line) for rule, line in jobs}
    return {rule: int(match[1]) if match else 0 for rule, match in found.items()}


def test_every_label_file_of_a_case_is_an_input(tmp_path):
    for path in ("i/a.tif", "cell/a.tif", "matrix/a.tif"):
        (tmp_path / path).parent.mkdir()
        (tmp_path / path).write_bytes(b"x")
    (tmp_path / "my.yaml").write_text(
        "datasets: {demo_nuclei: null, d: {images: 'i/{case}.tif', labels: '{class}/{case}.tif', "
        "annotation: panoptic, classes: {1: cell, 2: matrix}, void: 9}}\n"
    )
    done = snakemake("-p", "--configfile", str(tmp_path / "my.yaml"), cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    (inputs,) = re.findall(r"^rule prepare:\n    input: (.*)$", done.stdout, flags=re.M)
    assert inputs.split(", ") == ["i/a.tif", "cell/a.tif", "matrix/a.tif"]
    assert "--cases results/d/batches/1of1.json" in done.stdout
    assert not (tmp_path / "results").exists(), "a dry run writes nothing"
    assert '"void":9' in done.stdout


def test_jobs_ask_for_memory_by_the_size_of_an_image(volumes):
    done = snakemake("--configfile", str(volumes / "my.yaml"), cwd=volumes)
    assert done.returncode == 0, done.stdout
    wanted = resources(done.stdout, "mem_mb")
    # an image has 256 Mi pixels, and so each byte a pixel is 256 MiB
    assert wanted["prepare"] == 2000 + 50 * 256
    assert wanted["plan"] == 2000 + 65 * 256
    assert wanted["predict"] == 8000 + 100 * 256
    # two cases at once, on two cores
    assert wanted["evaluate"] == 2000 + 2 * 60 * 256
    with (volumes / "my.yaml").open("a") as file:
        file.write("predict: {crf: {intensity_sigma: 0.1}}\n")
    done = snakemake("--configfile", str(volumes / "my.yaml"), cwd=volumes)
    assert resources(done.stdout, "mem_mb")["predict"] == 8000 + 400 * 256
    # and none shares its job with another
    assert len(re.findall("^rule prepare:", done.stdout, flags=re.M)) > 1


@pytest.mark.skipif(has_gpu(), reason="this machine has a GPU")
def test_jobs_ask_for_a_gpu_where_there_is_one(tmp_path):
    driver = tmp_path / "bin/nvidia-smi"
    driver.parent.mkdir()
    driver.write_text("#!/bin/sh\n")
    driver.chmod(0o755)
    # said outright, a GPU is asked for wherever it may be; a job that gets none is an error
    (tmp_path / "gpu.yaml").write_text("predict: {device: gpu}")
    here = os.environ["PATH"]
    for path, wanted in ((here, (0, 1)), (f"{driver.parent}{os.pathsep}{here}", (1, 1))):
        done = snakemake("--configfile", str(tmp_path / "gpu.yaml"), cwd=tmp_path, path=path)
        assert done.returncode == 0, done.stdout
        found = resources(done.stdout, "gpu")
        assert (found["train"], found["predict"]) == wanted


@pytest.mark.skipif(has_gpu(), reason="this machine has a GPU")
@pytest.mark.parametrize(
    ("cores", "train", "predict"), [(1, 1, 1), (2, 1, 1), (8, 2, 4), (12, 3, 4), (128, 16, 4)]
)
def test_trainings_on_a_processor_share_its_cores(cores, train, predict, tmp_path):
    done = snakemake("--cores", str(cores), cwd=tmp_path)  # six networks
    assert done.returncode == 0, done.stdout
    assert threads(done.stdout) == {"train": {train}, "predict": {predict}}


def test_a_training_alone_has_all_cores(tmp_path):
    for folds, expected in (([0], 8), ([0, 1], 4)):
        (tmp_path / "one.yaml").write_text(
            f"experiments: {{{NO_OTHERS}}}\ntrain: {{device: cpu, folds: {folds}}}"
        )
        done = snakemake("--cores", "8", "--configfile", str(tmp_path / "one.yaml"), cwd=tmp_path)
        assert threads(done.stdout)["train"] == {expected}


def test_a_training_has_as_many_threads_whatever_is_trained_already(tmp_path):
    model = tmp_path / "results/demo_nuclei/unet/fold0/model.safetensors"
    model.parent.mkdir(parents=True)
    model.touch()
    done = snakemake("--cores", "4", cwd=tmp_path)
    assert threads(done.stdout)["train"] == {1}
    (tmp_path / "one.yaml").write_text(
        f"experiments: {{{NO_OTHERS}}}\ntrain: {{device: cpu, folds: [0, 1]}}"
    )
    done = snakemake("--cores", "8", "--configfile", str(tmp_path / "one.yaml"), cwd=tmp_path)
    assert threads(done.stdout)["train"] == {4}


def threads(output):
    """Return the threads of the jobs of a dry run that train and predict with networks."""
    found = {"train": set(), "predict": set()}
    for rule, block in re.findall(r"^rule (train|predict):\n((?:    .*\n)+)", output, re.M):
        (written,) = re.findall(r"^    threads: (\d+)$", block, re.M) or ["1"]
        found[rule].add(int(written))
    return found


def test_a_checkpoint_that_is_not_there_is_an_error_of_the_configuration(tmp_path):
    (tmp_path / "my.yaml").write_text(
        f"data_root: {tmp_path}\nexperiments: {{{NONE_SHIPPED}"
        "o: {network: fcn8s, pretrained: vgg.pth, seed: [1, 2]}}\n"
    )
    arguments = ("--configfile", str(tmp_path / "my.yaml"))
    done = snakemake(*arguments, cwd=tmp_path)
    assert done.returncode != 0
    assert f"experiments.o.pretrained: {tmp_path}/vgg.pth does not exist" in done.stdout
    assert done.stdout.count("does not exist") == 1  # and not once a seed
    assert "relative one starts at data_root" in done.stdout
    assert "Traceback" not in done.stdout
    assert "MissingInput" not in done.stdout
    # what is trained goes on without it
    for seed in (1, 2):
        folder = tmp_path / f"results/demo_nuclei/o-seed{seed}/fold0"
        folder.mkdir(parents=True)
        for file in ("model.safetensors", "costs.json"):
            (folder / file).touch()
    done = snakemake(*arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stdout


def test_stages_of_a_training_are_run_in_order_and_read_each_other(tmp_path):
    (tmp_path / "vgg.pth").write_bytes(b"weights")
    (tmp_path / "my.yaml").write_text(
        "seed: 3\n"
        f"data_root: {tmp_path}\n"
        "experiments:\n"
        + "".join(f"  {name}: null\n" for name in SHIPPED)
        + "  fine: {network: fcn8s, start_from: middle, seed: [5, 6]}\n"
        "  middle: {network: fcn16s, start_from: coarse, seed: [5, 6]}\n"
        "  coarse: {network: fcn32s, pretrained: vgg.pth, seed: [5, 6]}\n"
        "  alone: {network: fcn8s, pretrained: https://no.example/vgg-397923af.pth}\n"
    )
    arguments = ("--configfile", str(tmp_path / "my.yaml"), "--printshellcmds")
    done = snakemake(*arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    command = (
        r"septum train .*--seed (\d+) .*--start ?(\S*) --code .*--out results/demo_nuclei/(\S+)"
    )
    jobs = {out: (seed, start) for seed, start, out in re.findall(command, done.stdout)}
    model, folder = "fold0/model.safetensors", "results/demo_nuclei"
    assert jobs == {
        f"coarse-seed5/{model}": ("5", str(tmp_path / "vgg.pth")),
        f"coarse-seed6/{model}": ("6", str(tmp_path / "vgg.pth")),
        f"middle-seed5/{model}": ("5", f"{folder}/coarse-seed5/{model}"),
        f"middle-seed6/{model}": ("6", f"{folder}/coarse-seed6/{model}"),
        f"fine-seed5/{model}": ("5", f"{folder}/middle-seed5/{model}"),
        f"fine-seed6/{model}": ("6", f"{folder}/middle-seed6/{model}"),
        f"alone/{model}": ("3", ""),
    }
    order = list(jobs)
    for seed in (5, 6):
        stages = [f"{stage}-seed{seed}/{model}" for stage in ("coarse", "middle", "fine")]
        assert sorted(stages, key=order.index) == stages
