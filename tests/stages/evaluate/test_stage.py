import csv

import numpy as np
import pytest
from scored import NUCLEI, nuclei, score

from septum.config.schema import ClassSpec, Evaluate, NoScaling, Report
from septum.data.plan import Plan, PlannedWeights
from septum.data.store import Case, Geometry, case_path, write_case, write_prediction
from septum.data.store_attributes import IntensityStatistics, PredictionAttributes
from septum.errors import SeptumError
from septum.io.atomic import write_json
from septum.metrics.panoptic import panoptic_quality
from septum.stages.evaluate.stage import (
    CASE_COLUMNS,
    CLASS_COLUMNS,
    evaluate_experiment,
)
from septum.stages.leaderboard.scores import read_rows
from septum.stages.leaderboard.stage import write_leaderboard

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
                attributes=PredictionAttributes(fold=fold, subset=subset),
            )

    def write_truth(self, name, true, batch, annotated=True):
        case = Case(
            name=name,
            image=np.zeros((1, *true.shape), np.uint8),
            semantic=(true > 0).astype(np.uint16) if annotated else None,
            instance=true.astype(np.uint32) if annotated else None,
            geometry=GEOMETRY,
            statistics=IntensityStatistics({}, [], []),
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
            normalisation=NoScaling(),
            patch=(8, 8),
            weights=PlannedWeights(sigma=5.0, class_weights={}),
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
