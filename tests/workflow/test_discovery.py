"""Cases and batches from patterns."""

from __future__ import annotations

import json

import pytest

from septum.config.load import validate
from septum.errors import SeptumError
from septum.workflow.discovery import MAX_CASES_PER_JOB, find_batches, find_cases


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def configure(root, **dataset):
    raw = {"data_root": str(root), "datasets": {"d": dataset}}
    return validate(raw)


def messages(loaded):
    with pytest.raises(SeptumError) as error:
        find_cases(loaded, "d")
    return [str(problem) for problem in error.value.problems]


def test_patterns_start_in_the_current_folder(tmp_path, monkeypatch):
    touch(tmp_path, "a.tif", "b.tif", "ab/mask.png", "bb/mask.png")
    monkeypatch.chdir(tmp_path)
    found = find_cases(configure(".", images="{case}.tif", labels="{case}b/mask.png"), "d")
    assert [(c.name, c.images, c.labels) for c in found] == [
        ("a", ("a.tif",), "ab/mask.png"),
        ("b", ("b.tif",), "bb/mask.png"),
    ]


def test_pairs_images_with_labels_and_sorts(tmp_path):
    touch(
        tmp_path, "i/b.tif", "i/a.tif", "l/a_mask.png", "l/b_mask.png", "i/.hidden.tif", "i/x.txt"
    )
    found = find_cases(configure(tmp_path, images="i/{case}.tif", labels="l/{case}_mask.png"), "d")
    assert [(c.name, c.images, c.labels) for c in found] == [
        ("a", (f"{tmp_path}/i/a.tif",), f"{tmp_path}/l/a_mask.png"),
        ("b", (f"{tmp_path}/i/b.tif",), f"{tmp_path}/l/b_mask.png"),
    ]


def test_one_mask_per_object_layout(tmp_path):
    touch(
        tmp_path, "t/n1/images/n1.png", "t/n1/masks/0.png", "t/n2/images/n2.png", "t/n2/masks/0.png"
    )
    loaded = configure(tmp_path, images="t/{case}/images/{case}.png", labels="t/{case}/masks/*.png")
    assert [(c.name, c.labels) for c in find_cases(loaded, "d")] == [
        ("n1", f"{tmp_path}/t/n1/masks/*.png"),
        ("n2", f"{tmp_path}/t/n2/masks/*.png"),
    ]


def test_names_with_spaces_unicode_and_brackets(tmp_path):
    names = ["Zelle 1 (ä)", "<script>x", "a[1]", "a*b"]
    touch(tmp_path, *[f"i/{n}.tif" for n in names], *[f"l/{n}.tif" for n in names])
    found = find_cases(configure(tmp_path, images="i/{case}.tif", labels="l/{case}.tif"), "d")
    assert [c.name for c in found] == sorted(names)


def test_channels_in_files_of_their_own(tmp_path):
    touch(tmp_path, "a_0.tif", "a_1.tif", "b_0.tif")
    loaded = configure(tmp_path, images=["{case}_0.tif", "{case}_1.tif"])
    (message,) = messages(loaded)
    assert "'b' has no file {case}_1.tif".replace("{case}", "b") in message
    touch(tmp_path, "b_1.tif")
    assert find_cases(loaded, "d")[0].images == (f"{tmp_path}/a_0.tif", f"{tmp_path}/a_1.tif")


def test_unlabelled_images_are_cases_without_labels(tmp_path):
    touch(tmp_path, "i/a.tif", "l/a.tif", "new/z.tif")
    loaded = configure(
        tmp_path, images="i/{case}.tif", labels="l/{case}.tif", unlabelled="new/{case}.tif"
    )
    assert [(c.name, c.labels is None) for c in find_cases(loaded, "d")] == [
        ("a", False),
        ("z", True),
    ]


def test_excluded_cases_need_no_label(tmp_path):
    touch(tmp_path, "i/a.tif", "i/bad1.tif", "i/bad2.tif", "l/a.tif")
    loaded = configure(tmp_path, images="i/{case}.tif", labels="l/{case}.tif", exclude=["bad*"])
    assert [c.name for c in find_cases(loaded, "d")] == ["a"]


def test_every_missing_label_is_named_with_a_remedy(tmp_path):
    touch(tmp_path, "i/a.tif", "i/b.tif", "i/c.tif", "l/b.tif")
    found = messages(configure(tmp_path, images="i/{case}.tif", labels="l/{case}.tif"))
    assert len(found) == 2
    assert "'a'" in found[0]
    assert "exclude" in found[0]
    assert "'c'" in found[1]


def test_links_to_nothing_are_named_and_not_passed_over(tmp_path):
    touch(tmp_path, "i/a.png", "l/a.tif", "l/b.tif", "i/c.png")
    for link in ("i/b.png", "l/c.tif"):
        (tmp_path / link).symlink_to("annex/objects/gone")
    patterns = {"images": "i/{case}.png", "labels": "l/{case}.tif"}
    found = messages(configure(tmp_path, **patterns))
    assert [text.split(": ")[0] for text in found] == [
        f"{tmp_path}/i/b.png",
        f"{tmp_path}/l/c.tif",
    ]
    assert all("is a link to a file that is not there" in text for text in found)
    without = find_cases(configure(tmp_path, **patterns, exclude=["b", "c"]), "d")
    assert [case.name for case in without] == ["a"]


def test_batches_hold_every_case_once(tmp_path):
    touch(tmp_path, *[f"{i:03d}.tif" for i in range(200)])
    loaded = configure(tmp_path, images="{case}.tif")
    found = find_cases(loaded, "d")
    batches = find_batches(loaded, found)
    assert sorted(c.name for batch in batches.values() for c in batch) == [c.name for c in found]
    assert 4 <= len(batches) <= 8
    assert max(map(len, batches.values())) <= 2 * MAX_CASES_PER_JOB


def test_a_new_case_changes_one_batch(tmp_path):
    touch(tmp_path, *[f"{i:03d}.tif" for i in range(150)])
    loaded = configure(tmp_path, images="{case}.tif")
    before = find_batches(loaded, find_cases(loaded, "d"))
    touch(tmp_path, "new.tif")
    after = find_batches(loaded, find_cases(loaded, "d"))
    assert before.keys() == after.keys()
    assert sum(before[key] != after[key] for key in before) == 1


def test_large_images_have_jobs_of_their_own(tmp_path):
    for name in "abcd":
        (tmp_path / f"{name}.zarr/0").mkdir(parents=True)
        group = {"attributes": {"ome": {"multiscales": [{"datasets": [{"path": "0"}]}]}}}
        (tmp_path / f"{name}.zarr/zarr.json").write_text(json.dumps(group))
        (tmp_path / f"{name}.zarr/0/zarr.json").write_text('{"shape": [64, 2048, 2048]}')
    loaded = configure(tmp_path, images="{case}.zarr")
    batches = find_batches(loaded, find_cases(loaded, "d"))
    assert all(key.endswith("of4") for key in batches)  # at 256 Mi pixels a job
