"""The modules that each rule's code digest covers: no more of them without a decision."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from digest_table import digest_table, rules_with_code

TABLE = json.loads((Path(__file__).parent / "digest_table.json").read_text())
NOW = digest_table()
UPDATE = "decide, then: python tests/helpers/digest_table.py > tests/io/digest_table.json"


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
