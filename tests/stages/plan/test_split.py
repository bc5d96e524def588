"""Test sets and folds."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from septum.config.schema import Split
from septum.errors import SeptumError
from septum.stages.plan.split import Partition, follow_file, merge_groups, split_cases
from septum.workflow.split_file import fold_count, read_split_file


def names(count: int) -> list[str]:
    return [f"case{i:03d}" for i in range(count)]


def alone(cases) -> dict[str, str]:
    return {name: name for name in cases}


def draw(amounts, groups=None, *, seed=0, dataset="cells", **split) -> Partition:
    groups = alone(amounts) if groups is None else groups
    return split_cases(amounts, groups, Split(**split), seed=seed, dataset=dataset)


def write(path, content) -> object:
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def follow(path, amounts, groups=None, *, others=(), together=(), **split) -> Partition:
    return follow_file(
        read_split_file(path),
        amounts,
        alone(amounts) if groups is None else groups,
        Split(**split),
        seed=0,
        dataset="cells",
        unsplit=others,
        together=together,
    )


def test_parts_have_their_share():
    part = draw(dict.fromkeys(names(100), 1.0), test=0.2, folds=5)
    assert len(part.test) == 20
    assert [len(fold) for fold in part.folds] == [16, 16, 16, 16, 16]


def test_each_part_has_sparse_and_crowded_cases():
    """Of amounts 0 to 99 the quintiles are 0–19, 20–39, …: 4 of each in the test set."""
    part = draw({name: float(i) for i, name in enumerate(names(100))}, test=0.2, folds=4)
    for cases, due in [(part.test, 4), *((fold, 4) for fold in part.folds)]:
        quintiles = Counter(int(name[4:]) // 20 for name in cases)
        assert quintiles == {0: due, 1: due, 2: due, 3: due, 4: due}


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 6), min_size=5, max_size=30),
    amounts=st.randoms(use_true_random=False),
    folds=st.integers(2, 4),
    share=st.sampled_from([0.0, 0.1, 0.3]),
    seed=st.integers(0, 1000),
)
def test_every_case_in_one_part_and_no_group_in_two(sizes, amounts, folds, share, seed):
    groups = {f"g{g}c{i}": f"g{g}" for g, size in enumerate(sizes) for i in range(size)}
    counts = {name: float(amounts.randint(0, 50)) for name in groups}
    part = draw(counts, groups, test=share, folds=folds, seed=seed)
    parts = [part.test, *part.folds]
    listed = [name for cases in parts for name in cases]
    assert sorted(listed) == sorted(groups)
    assert all(part.folds)
    assert bool(part.test) == (share > 0)
    homes = [{groups[name] for name in cases} for cases in parts]
    assert sum(len(home) for home in homes) == len(set(groups.values()))
    # the largest group bounds how far sizes can stray
    spread = [len(fold) for fold in part.folds]
    assert max(spread) - min(spread) <= 2 * max(sizes)


def test_same_settings_same_split_whatever_the_order():
    amounts = {name: float(i % 7) for i, name in enumerate(names(40))}
    backwards = dict(reversed(list(amounts.items())))
    assert draw(amounts, seed=3) == draw(backwards, seed=3)


def test_seed_and_dataset_change_the_split():
    amounts = dict.fromkeys(names(40), 1.0)
    assert draw(amounts, seed=3) != draw(amounts, seed=4)
    assert draw(amounts, dataset="cells") != draw(amounts, dataset="nuclei")


def test_a_giant_group_does_not_become_the_test_set():
    groups = {name: "giant" if i < 50 else name for i, name in enumerate(names(60))}
    part = draw(dict.fromkeys(groups, 1.0), groups, test=0.2, folds=3)
    assert not {name for name in part.test if groups[name] == "giant"}
    # all that is not needed for the folds, and less than the 12 cases asked for
    assert len(part.test) == 8


def test_groups_all_too_large_for_the_test_share():
    groups = {
        f"{g}{i}": g for g, size in zip("abcd", (9, 7, 8, 9), strict=True) for i in range(size)
    }
    part = draw(dict.fromkeys(groups, 1.0), groups, test=0.05, folds=3)
    assert {groups[name] for name in part.test} == {"b"}


def test_too_few_cases_say_how_many_folds_there_can_be():
    with pytest.raises(SeptumError, match=r"4 annotated cases are too few for 5 folds and a test"):
        draw(dict.fromkeys(names(4), 1.0))
    with pytest.raises(SeptumError, match=r"set split.folds to 3 or fewer"):
        draw(dict.fromkeys(names(4), 1.0))


def test_too_few_groups():
    groups = {name: f"g{i % 3}" for i, name in enumerate(names(60))}
    with pytest.raises(SeptumError, match=r"datasets.cells.split.folds: 60 .* in 3 groups"):
        draw(dict.fromkeys(groups, 1.0), groups)


def test_merge_groups_is_transitive():
    groups = {"a": "1", "b": "2", "c": "3", "d": "4"}
    merged = merge_groups(groups, [("a", "b"), ("c", "b")])
    assert merged == {"a": "1", "b": "1", "c": "1", "d": "4"}


# ---- from a file ----


def test_file_with_val_gives_one_fold(tmp_path):
    path = write(tmp_path / "s.json", {"test": ["a"], "val": ["b"], "train": ["c", "d"]})
    assert follow(path, dict.fromkeys("abcd", 1.0)) == Partition(("a",), (("b",),), ("c", "d"))
    assert fold_count(Split(folds=5), path) == 1


def test_file_with_folds_under_split(tmp_path):
    path = write(tmp_path / "s.json", {"what": "x", "split": {"test": [], "folds": [["b"], ["a"]]}})
    assert follow(path, dict.fromkeys("ab", 1.0)) == Partition((), (("b",), ("a",)), ())
    assert fold_count(Split(), path) == 2


def test_file_with_test_and_train_draws_folds(tmp_path):
    cases = names(12)
    path = write(tmp_path / "s.json", {"test": cases[:2], "train": cases[2:]})
    part = follow(path, dict.fromkeys(cases, 1.0), folds=5)
    assert part.test == tuple(cases[:2])
    assert [len(fold) for fold in part.folds] == [2] * 5
    assert sorted(n for fold in part.folds for n in fold) == cases[2:]
    assert fold_count(Split(folds=5), path) == 5


def test_drawn_folds_respect_groups_pairs_and_the_files_own_column(tmp_path):
    cases = names(12)
    lines = [f"{n},train,{'x' if n in ('case000', 'case011') else ''}" for n in cases]
    path = write(tmp_path / "s.csv", "\n".join(["case,split,group", *lines]))
    groups = alone(cases) | {"case001": "p", "case010": "p"}
    part = follow(
        path, dict.fromkeys(cases, 1.0), groups, together=[("case002", "case009")], folds=3
    )
    home = part.part_of()
    for one, other in [("000", "011"), ("001", "010"), ("002", "009")]:
        assert home[f"case{one}"] == home[f"case{other}"]


def test_csv_may_describe_other_datasets_too(tmp_path):
    path = write(tmp_path / "s.csv", "id,split\na,test\nb,val\nc,train\nelsewhere,train\n")
    assert follow(path, dict.fromkeys("abc", 1.0)) == Partition(("a",), (("b",),), ("c",))


def test_unlabelled_and_excluded_names_may_be_listed(tmp_path):
    path = write(tmp_path / "s.json", {"test": ["a", "new"], "val": ["b"], "train": ["c", "bad"]})
    part = follow(path, dict.fromkeys("abc", 1.0), others=("new", "bad"))
    assert part == Partition(("a",), (("b",),), ("c",))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"test": ["a"], "val": ["b"], "train": ["c", "z"]}, r"lists 'z', which is no case"),
        ({"test": ["a"], "val": ["b"]}, r"does not list 'c'"),
        ({"test": ["a"], "val": ["b", "c"]}, r"leaves no case to train on"),
        ({"test": ["x"], "val": ["y"], "train": ["z"]}, r"lists no case of this dataset"),
    ],
)
def test_a_file_that_does_not_fit_the_cases(tmp_path, content, message):
    path = write(tmp_path / "s.json", content)
    with pytest.raises(SeptumError, match=message) as error:
        follow(path, dict.fromkeys("abc", 1.0))
    assert all(p.where == str(path) and p.remedy for p in error.value.problems)


def test_all_problems_of_a_file_at_once(tmp_path):
    path = write(tmp_path / "s.json", {"test": ["a", "y"], "val": ["b"], "train": ["z"]})
    with pytest.raises(SeptumError) as error:
        follow(path, dict.fromkeys("abcd", 1.0))
    assert len(error.value.problems) == 3  # y, z are strangers; c and d are not listed


def test_group_across_parts_of_a_file(tmp_path):
    path = write(tmp_path / "s.json", {"test": ["a"], "val": ["b"], "train": ["c", "d"]})
    groups = {"a": "patient 1", "b": "2", "c": "patient 1", "d": "4"}
    with pytest.raises(
        SeptumError, match=r"'patient 1' straddles parts: 'a' in test, 'c' in train"
    ):
        follow(path, dict.fromkeys("abcd", 1.0), groups)


def test_real_split_files(real_data):
    """The files that come with real sets work as they are."""
    fluo = sorted(p.stem for p in (real_data / "dsb2018/fluo/images").glob("*.png"))
    by_json = follow(real_data / "dsb2018/split_fluo.json", dict.fromkeys(fluo, 1.0))
    by_csv = follow(real_data / "dsb2018/index.csv", dict.fromkeys(fluo, 1.0))
    assert by_json == by_csv
    assert (len(by_csv.test), len(by_csv.folds[0]), len(by_csv.train)) == (50, 44, 397)
    brains = [p.name[:-7] for p in (real_data / "hippocampus/imagesTr").glob("hippo*.nii.gz")]
    part = follow(real_data / "hippocampus/info.json", dict.fromkeys(brains, 1.0))
    assert (len(part.test), [len(f) for f in part.folds]) == (30, [40] * 5)
    slices = [p.stem for p in (real_data / "isbi2012/images").glob("*.png")]
    part = follow(real_data / "isbi2012/info.json", dict.fromkeys(slices, 1.0), folds=4)
    assert part.test == ("20", "21", "22", "23", "24")
    assert [len(f) for f in part.folds] == [5] * 4
