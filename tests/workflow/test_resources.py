"""What jobs ask for."""

from __future__ import annotations

import pytest
from small_study import Job, context, small_study

from septum.workflow import resources
from septum.workflow.resources import Resources

PIXELS = Job(dataset="cells", experiment="pixels", fold="0")
BATCH = Job(dataset="cells", experiment="pixels", batch="1of2")
MIB = 2**20


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(resources, "has_gpu", lambda: False)


@pytest.fixture
def one_gpu(monkeypatch):
    monkeypatch.setattr(resources, "has_gpu", lambda: True)


def make(tmp_path, *, folds=(0,), networks=1, device="auto", predict=None, **asked):
    experiments = {"pixels": {"network": "fcn8s"}}
    experiments |= {f"other{i}": {"network": "fcn8s"} for i in range(networks - 1)}
    study = small_study(
        tmp_path,
        experiments={name: {**spec, "datasets": ["cells"]} for name, spec in experiments.items()},
        train={"folds": list(folds), "device": device},
        predict={"device": device, **(predict or {})},
    )
    return Resources(study, context(**asked))


def test_a_job_that_was_killed_asks_for_more_memory(tmp_path):
    memory = make(tmp_path).mem_mb(4000)
    assert [memory(PIXELS, attempt) for attempt in (1, 2, 3)] == [4000, 8000, 12000]


def test_memory_by_the_size_of_the_largest_image(tmp_path):
    asked = make(tmp_path)
    with (tmp_path / "images/c.tif").open("wb") as file:
        file.truncate(256 * MIB)  # and so each byte a pixel is 256 MiB
    memory = asked.case_mem_mb(2000, bytes_per_pixel=50)
    assert memory(BATCH, 1, 2) == 2000 + 50 * 256
    assert memory(BATCH, 2, 2) == 2 * (2000 + 50 * 256)
    assert memory(Job(dataset="cells", batch="2of2"), 1, 2) == 2000
    # a job that reads all batches
    assert memory(Job(dataset="cells"), 1, 2) == 2000 + 50 * 256
    at_once = asked.case_mem_mb(2000, bytes_per_pixel=60, case_per_thread=True)
    assert at_once(Job(dataset="cells"), 1, 2) == 2000 + 2 * 60 * 256
    assert asked.predict_mem_mb(BATCH, 1, 2) == 8000 + 100 * 256
    refined = make(tmp_path, predict={"crf": {"intensity_sigma": 0.1}})
    with (tmp_path / "images/c.tif").open("wb") as file:
        file.truncate(256 * MIB)
    assert refined.predict_mem_mb(BATCH, 1, 2) == 8000 + 400 * 256


@pytest.mark.parametrize(
    ("device", "here", "expected"),
    [("auto", True, 0), ("auto", False, 1), ("cpu", False, 0), ("gpu", True, 1)],
)
def test_gpus_of_a_machine_without_one(tmp_path, no_gpu, device, here, expected):
    asked = make(tmp_path, device=device, here=here)
    assert asked.gpus("train")(PIXELS) == expected
    assert asked.gpus("predict")(PIXELS) == expected


@pytest.mark.parametrize(("device", "expected"), [("auto", 1), ("cpu", 0), ("gpu", 1)])
def test_gpus_of_a_machine_with_one(tmp_path, one_gpu, device, expected):
    assert make(tmp_path, device=device).gpus("train")(PIXELS) == expected


@pytest.mark.parametrize(
    ("cores", "train", "predict"), [(1, 1, 1), (2, 1, 1), (8, 2, 4), (12, 3, 4), (128, 16, 4)]
)
def test_trainings_on_a_processor_share_its_cores(tmp_path, no_gpu, cores, train, predict):
    asked = make(tmp_path, networks=6, cores=cores)
    assert asked.train_threads(PIXELS) == train
    assert asked.predict_threads(PIXELS) == predict


@pytest.mark.parametrize(("folds", "expected"), [([0], 8), ([0, 1], 4), ([0, 1, 2, 3, 4], 2)])
def test_a_training_alone_has_all_cores(tmp_path, folds, expected):
    asked = make(tmp_path, folds=folds, device="cpu", cores=8)
    assert asked.train_threads(PIXELS) == expected


def test_trained_networks_count_among_those_that_share(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = tmp_path / "out/cells/pixels/fold0/model.safetensors"
    model.parent.mkdir(parents=True)
    model.touch()
    asked = make(tmp_path, folds=[0, 1], device="cpu", cores=8)
    assert asked.train_threads(PIXELS) == 4


@pytest.mark.parametrize("asked", [{"here": False}, {"main": False}, {"cores": None}])
def test_on_a_node_of_a_cluster_a_job_has_its_threads_to_itself(tmp_path, no_gpu, asked):
    found = make(tmp_path, networks=6, **{"cores": 8, **asked})
    assert (found.train_threads(PIXELS), found.predict_threads(PIXELS)) == (16, 4)


def test_on_a_gpu_a_job_has_its_threads_to_itself(tmp_path, one_gpu):
    assert make(tmp_path, networks=6, cores=8).train_threads(PIXELS) == 16


def test_a_tuning_takes_its_threads_by_the_device_that_predicts(tmp_path, one_gpu):
    # two cores for each of four jobs on the processor; on a GPU a job shares none
    on_processor = {"networks": 6, "cores": 8, "device": "auto", "predict": {"device": "cpu"}}
    asked = make(tmp_path, **on_processor)
    assert (asked.train_threads(PIXELS), asked.tune_threads(PIXELS)) == (16, 2)
    on_gpu = {"networks": 6, "cores": 8, "device": "cpu", "predict": {"device": "gpu"}}
    asked = make(tmp_path, **on_gpu)
    assert (asked.train_threads(PIXELS), asked.tune_threads(PIXELS)) == (2, 16)
