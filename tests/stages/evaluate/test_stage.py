import csv

import numpy as np
import pytest

from septum.config.schema import ClassSpec, Evaluate, Report
from septum.data.plan import Plan
from septum.data.store import (
    Case,
    Geometry,
    case_path,
    write_case,
    write_prediction,
)
from septum.errors import SeptumError
from septum.io.atomic import write_json
from septum.metrics.panoptic import panoptic_quality
from septum.stages.evaluate.stage import (
    CASE_COLUMNS,
    CLASS_COLUMNS,
    evaluate_case,
    evaluate_experiment,
)
from septum.stages.leaderboard.scores import read_rows
from septum.stages.leaderboard.stage import write_leaderboard

NUCLEI = {1: ClassSpec(name="nucleus")}
TISSUE = {
    1: ClassSpec(name="grass, wet", kind="stuff"),
    2: ClassSpec(name="person"),
    3: ClassSpec(name="dog"),
}


def score(true, pred, classes=NUCLEI, spacing=(1.0, 1.0), **settings):
    """Score instance maps, or (semantic, instance) pairs."""
    true, pred = (m if isinstance(m, tuple) else (np.where(m > 0, 1, 0), m) for m in (true, pred))
    return evaluate_case(
        *true, *pred, classes=classes, spacing=spacing, settings=Evaluate(**settings)
    )


def nuclei():
    """Four nuclei of 4 pixels in 48; found: whole, three quarters, half, not; one spurious."""
    true, pred = np.zeros((2, 6, 8), np.uint32)
    for k, column in enumerate((0, 2, 4, 6)):
        true[0:2, column : column + 2] = k + 1
    pred[0:2, 0:2] = 9
    pred[0:2, 2:4] = 5
    pred[0, 2] = 0
    pred[0:2, 4] = 7
    pred[4, 6] = 4
    return true, pred


def test_instances_by_hand():
    case = score(*nuclei(), surface_distance=False).case
    assert (case["n_true"], case["n_pred"]) == (4, 4)
    # IoUs 1, 3/4 and 1/2: the last is not above 0.5
    assert (case["tp"], case["fp"], case["fn"]) == (2, 2, 2)
    assert case["ap50"] == case["ap70"] == 2 / 6
    assert case["ap75"] == case["ap95"] == 1 / 7
    assert case["ap"] == pytest.approx((5 * 2 / 6 + 5 * 1 / 7) / 10)
    assert case["pq"] == 1.75 / 4
    assert (case["sq"], case["rq"]) == (1.75 / 2, 2 / 4)
    # SEG: exactly half of the third nucleus is covered, which is not more than half
    assert case["seg"] == (1 + 3 / 4 + 0 + 0) / 4
    assert (case["missed"], case["spurious"], case["split"], case["merged"]) == (2, 2, 0, 0)
    # foreground: 9 of 16 true pixels found and one false; background: 31 of 48 - 9
    assert case["iou"] == 9 / 17
    assert case["dice"] == 18 / 26
    assert case["pixel_accuracy"] == 40 / 48
    assert case["mean_accuracy"] == pytest.approx((31 / 32 + 9 / 16) / 2)
    assert case["mean_iou"] == pytest.approx((31 / 39 + 9 / 17) / 2)
    assert case["fw_iou"] == pytest.approx((32 * 31 / 39 + 16 * 9 / 17) / 48)


def test_the_convention_rules_ap_and_counts_but_not_pq():
    strict = score(*nuclei()).case
    for convention in ("stardist", "cellpose"):
        loose = score(*nuclei(), convention=convention).case
        # IoU 1/2 counts at 0.5, and IoU 3/4 at 0.75
        assert (loose["tp"], loose["fp"], loose["fn"]) == (3, 1, 1)
        assert loose["ap50"] == 3 / 5
        assert loose["ap75"] == 2 / 6
        assert loose["pq"] == strict["pq"]


def test_class_row_by_hand():
    (row,) = score(*nuclei(), surface_distance=False).classes
    assert row == {
        **{"class": 1, "class_name": "nucleus", "kind": "thing"},
        **{"iou": 9 / 17, "dice": 18 / 26, "accuracy": 9 / 16},
        **{"intersection": 9, "union": 17, "true_pixels": 16, "pred_pixels": 10},
        **{"pq": 1.75 / 4, "sq": 1.75 / 2, "rq": 0.5},
        **{"tp": 2, "fp": 2, "fn": 2, "iou_sum": 1.75},
    }


def test_distances_are_in_units_of_the_spacing():
    true, pred = np.zeros((2, 5, 5), int)
    true[1, 1], pred[3, 1] = 1, 1
    case = score(true, pred, spacing=(2.5, 1.0)).case
    assert case["hd95"] == case["assd"] == 5.0
    assert np.isnan(score(true, pred, surface_distance=False).case["hd95"])


def test_missing_a_class_or_making_one_up_makes_no_case_better():
    """Class 1 lies 3 pixels off, class 2 lies 5 off, class 3 is nowhere."""
    classes = {i: ClassSpec(name=str(i)) for i in (1, 2, 3)}
    true, pred = np.zeros((2, 4, 9), int)
    true[0, 0], pred[0, 3] = 1, 1
    without = score((true, None), (pred, None), classes=classes).case
    assert without["hd95"] == without["assd"] == 3.0
    true[2, 0], pred[2, 5] = 2, 2
    both = score((true, None), (pred, None), classes=classes).case
    assert both["hd95"] == both["assd"] == (3 + 5) / 2
    lost = np.where(pred == 2, 0, pred), np.where(true == 2, 0, true)
    for pair in ((true, lost[0]), (lost[1], pred)):
        scores = score(*((m, None) for m in pair), classes=classes)
        assert [row["hd95"] for row in scores.classes[:2]] == [3.0, float("inf")]
        assert np.isnan(scores.classes[2]["hd95"])
        assert scores.case["hd95"] == scores.case["assd"] == float("inf")


def test_nothing_in_truth_and_prediction_is_undefined():
    empty = np.zeros((4, 4), int)
    case = score(empty, empty).case
    for column in ("iou", "dice", "pq", "sq", "rq", "ap", "ap50", "seg", "hd95", "assd"):
        assert np.isnan(case[column]), column
    assert (case["n_true"], case["n_pred"], case["pixel_accuracy"]) == (0, 0, 1.0)
    assert score(empty, empty, convention="stardist").case["ap50"] == 0


def test_one_side_empty_is_zero():
    empty, full = np.zeros((4, 4), int), np.eye(4, dtype=int)
    for pair in ((empty, full), (full, empty)):
        case = score(*pair).case
        assert case["iou"] == case["dice"] == case["pq"] == case["ap"] == case["ap50"] == 0


def panoptic():
    """Grass, two persons, a dog; the dog is predicted as a person."""
    semantic, instance = np.full((6, 10), 1), np.zeros((6, 10), int)
    for class_id, number, column, end in ((2, 1, 0, 2), (2, 2, 3, 5), (3, 3, 6, 9)):
        semantic[0:4, column:end], instance[0:4, column:end] = class_id, number
    return (semantic, instance), (np.where(semantic == 3, 2, semantic), instance)


def test_panoptic_objects_match_within_their_class():
    scores = score(*panoptic(), classes=TISSUE)
    case = scores.case
    assert (case["n_true"], case["n_pred"]) == (3, 3)
    assert (case["tp"], case["fp"], case["fn"]) == (2, 1, 1)
    assert (case["missed"], case["spurious"]) == (1, 1)
    assert case["pq"] == pytest.approx((1 + 2 / 2.5 + 0) / 3)
    assert case["iou"] == pytest.approx((1 + 16 / 28 + 0) / 3)
    grass, person, dog = scores.classes
    assert (grass["kind"], grass["tp"], grass["iou_sum"]) == ("stuff", 1, 1.0)
    assert (person["kind"], person["tp"], person["fp"], person["fn"]) == ("thing", 2, 1, 0)
    assert (dog["tp"], dog["fp"], dog["fn"], dog["pq"]) == (0, 0, 1, 0.0)
    assert dog["hd95"] == float("inf")


def test_semantic_annotation_has_no_object_scores():
    true = np.array([[1, 1, 0], [2, 2, 0]]), None
    pred = np.array([[1, 0, 0], [2, 2, 0]]), None
    scores = score(true, pred, classes={1: ClassSpec(name="a"), 2: ClassSpec(name="b")})
    assert not {"ap", "ap50", "seg", "n_true", "tp", "split"} & scores.case.keys()
    assert scores.case["iou"] == (1 / 2 + 1) / 2
    # each class is one segment; IoU 1/2 is no match
    assert [row["kind"] for row in scores.classes] == ["stuff", "stuff"]
    assert [(row["tp"], row["fp"], row["fn"]) for row in scores.classes] == [(0, 1, 1), (1, 0, 0)]


def test_undeclared_class():
    with pytest.raises(SeptumError, match=r"undeclared classes \[4\]"):
        score((np.array([[1, 4]]), None), (np.array([[1, 1]]), None))


GEOMETRY = Geometry(spacing=(0.5, 0.5), unit="micrometer")


@pytest.fixture
def experiment(tmp_path):
    """Write a small experiment: `add` puts a case and its prediction, `run` evaluates."""
    return Experiment(tmp_path)


class Experiment:
    def __init__(self, folder):
        self.folder = folder
        self.of = {"test": [], "0": [], "1": []}

    def add(self, name, true, pred, fold="ensemble", subset="test", batch="0"):
        self.of["test" if subset == "test" else fold].append(name)
        if true is not None:
            self.write_truth(name, true, batch)
        if pred is not None:
            write_prediction(
                case_path(self.folder / "predicted" / batch, name),
                semantic=(pred > 0).astype(np.uint16),
                instance=pred.astype(np.uint32),
                geometry=GEOMETRY,
                name=name,
                attributes={"fold": fold, "subset": subset},
            )

    def write_truth(self, name, true, batch, annotated=True):
        case = Case(
            name=name,
            image=np.zeros((1, *true.shape), np.uint8),
            semantic=(true > 0).astype(np.uint16) if annotated else None,
            instance=true.astype(np.uint32) if annotated else None,
            geometry=GEOMETRY,
            statistics={},
        )
        write_case(case_path(self.folder / "cases" / batch, name), case)

    def run(self, workers=1, classes=None, **settings):
        plan = Plan(
            dataset="nuclei",
            spatial_dims=2,
            in_channels=1,
            spacing=(0.5, 0.5),
            unit="micrometer",
            annotation="instance",
            classes=classes or NUCLEI,
            normalisation={"scheme": "none"},
            patch=(8, 8),
            weights={},
            min_size=0,
            fingerprint={},
            test=self.of["test"],
            folds=[self.of["0"], self.of["1"]],
            train=[],
            unlabelled=[],
            derived={},
        )
        write_json(self.folder / "plan.json", plan.to_json())
        names = ("cases.csv", "classes.csv", "pooled.csv", "confusion.csv", "objects.npz")
        out = [self.folder / "out" / name for name in names]
        evaluate_experiment(
            cases=sorted((self.folder / "cases").iterdir()),
            predicted=sorted((self.folder / "predicted").iterdir()),
            plan=self.folder / "plan.json",
            settings=Evaluate(**settings),
            out_cases=out[0],
            out_classes=out[1],
            out_pooled=out[2],
            out_confusion=out[3],
            out_objects=out[4],
            workers=workers,
        )
        return [list(csv.DictReader(path.open(encoding="utf-8", newline=""))) for path in out[:2]]


def test_rows_of_an_experiment(experiment):
    true, pred = nuclei()
    empty = np.zeros((6, 8), int)
    experiment.add("Zürich, 2", true, pred)
    experiment.add("a<script>", true, true, fold="0", subset="val", batch="1")
    experiment.add("empty", empty, empty)
    cases, classes = experiment.run()
    assert [row["case"] for row in cases] == ["Zürich, 2", "a<script>", "empty"]
    assert [(row["fold"], row["subset"]) for row in cases] == [
        ("ensemble", "test"),
        ("0", "val"),
        ("ensemble", "test"),
    ]
    assert tuple(cases[0]) == CASE_COLUMNS
    assert tuple(classes[0]) == CLASS_COLUMNS
    first = cases[0]
    assert (first["iou"], first["pq"], first["ap50"]) == ("0.529412", "0.4375", "0.333333")
    assert (first["n_true"], first["tp"], first["missed"]) == ("4", "2", "2")
    assert (cases[1]["ap95"], cases[1]["hd95"]) == ("1", "0")
    undefined = {column for column, field in cases[2].items() if field == ""}
    assert {"iou", "pq", "ap", "ap50", "seg", "hd95"} <= undefined
    assert not undefined & {"n_true", "n_pred", "tp", "pixel_accuracy", "mean_iou"}
    assert [row["case"] for row in classes] == ["Zürich, 2", "a<script>", "empty"]
    assert {row["class_name"] for row in classes} == {"nucleus"}


def test_pixels_of_each_pair_of_classes(experiment):
    true, pred = nuclei()
    experiment.add("b", true, pred)
    experiment.add("a", true, true, fold="0", subset="val")
    experiment.run()
    text = (experiment.folder / "out" / "confusion.csv").read_text(encoding="utf-8")
    assert text.splitlines() == [
        "case,fold,subset,true,true_name,predicted,predicted_name,pixels",
        "a,0,val,0,background,0,background,32",
        "a,0,val,1,nucleus,1,nucleus,16",
        "b,ensemble,test,0,background,0,background,31",
        "b,ensemble,test,0,background,1,nucleus,1",
        "b,ensemble,test,1,nucleus,0,background,7",
        "b,ensemble,test,1,nucleus,1,nucleus,9",
    ]


def test_a_class_taken_for_another_is_counted_by_its_class():
    """Of 60 pixels: 32 of grass, 16 of persons, and 12 of a dog that is taken for a person."""
    confusion = score(*panoptic(), classes=TISSUE).confusion
    assert confusion.classes.tolist() == [0, 1, 2, 3]
    assert confusion.counts.tolist() == [[0, 0, 0, 0], [0, 32, 0, 0], [0, 0, 16, 0], [0, 0, 12, 0]]


def test_spacing_of_the_case_is_used(experiment):
    true, pred = np.zeros((2, 6, 8), int)
    true[1, 1], pred[5, 1] = 1, 1
    experiment.add("far", true, pred)
    (row,), _ = experiment.run()
    assert (row["hd95"], row["assd"]) == ("2", "2")


def test_a_distance_to_nothing_is_written_as_inf(experiment):
    experiment.add("lost", nuclei()[0], np.zeros((6, 8), int))
    for (row,) in experiment.run():
        assert (row["hd95"], row["assd"], row["iou"]) == ("inf", "inf", "0")


def test_pooled_pq_follows_from_the_class_rows(experiment):
    rng = np.random.default_rng(4)
    expected = None
    for k in range(5):
        true = np.kron(rng.integers(0, 9, (5, 6)), np.ones((4, 4), int))
        pred = np.roll(true, 1 + k % 2, axis=0)
        experiment.add(f"case {k}", true, pred)
        sums = panoptic_quality(true, pred)
        expected = sums if expected is None else expected + sums
    _, rows = experiment.run()
    total = {
        column: sum(float(row[column]) for row in rows) for column in ("iou_sum", "tp", "fp", "fn")
    }
    pooled = total["iou_sum"] / (total["tp"] + total["fp"] / 2 + total["fn"] / 2)
    assert 0 < expected.pq < 1
    assert pooled == pytest.approx(expected.pq, rel=1e-5)


def test_pooled_scores_are_those_of_the_leaderboard(experiment):
    true, pred = nuclei()
    experiment.add("b", true, np.where(true == 4, 0, true))
    experiment.add("a", true, pred, fold="0", subset="val")
    experiment.add("c", true, pred)
    experiment.run()
    out = experiment.folder / "out"
    rows = list(csv.DictReader((out / "pooled.csv").open(encoding="utf-8", newline="")))
    found = {(row["subset"], row["class_name"]): row for row in rows}
    assert list(found)[:4] == [("test", n) for n in ("nucleus", "things", "stuff", "all")]
    test, val = found["test", "things"], found["val", "things"]
    # 3 of b, then of c by their ids: one that is not there, IoU 3/4, 1/2 and 1; in all 6 of 8
    curve = (38 + 38 * 6 / 7) / 101  # recalls up to 3/8, and up to 6/8
    assert float(test["coco_ap50"]) == pytest.approx(curve, rel=1e-5)
    assert (test["tp"], test["cases"], val["cases"]) == ("5", "2", "1")
    write_leaderboard(
        dataset="d",
        scores=sorted(out.iterdir()),
        settings=Report(bootstrap=200),
        seed=0,
        out=experiment.folder / "board.csv",
    )
    (row,) = read_rows(experiment.folder / "board.csv")
    for name in ("coco_ap", "coco_ap50", "coco_ap75", "coco_box_ap"):
        assert row[name] == float(test[name])
        assert row[f"{name}_low"] < row[name] < row[f"{name}_high"]
    assert row["pq_things_pooled"] == row["pq_pooled"] == float(test["pq"])
    assert np.isnan(row["pq_stuff_pooled"])


def test_bytes_do_not_depend_on_workers(experiment):
    for k in range(4):
        experiment.add(f"c{k}", *nuclei())
    experiment.run()
    files = sorted((experiment.folder / "out").iterdir())
    assert len(files) == 5
    before = [path.read_bytes() for path in files]
    experiment.run(workers=3)
    assert [path.read_bytes() for path in files] == before


def test_unlabelled_predictions_are_not_scored(experiment):
    experiment.add("seen", *nuclei())
    experiment.add("new", *nuclei(), fold="0", subset="unlabelled")
    experiment.of["0"].clear()
    cases, classes = experiment.run()
    assert [row["case"] for row in cases] == [row["case"] for row in classes] == ["seen"]


def test_every_missing_case_is_named_at_once(experiment):
    experiment.add("seen", *nuclei())
    experiment.add("unpredicted", nuclei()[0], None)
    experiment.add("validated", *nuclei(), fold="1", subset="val")
    experiment.add("forgotten", nuclei()[0], None, fold="1", subset="val")
    experiment.add("other fold", nuclei()[0], None, fold="0", subset="val")
    experiment.add("no truth", None, nuclei()[1])
    with pytest.raises(SeptumError) as caught:
        experiment.run()
    assert [problem.where for problem in caught.value.problems] == [
        "forgotten",
        "unpredicted",
        "no truth",
    ]
    assert not (experiment.folder / "out").exists()


def test_a_prediction_on_another_grid(experiment):
    experiment.add("cut", nuclei()[0], nuclei()[1][:4])
    with pytest.raises(SeptumError, match=r"cut\.zarr.*\(4, 8\).*\(6, 8\)"):
        experiment.run()


def test_a_case_without_annotation(experiment):
    experiment.add("blank", None, nuclei()[1])
    experiment.write_truth("blank", nuclei()[0], "0", annotated=False)
    with pytest.raises(SeptumError, match=r"blank\.zarr: is not annotated"):
        experiment.run()


def test_a_prediction_of_no_known_fold(experiment):
    experiment.add("odd", *nuclei())
    write_prediction(
        case_path(experiment.folder / "predicted" / "0", "odd"),
        semantic=np.zeros((6, 8), np.uint16),
        instance=None,
        geometry=GEOMETRY,
        name="odd",
    )
    with pytest.raises(SeptumError, match="which fold"):
        experiment.run()


def test_a_nameless_class_row_is_quoted(experiment):
    experiment.add("seen", *nuclei())
    _, rows = experiment.run(classes={1: ClassSpec(name='nucleus, "round"')})
    assert rows[0]["class_name"] == 'nucleus, "round"'


def test_real_labels_end_to_end(real_data):
    tifffile = pytest.importorskip("tifffile")
    true = tifffile.imread(real_data / "stardist" / "stardist_mask2d.tif").astype(np.uint32)
    pred = np.roll(true, 1, axis=0)
    pred[pred == 1] = 0
    case = score(true, pred).case
    n_true = np.unique(true[true > 0]).size
    assert case["n_true"] == n_true
    assert case["tp"] + case["fn"] == n_true
    assert case["n_true"] - sum(case[kind] for kind in ("missed", "split", "merged")) <= case["tp"]
    np.testing.assert_allclose(
        case["iou"], ((true > 0) & (pred > 0)).sum() / ((true > 0) | (pred > 0)).sum()
    )
