"""The mark of COCO-panoptic files that Septum writes: what was delivered is read as it was."""

from __future__ import annotations

import json

from delivered import deliver

from septum.data.coco_info import BACKGROUND


def test_delivered_files_carry_the_mark_that_readers_look_for(tmp_path):
    # a literal: files that were delivered by older versions are read by it
    assert BACKGROUND == {"unlabelled": "background"}
    content = json.loads((deliver(tmp_path, ["coco_panoptic"]) / "panoptic.json").read_text())
    assert content["info"]["unlabelled"] == "background"
