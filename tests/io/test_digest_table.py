"""The modules that each rule's code digest covers: no more of them without a decision."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from digest_table import digest_table, rules_with_code

import septum

TABLE = json.loads((Path(__file__).parent / "digest_table.json").read_text())
NOW = digest_table()
BEFORE = json.loads((Path(__file__).parent / "digest_table_before.json").read_text())
"""By rule, the modules before they moved into their folders, by the names that they had."""
PACKAGE = Path(septum.__file__).parent
SPLIT = {
    "config.baseline_fits": "classical",
    "config.decode_section": "settings",
    "config.reader_by_suffix": "readers",
    "config.section": "settings",
    "data.coco_info": "readers.coco_panoptic",
    "data.fold_values": "merging predictor classical.fitted",
    "data.store_attributes": "store",
    "data.writers.base": "export",
    "data.writers.format_fits": "export",
    "data.writers.nifti": "export",
    "data.writers.ome_zarr": "export",
    "data.writers.tiff": "export",
    "decoding.base": "decode",
    "decoding.components": "decode",
    "decoding.parameters": "decode heads",
    "decoding.scene": "decode",
    "decoding.watershed": "decode",
    "heads.detection": "heads detector",
    "heads.semantic": "heads",
    "inference.ensemble": "predictor",
    "inference.merge_tiles": "detections",
    "instances.box_overlap": "metrics.boxes",
    "instances.relabel": "classical.base decode detections panoptic simulation",
    "io.tables": "evaluation history leaderboard objecttable scores",
    "io.units": "objecttable readers.base",
    "metrics.ratio": "scores",
    "networks.detection.losses": "models.detection.rpn models.mask_rcnn",
    "networks.model_header": "modelfile report.inputs",
    "networks.start_weights": "initial modelfile report.inputs",
    "stages.merge.record": "merging",
    "stages.report.decoders": "report.tables",
    "stages.report.description": "report.tables",
    "stages.report.page": "report.html",
    "stages.report.settings": "report.tables",
    "stages.report.text": "report.tables",
    "stages.tune.stage": "training",
    "workflow.report_contents": "report.html",
}
"""New files, and the old ones whose code they hold."""
ADDED = {
    ("plan", "workflow.groups"): "runs in this stage, and was not counted before",
    ("plan", "workflow.patterns"): "what workflow.groups finds groups by",
    ("report", "decoding.parameters"): "the decoder in the header of a model file, which the "
    "report read without the code that other stages read it by",
    ("report", "workflow.paths"): "the names of files of results, of which it had its own copies",
}
"""Rules that cover what they did not cover before, and why."""
UPDATE = "decide, then: python tests/helpers/digest_table.py > tests/io/digest_table.json"


def old_names():
    """Return the old modules of each new one."""
    old = {name: set(names.split()) for name, names in SPLIT.items()}
    for line in (PACKAGE / "moved_modules.txt").read_text().splitlines():
        name, _, successors = line.partition(": ")
        for successor in successors.split():
            old.setdefault(successor, set()).add(name)
    return old


@pytest.mark.parametrize("rule", sorted(TABLE))
def test_no_rule_covers_a_subject_that_it_did_not_cover_before_the_move(rule):
    # networks were tuned at the end of their training
    before, old = set(BEFORE[rule.replace("tune (", "train (")].split()), old_names()
    modules = {module.removeprefix("septum.") for module in NOW[rule]}
    new = {name for name in modules if not before & {name, *old.get(name, ())}}
    assert new == {name for of, name in ADDED if of == rule}, (
        "name under SPLIT what a new file was cut from, or under ADDED why the rule depends on it"
    )


def test_a_rule_without_a_digest_does_not_borrow_the_next_ones():
    one = 'rule one:\n    params:\n        code=code.of("septum.stages.a"),\n'
    two = 'rule two:\n    output:\n        "b",\n'
    three = one.replace("one", "three")
    assert rules_with_code(one + three)[1] == ("three", "of", '"septum.stages.a"')
    with pytest.raises(AssertionError, match="the rule two has 0 digests"):
        rules_with_code(one + two + three)


def test_every_rule_stands_in_the_table():
    assert sorted(NOW) == sorted(TABLE), UPDATE


@pytest.mark.parametrize("rule", sorted(TABLE))
def test_a_rule_depends_on_the_modules_of_the_table(rule):
    new, gone = set(NOW[rule]) - set(TABLE[rule]), set(TABLE[rule]) - set(NOW[rule])
    assert not new, f"an edit of {sorted(new)} would run {rule} again: {UPDATE}"
    assert not gone, f"{rule} no longer depends on {sorted(gone)}: {UPDATE}"


@pytest.mark.parametrize(
    ("rule", "rooms"),
    [
        ("report", ["septum.data.readers", "septum.inference", "septum.heads"]),
        ("evaluate", ["septum.data.readers", "septum.decoding", "septum.networks"]),
        ("leaderboard", ["septum.data", "septum.decoding", "septum.networks"]),
        ("train (unet)", ["septum.inference", "septum.data.readers", "septum.stages.predict"]),
        ("fingerprint of weights (unet)", ["septum.decoding", "septum.inference"]),
        ("predict (unet)", ["septum.data.readers", "septum.data.writers"]),
        ("predict (mask_rcnn)", ["septum.data.readers", "septum.data.writers"]),
        ("predict_classical (watershed)", ["septum.data.readers", "septum.data.writers"]),
        ("panoptic_merge", ["septum.data.readers", "septum.data.writers"]),
        ("tune_merge", ["septum.data.readers", "septum.data.writers"]),
        (
            "fingerprint of weights (mask_rcnn)",
            ["septum.inference", "septum.losses.border_weights"],
        ),
    ],
)
def test_rooms_that_a_rule_has_no_business_with(rule, rooms):
    assert not [module for module in NOW[rule] if module.startswith(tuple(rooms))]
