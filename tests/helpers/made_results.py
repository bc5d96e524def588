"""A small folder of results, made by the stages that make it in a run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from septum.classical.fitted import Fitted
from septum.config.schema import ClassSpec, Evaluate, PercentileScaling, Report
from septum.data.case_files import safe_name
from septum.data.intensity import statistics
from septum.data.plan import Plan, PlannedWeights
from septum.data.store import Case, Geometry, case_path, write_case, write_prediction
from septum.data.store_attributes import PredictionAttributes
from septum.io.atomic import write_json
from septum.io.usage import PredictionCosts, TrainingCosts, write_costs
from septum.networks.model_header import FORMAT_VERSION
from septum.stages.evaluate.stage import evaluate_experiment
from septum.stages.leaderboard.stage import write_leaderboard
from septum.workflow.report_contents import ReportContents

NAME = "<script>alert('x')</script> Zellen & Gewebe"
CASES = ["<script>alert(1)</script>", "quote \" and ' µ", "plain", "empty"]
NEW = "new <i>"
FINGERPRINT = {
    "cases": 5,
    "annotated": 4,
    "empty": 1,
    "size": {"min": [40, 48], "median": [40, 48], "max": [40, 48]},
    "channels": 1,
    "dtypes": {"uint8": 5},
    "classes": {"pixel_share": {"0": 0.8, "1": 0.2}},
    "objects": {
        "count": 12,
        "per_case": {"min": 0.0, "median": 4.0, "max": 4.0},
        "diameter_px": {"5": 8.0, "50": 10.0, "95": 12.0},
        "touching_fraction": 0.5,
        "multipart": 0,
    },
}
SCORES = ("cases.csv", "classes.csv", "objects.npz")
DERIVED = {
    "normalisation": "microscopy images",
    "patch": "to span <several> objects",
    "sigma": "2.5 px: 1/20 of the median diameter, within 2 to 10 px",
    "min_size": "half of what 99 % of the objects exceed (17 px)",
    "class_weights": "inverse to the share of pixels",
}
DECODER = {"method": "components", "threshold": 0.45, "min_size": 16, "score": 0.5}
HEADER = {
    "format_version": FORMAT_VERSION,
    "network": "unet",
    "options": {"width": 8},
    "spatial_dims": 2,
    "in_channels": 1,
    "head": "semantic",
    "classes": {"1": {"name": "nucleus"}},
    "annotation": "instance",
    "decoder": DECODER,
    "intensities": {"scheme": "percentile", "lower": 1.0, "upper": 99.8},
    "spacing": [1.0, 1.0],
    "unit": "pixel",
    "patch": [32, 32],
}


def squares(shape=(40, 48)) -> np.ndarray:
    """Four squares; the first two touch."""
    labels = np.zeros(shape, np.uint32)
    labels[..., 4:14, 4:14] = 1
    labels[..., 4:14, 14:24] = 2
    labels[..., 24:34, 4:14] = 3
    labels[..., 24:34, 30:40] = 4
    return labels


def flawed(labels: np.ndarray) -> np.ndarray:
    """1 and 2 merged, 3 split, 4 missed, and one that is not there."""
    pred = np.where(labels <= 2, np.minimum(labels, 1), 0).astype(np.uint32)
    pred[..., 24:34, 4:9], pred[..., 24:34, 9:14] = 2, 3
    pred[..., 20:26, 42:48] = 4
    return pred


class Results:
    """Results under construction; `settings` is what the report stage is given, as JSON."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = {
            "report": Report(bootstrap=100).model_dump(mode="json"),
            "evaluate": Evaluate().model_dump(mode="json"),
            "datasets": [],
        }

    @property
    def contents(self) -> ReportContents:
        """The settings as the stage has them."""
        return ReportContents.model_validate(self.settings)

    def add(
        self,
        name,
        cases,
        predictions,
        *,
        annotation="instance",
        classes=None,
        baselines=(),
        costs=None,
        **plan,
    ):
        """Store cases {name: (image, semantic, instance)} and networks' predictions.

        ``predictions`` is {network: {case: (semantic, instance, subset)}}; ``baselines`` names
        those that are no networks; ``costs`` is {network: (parameters, seconds of training, MB,
        Mpx/s)}, None where not known.
        """
        folder = self.folder / safe_name(name)
        ndim = next(iter(cases.values()))[0].ndim - 1
        geometry = Geometry(spacing=(1.0,) * ndim, source={"reader": "tiff", "path": "x"})
        for case, (image, semantic, instance) in cases.items():
            stored = Case(case, image, semantic, instance, geometry, statistics(image))
            write_case(case_path(folder / "cases/1of1", case), stored)
        write_json(folder / "plan.json", make_plan(name, ndim, annotation, classes, plan).to_json())
        for network, of_network in predictions.items():
            self._add_network(folder, network, of_network, geometry, network in baselines)
        files = [folder / n / f for n in predictions for f in SCORES]
        records = [r for n, c in (costs or {}).items() for r in add_costs(folder / n, *c)]
        write_leaderboard(
            dataset=name,
            scores=files,
            settings=Report(bootstrap=100),
            seed=0,
            out=folder / "leaderboard.csv",
            baselines=baselines,
            costs=records,
        )
        self.settings["datasets"].append(
            {
                "name": name,
                "folder": folder.name,
                "batches": ["1of1"],
                "weights": {},
                "experiments": {
                    network: _reported(name, network, network in baselines)
                    for network in predictions
                },
            }
        )

    def _add_network(self, folder, network, predictions, geometry, classical):
        predicted = folder / network / "predicted/1of1"
        for case, (semantic, instance, subset) in predictions.items():
            write_prediction(
                case_path(predicted, case),
                semantic=semantic,
                instance=instance,
                geometry=geometry,
                name=case,
                attributes=PredictionAttributes(
                    fold="0", subset=subset, decoder=DECODER, tile=(64, 128)
                ),
            )
        fold = folder / network / "fold0"
        fold.mkdir(parents=True)
        write = self._write_parameters if classical else self._write_model
        write(fold)
        evaluate_experiment(
            cases=[folder / "cases/1of1"],
            predicted=[predicted],
            plan=folder / "plan.json",
            settings=Evaluate(),
            out_cases=folder / network / "cases.csv",
            out_classes=folder / network / "classes.csv",
            out_pooled=folder / network / "pooled.csv",
            out_confusion=folder / network / "confusion.csv",
            out_objects=folder / network / "objects.npz",
        )

    def _write_parameters(self, fold):
        tuned = Fitted(
            method="watershed",
            parameters={"polarity": "dark", "level": 0.35, "channel": None},
            score=0.5,
            spatial_dims=2,
            in_channels=1,
            annotation="instance",
            classes={1: ClassSpec(name="nucleus")},
            spacing=(1.0, 1.0),
            unit="pixel",
        )
        write_json(fold / "parameters.json", tuned.model_dump(mode="json"))

    def _write_model(self, fold):
        (fold / "history.csv").write_text(
            "epoch,step,lr,train_loss,val_loss,val_iou,seconds,images_per_second\n"
            "1,10,0.001,1.5,1.25,0.5,30,20\n2,20,0.001,0.5,0.75,0.625,30,22\n"
        )
        _save_model(fold / "model.safetensors", HEADER)

    def change_model(self, dataset, network, **changes):
        """Write the model file of a network anew, with changes to its header."""
        path = self.folder / safe_name(dataset) / network / "fold0/model.safetensors"
        _save_model(path, {**HEADER, **changes})


def _save_model(path, header):
    decoder = dict(header["decoder"])
    known = {"method": decoder.pop("method"), "score": decoder.pop("score")}
    header = {**header, "decoder": {**known, "parameters": decoder}}
    tensors = {"a.weight": np.zeros((3, 4)), "a.running_mean": np.zeros(7)}
    save_file(tensors, path, metadata={"septum": json.dumps(header)})


def _reported(dataset, network, baseline):
    """Return what the report is told of an experiment."""
    of = {"dataset": dataset, "experiment": network}
    if baseline:
        what = {"baseline": {**of, "method": "watershed", "options": {"polarity": "dark"}}}
    else:
        what = {"run": {**of, "network": "unet", "head": "semantic", "options": {"width": 8}}}
    return {"name": f"{network} <net>", "folds": [0], **what}


def add_costs(folder, parameters, seconds, memory, speed) -> list[Path]:
    """Write what an experiment cost; return the files."""
    training, prediction = folder / "fold0/costs.json", folder / "costs/1of1.json"
    used = {"device": "Processor <X>", "threads": 4}
    costs = TrainingCosts(**used, parameters=parameters, training_s=seconds, peak_memory_mb=memory)
    write_costs(training, costs)
    case = {"case": "plain", "pixels": 10**6, "seconds": 1 / speed} if speed else None
    write_costs(prediction, PredictionCosts(**used, cases=[case] if case else []))
    return [training, prediction]


def make_plan(name, ndim, annotation, classes, others) -> Plan:
    return Plan(
        dataset=name,
        spatial_dims=ndim,
        in_channels=1,
        spacing=(1.0,) * ndim,
        unit="pixel",
        annotation=annotation,
        classes=classes or {1: ClassSpec(name="nucleus <u>", kind="thing")},
        normalisation=PercentileScaling(lower=1.0, upper=99.8),
        patch=(32,) * ndim,
        weights=PlannedWeights(sigma=2.5, class_weights={"0": 1.0, "1": 1.0}),
        min_size=8,
        fingerprint=FINGERPRINT,
        derived=DERIVED,
        **{"test": [], "folds": [], "train": [], "unlabelled": [], **others},
    )


def add_nuclei(results: Results, name: str = NAME) -> None:
    """Two networks: one without a flaw, one with every error in all but the empty case."""
    labels, nothing = squares(), np.zeros((40, 48), np.uint32)
    image = (60 + 40 * (labels % 4)).astype(np.uint8)[None]
    truth = {case: nothing if case == "empty" else labels for case in CASES}
    cases = {case: (image, (t > 0).astype(np.uint16), t) for case, t in truth.items()} | {
        NEW: (image, None, None)
    }

    def predict(labels, subset):
        return (labels > 0).astype(np.uint16), labels, subset

    good = {case: predict(t, "test") for case, t in truth.items()}
    bad = {case: predict(t if case == "empty" else flawed(t), "test") for case, t in truth.items()}
    good[NEW] = bad[NEW] = predict(labels, "unlabelled")
    costs = {"good": (7_762_465, 720.0, 1228.8, 2.0), "bad": (1_942_337, 60.0, 812.0, 3.5)}
    predictions = {"bad": bad, "good": good}
    results.add(name, cases, predictions, costs=costs, test=CASES, unlabelled=[NEW])


def add_baseline(results: Results, **predictions) -> None:
    """Six equal cases as dataset `cells`; `floor` is a baseline, the others are networks."""
    labels = squares()
    cases = {
        f"c{i}": (labels.astype(np.uint8)[None], (labels > 0).astype(np.uint16), labels)
        for i in range(6)
    }
    predicted = {
        name: {case: ((pred > 0).astype(np.uint16), pred, "test") for case in cases}
        for name, pred in predictions.items()
    }
    results.add("cells", cases, predicted, baselines=("floor",), test=sorted(cases))
