"""All that the rules ask, put together."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from small_study import Job, context, small_settings, small_study

from septum.config.checks.names import RESERVED_NAMES
from septum.errors import SeptumError
from septum.io.code_digest import reachable
from septum.workflow import stage_code
from septum.workflow.batch_list import read_batch_list
from septum.workflow.handed_file import read_section_file
from septum.workflow.paths import Paths
from septum.workflow.report_contents import ReportContents
from septum.workflow.rules import Rules, one_of
from septum.workflow.stage_code import Code

ROOT = Path(__file__).resolve().parents[2]


def test_a_constraint_fits_its_names_only():
    pattern = re.compile(one_of(["unet", "a.b"]))
    assert all(pattern.fullmatch(name) for name in ("unet", "a.b"))
    assert not any(pattern.fullmatch(name) for name in ("a-b", "unet2", ""))
    assert not re.compile(one_of([])).search("")


def test_what_is_left_out_is_told_once(tmp_path):
    settings = small_settings(tmp_path)
    asked = Rules(settings, [], context())
    (message,) = asked.messages
    assert message.startswith("left out: gives things and stuff, and the annotation of cells")
    assert message.endswith("(experiments.both (1).merge)")
    assert Rules(settings, [], context(main=False)).messages == []


def test_a_key_that_stands_twice_is_an_error(tmp_path):
    file = tmp_path / "my.yaml"
    file.write_text("train: {epochs: 1}\nseed: 1\ntrain: {lr: 1.0e-3}\n")
    settings = small_settings(tmp_path)
    with pytest.raises(SeptumError, match="has train twice, in lines 1 and 3"):
        Rules(settings, [str(file)], context())
    Rules(settings, [str(file)], context(main=False))  # a cluster job does not ask again


def test_a_checkpoint_that_is_not_there_is_an_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    experiments = {"pixels": {"network": "fcn8s", "pretrained": "vgg.pth"}}
    settings = small_settings(tmp_path, experiments=experiments)
    with pytest.raises(SeptumError, match=r"experiments\.pixels\.pretrained"):
        Rules(settings, [], context())
    Rules(settings, [], context(main=False))


def test_handed_files_are_written_where_they_changed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = small_settings(tmp_path)
    asked = Rules(settings, [], context())
    assert not (tmp_path / "out").exists(), "a dry run writes nothing"
    asked.write_handed_files()
    lists = sorted((tmp_path / "out/cells/batches").iterdir())
    assert [path.name for path in lists] == ["1of2.json", "2of2.json"]
    assert len(list((tmp_path / "out/demo/batches").iterdir())) == 6
    assert [case.name for case in read_batch_list(lists[1])] == ["a", "b"]
    contents = tmp_path / "out/report.json"
    assert read_section_file(ReportContents, contents).datasets[0].name == "cells"
    for path in (*lists, contents):
        os.utime(path, ns=(1, 1))
    (tmp_path / "images/d.tif").touch()
    (tmp_path / "labels/d.tif").touch()
    Rules(settings, [], context()).write_handed_files()
    # the sha256 of `d` is an even number, and so it is of the first batch
    assert [path.stat().st_mtime_ns == 1 for path in (*lists, contents)] == [False, True, True]
    assert [case.name for case in read_batch_list(lists[0])] == ["c", "d"]


@pytest.mark.workflow
def test_handed_files_that_cannot_be_written_are_named_with_a_remedy(tmp_path):
    (tmp_path / "results/demo_nuclei").mkdir(parents=True)
    (tmp_path / "results/demo_nuclei/batches").touch()
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--directory", str(tmp_path), "--cores", "1", "data"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "the run cannot start\nresults/demo_nuclei/batches/1of1.json: cannot" in done.stderr
    assert "-> check the path" in done.stderr
    assert "septum/io/atomic.py" not in done.stderr


def test_a_thousand_cases_in_one_job(tmp_path):
    names = [f"{i:04d}" for i in range(1000)]
    asked = Rules(small_settings(tmp_path, *names, jobs={"cases_per_job": 1000}), [], context())
    assert list(asked.study.batches["cells"]) == ["1of1"]
    job = Job(dataset="cells", batch="1of1")
    assert len(asked.settings.batch(job)) < 100
    assert len(asked.inputs.batch_files(job)) == 2000


def test_no_experiment_has_the_name_of_another_folder():
    paths = Paths("")
    of_dataset = (paths.demo, paths.batch_list, paths.cases, paths.plan, paths.copies)
    of_dataset += (paths.weights, paths.leaderboard)
    names = {path("d").split("/")[2] for path in of_dataset}
    names.add(paths.dataset_log("x").split("/")[2])
    assert names == RESERVED_NAMES["experiments"]
    names = {path().split("/")[1] for path in (paths.report, paths.report_contents)}
    assert {*names, paths.run_log("x").split("/")[1]} == RESERVED_NAMES["datasets"]


def test_parsing_imports_nothing_heavy():
    """Each cluster job parses the Snakefile again: NumPy alone would double its time."""
    code = (
        "import sys, septum.workflow.rules\n"
        "heavy = {'numpy', 'scipy', 'skimage', 'torch', 'zarr', 'pandas', 'matplotlib'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_rule_files_hold_rules_and_no_functions():
    for file in (ROOT / "pipeline").glob("*.smk"):
        assert not re.search(r"^\s*(def|class) |\blambda\b", file.read_text(), flags=re.M), file
    lines = (ROOT / "pipeline/common.smk").read_text().splitlines()
    assert len(lines) <= 100


def test_the_profile_of_a_cluster_names_every_rule_that_asks_for_a_gpu():
    asking = {
        rule
        for file in (ROOT / "pipeline").glob("*.smk")
        for rule, text in RULES.findall(file.read_text())
        if "gpu=" in text
    }
    assert asking == {"train", "tune", "predict"}
    profile = (ROOT / "profiles/slurm/config.yaml").read_text()
    assert set(re.findall(r"^#   (\w+): \{slurm_partition: gpu\}$", profile, flags=re.M)) == asking


RULES = re.compile(r"^rule (\w+):\n(.*?)(?=^rule |\Z)", flags=re.M | re.S)


@pytest.fixture(scope="module")
def covered(tmp_path_factory):
    """The modules that the code digest of each rule covers, as its file says, for one study.

    Its images are TIFF, its network is an FCN, its baseline the watershed.
    """
    code = Code(small_study(tmp_path_factory.mktemp("study")))
    jobs = {"fit": "floor", "predict_classical": "floor"}
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        # the sets themselves, in place of their digests (which `test_code_digest` tests)
        patch.setattr(stage_code, "_digest", reachable)
        patch.setattr(stage_code, "code_digest", reachable)
        for file in (ROOT / "pipeline").glob("*.smk"):
            for rule, text in RULES.findall(file.read_text()):
                (expression,) = re.findall(r"^ +code=(code\.\w+\([^)]*\)),$", text, flags=re.M)
                modules = eval(expression, {"code": code})
                job = Job(dataset="cells", batch="1of2", experiment=jobs.get(rule, "pixels"))
                found[rule] = modules(job) if callable(modules) else modules
    return found


@pytest.mark.parametrize(
    ("module", "rules"),
    [
        ("metrics.surface", {"evaluate"}),
        ("networks.fcn", {"train", "tune", "predict"}),
        ("decoding.watershed", {"tune", "predict"}),
        ("inference.merge_tiles", {"tune", "predict"}),
        ("networks.dense_unet", set()),
        ("classical.watershed", {"fit", "predict_classical"}),
        ("classical.cpmc", set()),
        ("stages.tune.baseline_parameters", {"fit"}),
        ("stages.predict.classical", {"predict_classical"}),
        ("augmentation.elastic", {"augment"}),
        ("data.readers.tiff", {"prepare"}),
        ("data.readers.nifti", set()),
        ("data.writers.geojson", set()),
        ("stages.predict.jobs", {"predict", "predict_classical"}),
        ("workflow.groups", {"plan"}),
        ("config.registry", set()),
    ],
)
def test_an_edit_of_a_module_shows_in_the_rules_that_use_it(covered, module, rules):
    assert {rule for rule, modules in covered.items() if f"septum.{module}" in modules} == rules


def test_the_report_reads_no_format_of_images(covered):
    # an edit of a reader shows in `prepare` (and, where the cases change by it, in what follows)
    readers = {name for name in covered["report"] if name.startswith("septum.data.readers.")}
    assert readers == set()
