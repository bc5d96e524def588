"""Bad input, through the command line: one message, a remedy, no traceback, nothing written."""

from __future__ import annotations

import csv
import json
import os
import resource
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import tifffile
import torch
import yaml
from loaded import load_model
from PIL import Image

from septum import cli
from septum.data.case_files import CaseFiles
from septum.data.store import case_paths, read_case
from septum.networks.create import network_names
from septum.networks.model_file import save_model, untrained_segmenter
from septum.networks.model_header import read_header
from septum.workflow.batch_list import batch_list_text

RNG = np.random.default_rng(0)
SIZE = (32, 32)
TRAIN = {"device": "cpu", "workers": 0, "epochs": 1, "steps": 1, "batch": 2, "patch": [64, 64]}
UNET = {"network": "unet", "options": {"depth": 1, "width": 4, "padded": True, "norm": "batch"}}


def picture(objects: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Return bright squares on a noisy ground, and their numbers."""
    labels = np.zeros(SIZE, np.uint16)
    for number in range(1, objects + 1):
        row, column = RNG.integers(1, 9, 2)
        labels[row : row + 6, 15 * (number - 1) + column :][:, :6] = number
    image = 40 + 150 * (labels > 0) + RNG.normal(0, 8, SIZE)
    return image.clip(0, 255).astype(np.uint8), labels


GRAY, OBJECTS = picture()
VOLUME = np.stack([GRAY] * 3).astype(np.int16)


class Lab:
    """A folder of six cases, c0 to c5, each an image (PNG) and a label map (TIFF)."""

    def __init__(self, folder: Path, names: tuple[str, ...] = tuple(f"c{i}" for i in range(6))):
        self.folder, self.out = folder, folder / "out"
        for kind in ("images", "labels"):
            (folder / kind).mkdir(parents=True)
        for name in names:
            image, labels = picture()
            self.put("images", f"{name}.png", image)
            self.put("labels", f"{name}.tif", labels)

    def put(self, kind: str, name: str, content: np.ndarray | bytes, cut: int = 0, **how) -> Path:
        """Write a file in place of the case's own, without its last ``cut`` bytes."""
        path = self.folder / kind / name
        for other in path.parent.glob(f"{name.split('.')[0]}.*"):
            other.unlink()
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif ".nii" in name:
            nib.save(nib.Nifti1Image(content, how.get("affine", np.eye(4))), path)
        elif name.endswith(".tif"):
            tifffile.imwrite(path, content, **how)
        else:
            Image.fromarray(content).save(path)
        if cut:
            path.write_bytes(path.read_bytes()[:-cut])
        return path

    def dataset(self, **changes) -> dict:
        patterns = {"images": "images/{case}.*", "labels": "labels/{case}.*"}
        return patterns | {"split": {"folds": 2}} | changes

    def check(self, *, experiment: dict | None = None, top: dict | None = None, **dataset) -> list:
        """Return the command that checks a configuration."""
        raw = {
            "results": str(self.out),
            "data_root": str(self.folder),
            "datasets": {"cells": self.dataset(**dataset)},
            "experiments": {"unet": UNET | (experiment or {})},
        }
        path = self.folder / "config.yaml"
        path.write_text(yaml.safe_dump(raw | (top or {}), allow_unicode=True), encoding="utf-8")
        return ["check", path]

    def prepare(self, out: Path | None = None, cases: list | None = None, **dataset) -> list:
        """Return the command that prepares some cases, or all that have an image."""
        if cases is None:
            cases = []
            for image in sorted((self.folder / "images").iterdir()):
                name = image.name.split(".")[0]
                labels = [str(path) for path in (self.folder / "labels").glob(f"{name}.*")]
                cases.append(CaseFiles(name, (str(image),), *labels))
        listed = self.folder / "batch.json"
        listed.write_text(batch_list_text(cases), encoding="utf-8")
        settings = json.dumps(self.dataset(**dataset))
        command = ["prepare", "--dataset", "cells", "--settings", settings]
        return [*command, "--cases", listed, "--out", out or self.out]

    def both(self, **dataset) -> tuple[list, list]:
        """Return the two commands that read every case."""
        return self.check(**dataset), self.prepare(**dataset)


class Project(Lab):
    """Odd but good input, taken through every stage up to the scores."""

    # spaces, unicode, HTML, the longest name a file may have, names that differ by capitals
    # only, and a name like that of an elastic copy
    names = ("Zelle 1 (ä)", "<script>alert(1)<", "n" * 251, "A", "a", "a e01")
    empty = ("A", "a")  # nothing is annotated in them; one is trained on, one is in the test set

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, self.names)
        for name in self.empty:
            self.put("labels", f"{name}.tif", np.zeros(SIZE, np.uint8))
        self.split = folder / "split.json"
        self.split.write_text(json.dumps({"test": ["A"], "val": ["n" * 251, "a e01"],
            "train": ["Zelle 1 (ä)", "<script>alert(1)<", "a"]}))  # fmt: skip
        self.cases, self.plan = folder / "cases", folder / "plan.json"
        self.copies, self.weights = folder / "copies", folder / "weights"
        self.model, self.predicted = folder / "fold0" / "model.safetensors", folder / "predicted"
        self.codes = {}
        for name, command in self.stages(folder).items():
            self.codes[name] = cli.main([str(argument) for argument in command])

    def stages(self, folder: Path) -> dict[str, list]:
        """Return the command of each stage, writing into a folder."""
        given, plan = ["--cases", self.cases], ["--plan", self.plan]
        maps = ["--copies", self.copies, "--weights", self.weights]
        run = {"dataset": "cells", "experiment": "unet", "head": "semantic", **UNET}
        return {
            "prepare": self.prepare(folder / "cases"),
            "plan": ["plan", "--dataset", "cells", "--settings", json.dumps(self.dataset()),
                     *given, "--split", self.split, "--out", folder / "plan.json"],
            "augment": ["augment", "--dataset", "cells", "--settings", "{}", *given,
                        "--out", folder / "copies"],
            "weights": ["weights", "--settings", "{}", *given, *maps[:2], *plan,
                        "--out", folder / "weights"],
            "train": ["train", "--settings", json.dumps(run | {"train": TRAIN}),
                      *given, *maps, *plan, "--out", folder / "fold0" / "weights.safetensors"],
            "tune": ["tune", "--settings", "{}", *given, *plan,
                     "--weights", self.model.parent / "weights.safetensors",
                     "--out", folder / "fold0" / "model.safetensors"],
            "predict": ["predict-cases", "--model", self.model, *given, *plan,
                        "--out", folder / "predicted"],
            "export": ["export", "--predicted", self.predicted, "--out", folder / "predictions"],
            "evaluate": ["evaluate", "--settings", "{}", *given, "--predicted", self.predicted,
                         *plan, "--out-cases", folder / "cases.csv",
                         "--out-classes", folder / "classes.csv",
                         "--out-pooled", folder / "pooled.csv",
                         "--out-confusion", folder / "confusion.csv",
                         "--out-objects", folder / "objects.npz"],
        }  # fmt: skip


@pytest.fixture
def lab(tmp_path) -> Lab:
    return Lab(tmp_path)


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    return Project(tmp_path_factory.mktemp("project"))


# ---- what is refused. Each row: what is done to the lab, and the command (or two); the place
# that the message names ({lab} is the folder); what it says; and the remedy.

Row = tuple[str, Callable[[Lab], list | tuple], str, str, str]


def image(name: str, content: np.ndarray | bytes, **how) -> Callable[[Lab], tuple]:
    """Return what puts a bad image in place of that of c1."""

    def build(lab: Lab) -> tuple:
        lab.put("images", name, content, **how)
        return lab.both()

    return build


def labels(name: str, content: np.ndarray | bytes, **how) -> Callable[[Lab], tuple]:
    """Return what puts bad labels in place of those of c1."""

    def build(lab: Lab) -> tuple:
        lab.put("labels", name, content, **how)
        return lab.both()

    return build


def checked(**changes) -> Callable[[Lab], list]:
    """Return what checks a bad configuration of good data."""
    return lambda lab: lab.check(**changes)


def classical(*, data: dict | None = None, **experiment) -> Callable[[Lab], list]:
    """Return what checks a configuration with a baseline, `watershed` unless said."""
    floor = {"method": "watershed"} | experiment
    return lambda lab: lab.check(top={"experiments": {"floor": floor}}, **(data or {}))


def classes_in_the_files(lab: Lab) -> list:
    """Two classes that only the label maps tell of."""
    return classical(data={"annotation": "semantic"}, datasets=["cells"])(lab)


def volumes(lab: Lab) -> list:
    """Three slices a case, which only the files tell of."""
    for i in range(6):
        _, cells = picture()
        noise = RNG.integers(0, 255, (3, *SIZE), np.uint8)
        lab.put("images", f"c{i}.nii", noise)
        lab.put("labels", f"c{i}.nii", np.stack([cells] * 3))
    return classical(method="cpmc")(lab)


class Code:
    """A pickle that makes a folder when it is read."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def __reduce__(self) -> tuple:
        return os.mkdir, (self.folder,)


FCN = {"network": "fcn8s", "options": {"width": 1 / 16}}


def starting(content: dict | None, source: str = "vgg.pth", **network) -> Callable[[Lab], list]:
    """Return what checks an FCN that starts from a file (None: one that is not there)."""

    def build(lab: Lab) -> list:
        if content is not None:
            code = {"more": Code(lab.folder / "made")} if content.get("code") else {}
            tensors = {k: torch.zeros(v) for k, v in content.items() if k != "code"}
            torch.save(tensors | code, lab.folder / source)
        return lab.check(experiment=FCN | network | {"pretrained": source})

    return build


def with_pixel(value: float) -> np.ndarray:
    pixels = GRAY.astype(np.float32)
    pixels[3, 4] = value
    return pixels


def other_spacing(lab: Lab) -> tuple:
    lab.put("images", "c1.nii.gz", VOLUME)
    lab.put("labels", "c1.nii.gz", (VOLUME > 99).astype(np.uint8), affine=np.diag([1, 1, 3, 1]))
    return lab.both()


def missing_label(lab: Lab) -> list:
    (lab.folder / "labels" / "c1.tif").unlink()
    return lab.check()


def label_that_is_gone(lab: Lab) -> list:
    image, labels = lab.folder / "images/c1.png", lab.folder / "labels/gone.tif"
    return lab.prepare(cases=[CaseFiles("c1", (str(image),), str(labels))])


def batch_that_says(text: str) -> Callable[[Lab], list]:
    """Return what puts a text in place of the file that names the cases."""

    def build(lab: Lab) -> list:
        command = lab.prepare()
        (lab.folder / "batch.json").write_text(text)
        return command

    return build


def empty_mask_folder(lab: Lab) -> tuple:
    (lab.folder / "labels" / "c1.tif").unlink()
    (lab.folder / "labels" / "c1.masks").mkdir()
    return lab.both()


def name_twice(lab: Lab) -> list:
    (lab.folder / "more").mkdir()
    Image.fromarray(GRAY).save(lab.folder / "more" / "c1.png")
    return lab.check(images="*/{case}.png")


def labelled_and_unlabelled(lab: Lab) -> list:
    (lab.folder / "new").mkdir()
    Image.fromarray(GRAY).save(lab.folder / "new" / "c1.png")
    return lab.check(unlabelled="new/{case}.png")


def name_of_bytes(lab: Lab) -> list:
    (lab.folder / "new").mkdir()
    try:
        Path(os.fsdecode(os.fsencode(lab.folder) + b"/new/caf\xe9.png")).touch()
    except OSError:
        pytest.skip("this disk takes text only")
    return lab.check(unlabelled="new/{case}.png")


def train_and_test(lab: Lab) -> tuple:
    split = lab.folder / "split.json"
    split.write_text(json.dumps({"test": ["c0"], "val": ["c1"], "train": ["c0", "c2"]}))
    assert cli.main([str(argument) for argument in lab.prepare(lab.folder / "cases")]) == 0
    settings = json.dumps(lab.dataset())
    plan = ["plan", "--dataset", "cells", "--settings", settings, "--cases", lab.folder / "cases"]
    return (
        lab.check(split={"file": "split.json"}),
        [*plan, "--split", split, "--out", lab.out],
    )


def class_not_declared(lab: Lab) -> tuple:
    lab.put("labels", "c1.tif", np.where(OBJECTS == 2, 7, OBJECTS))
    return lab.both(annotation="semantic", classes={1: "cell", 2: "matrix"})


CELLS = {1: "cell", 2: {"name": "matrix", "kind": "stuff"}}
COCO = [{"id": 1, "name": "cell", "isthing": 1}, {"id": 2, "name": "matrix", "isthing": 0}]


def in_parts(lab: Lab, folders: tuple[str, ...], c1: tuple, cases: str, **changes) -> tuple:
    """Put a label map of each case into each folder; ``c1`` are those of c1."""
    good = [np.where(OBJECTS > 0, 1, 0), OBJECTS, OBJECTS * 0]
    files = []
    for i in range(6):
        name, labels = f"c{i}", []
        for folder, content in zip(folders, c1 if i == 1 else good, strict=False):
            (lab.folder / folder).mkdir(exist_ok=True)
            labels.append(str(lab.put(folder, f"{name}.tif", content.astype(np.uint16))))
        image = str(lab.folder / f"images/{name}.png")
        files.append(CaseFiles(name, (image,), labels[0], tuple(labels[1:])))
    changes = {"annotation": "panoptic", "classes": CELLS, "labels": cases} | changes
    return lab.check(**changes), lab.prepare(cases=files, **changes)


def pair(classes: np.ndarray, objects: np.ndarray) -> Callable[[Lab], tuple]:
    """Return what puts maps of classes and of objects in place of those of c1."""

    def build(lab: Lab) -> tuple:
        folders, maps = ("classes", "objects"), (classes, objects)
        rest = {"instances": "objects/{case}.tif"}
        return in_parts(lab, folders, maps, "classes/{case}.tif", **rest)

    return build


def per_class(cells: np.ndarray, matrix: np.ndarray) -> Callable[[Lab], tuple]:
    """Return what puts maps of the objects of each class in place of those of c1."""

    def build(lab: Lab) -> tuple:
        (lab.folder / "by").mkdir()
        folders, maps = ("by/cell", "by/matrix"), (cells, matrix)
        # all but c1 have no matrix
        for name in folders:
            (lab.folder / name).mkdir()
        both = in_parts(lab, folders, maps, "by/{class}/{case}.tif")
        for i in (0, 2, 3, 4, 5):
            lab.put("by/matrix", f"c{i}.tif", OBJECTS * 0)
        return both

    return build


def coco(change: Callable[[dict], object], cut: int = 0, **dataset) -> Callable[[Lab], tuple]:
    """Return what writes COCO-panoptic labels, their JSON changed."""

    def build(lab: Lab) -> tuple:
        content = {"annotations": [], "categories": [dict(c) for c in COCO]}
        files, path = [], lab.folder / "coco.json"
        for i in range(6):
            colours = np.dstack([OBJECTS.astype(np.uint8), *[np.zeros(SIZE, np.uint8)] * 2])
            label = lab.put("labels", f"c{i}.png", colours)
            segments = [{"id": k, "category_id": 1, "iscrowd": 0} for k in (1, 2)]
            entry = {"file_name": label.name, "segments_info": segments}
            content["annotations"].append(entry)
            image = str(lab.folder / f"images/c{i}.png")
            files.append(CaseFiles(f"c{i}", (image,), str(label), (str(path),)))
        change(content)
        text = json.dumps(content)
        path.write_text(text[: len(text) - cut])
        changes = {"annotation": "panoptic", "segments": "coco.json", "void": "none"} | dataset
        return lab.check(**changes), lab.prepare(cases=files, **changes)

    return build


def segments_of_c1(content: dict) -> list:
    return content["annotations"][1]["segments_info"]


def results_below_a_file(lab: Lab) -> list:
    (lab.folder / "file").touch()
    return lab.check(top={"results": str(lab.folder / "file" / "results")})


READ: list[Row] = [
    ("png-cut", image("c1.png", GRAY, cut=200), "{lab}/images/c1.png", "cannot be read", "copy"),
    ("tiff-cut", image("c1.tif", GRAY, cut=200), "{lab}/images/c1.tif", "is cut short", "copy"),
    ("nifti-cut", image("c1.nii", VOLUME, cut=9), "{lab}/images/c1.nii", "cannot be read", "copy"),
    ("nifti-gz-cut", image("c1.nii.gz", VOLUME, cut=99), "{lab}/images/c1.nii.gz",
     "cannot be read", "copy or export it again"),
    ("text", image("c1.png", b"no image"), "{lab}/images/c1.png", "cannot be read", "copy"),
    ("format", image("c1.dcm", b""), "{lab}/images/c1.dcm", "no reader knows (.dcm)", ".nii.gz"),
    ("nan", image("c1.tif", with_pixel(np.nan)), "{lab}/images/c1.tif",
     "holds 1 pixels that are not finite", "replace them"),
    ("inf", image("c1.tif", with_pixel(-np.inf)), "{lab}/images/c1.tif",
     "holds 1 pixels that are not finite", "replace them"),
    ("constant", image("c1.png", np.full(SIZE, 7, np.uint8)), "{lab}/images/c1.png",
     "is constant: every pixel is 7", "leave the case out by `exclude:`"),
    ("complex", image("c1.tif", GRAY.astype(np.complex64)), "{lab}/images/c1.tif",
     "complex64, which are no intensities", "the magnitude"),
    ("alpha", image("c1.png", np.dstack([GRAY] * 4)), "{lab}/images/c1.png",
     "has transparent pixels", "flatten it"),
    ("shape", labels("c1.tif", OBJECTS[:10]), "{lab}/labels/c1.tif",
     "has shape (10, 32), but its image {lab}/images/c1.png has (32, 32)", "one number for each"),
    ("stack", labels("c1.tif", np.stack([OBJECTS] * 9)), "{lab}/labels/c1.tif",
     "has shape (9, 32, 32), but its image", "one number for each pixel"),
    ("spacing", other_spacing, "{lab}/labels/c1.nii.gz",
     "has spacing (3, 1, 1) millimeter, but its image {lab}/images/c1.nii.gz has (1, 1, 1)",
     "mend the spacing in one of the files, or set `spacing:`"),
    ("fraction", labels("c1.tif", OBJECTS + np.float32(0.5)), "{lab}/labels/c1.tif",
     "no whole numbers (0.5 at 1024 pixels)", "as integers"),
    ("nan-label", labels("c1.tif", with_pixel(np.nan)), "{lab}/labels/c1.tif",
     "no whole numbers (nan at 1 pixels)", "as integers"),
    ("negative", labels("c1.tif", OBJECTS.astype(np.int16) - 1), "{lab}/labels/c1.tif",
     "holds negative labels (-1 and", "number objects and classes from 1"),
    ("rgb-tiff", labels("c1.tif", np.dstack([GRAY] * 3), photometric="rgb"),
     "{lab}/labels/c1.tif", "has 3 channels (colours)", "single-channel"),
    ("rgb-png", labels("c1.png", np.dstack([GRAY] * 3)), "{lab}/labels/c1.png",
     "has 3 channels (colours)", "of a PNG with a colour table the indices are read"),
    ("jpeg", labels("c1.jpg", GRAY), "{lab}/labels/c1.jpg", "lossy", "PNG or TIFF"),
    ("label-cut", labels("c1.tif", OBJECTS, cut=100), "{lab}/labels/c1.tif", "cut short", "copy"),
    ("no-mask", empty_mask_folder, "{lab}/labels/c1.masks", "holds no mask", "add the masks"),
    ("class", class_not_declared, "{lab}/labels/c1.tif", "a class id that is not declared: 7",
     "declare it in datasets.cells.classes"),
    ("class-of-a-pair", pair(OBJECTS * 7, OBJECTS), "{lab}/classes/c1.tif",
     "class ids that are not declared: 7, 14", "or as `void`"),
    ("no-class", pair(OBJECTS == 2, OBJECTS), "{lab}/objects/c1.tif",
     "the object 1 has no class: its 36 pixels are 0 in {lab}/classes/c1.tif",
     "or take the object out"),
    ("two-classes", pair(np.where(OBJECTS, 1 + (np.indices(SIZE)[0] % 2), 0), OBJECTS),
     "{lab}/objects/c1.tif", "the object 1 crosses classes in {lab}/classes/c1.tif: 18 of 1, 18",
     "an object number to each part"),
    ("pair-shape", pair(np.sign(OBJECTS), OBJECTS[:9]), "{lab}/objects/c1.tif",
     "has shape (9, 32), but {lab}/classes/c1.tif of the same case (32, 32)", "the same pixels"),
    ("overlap", per_class(OBJECTS, OBJECTS == 2), "{lab}/by/matrix/c1.tif",
     "marks 36 pixels of the case 'c1' as matrix, which {lab}/by/cell/c1.tif marks as cell",
     "give each pixel one class"),
    ("coco-no-image", coco(lambda c: c["annotations"].pop(1)), "{lab}/coco.json",
     "has no annotation with the file_name 'c1.png'", "leave the image out by `exclude`"),
    ("coco-no-segment", coco(lambda c: segments_of_c1(c).append({"id": 3, "category_id": 1})),
     "{lab}/coco.json", "names segments that {lab}/labels/c1.png does not have: 3",
     "export both anew"),
    ("coco-no-name", coco(lambda c: segments_of_c1(c).pop()), "{lab}/labels/c1.png",
     "holds segment ids that {lab}/coco.json does not name: 2", "add them to segments_info"),
    ("coco-cut", coco(lambda c: None, cut=30), "{lab}/coco.json", "is not valid JSON", "copy"),
    ("coco-kind", coco(lambda c: None, classes={1: "cell", 2: "matrix"}),
     "datasets.cells.classes", "declares 'matrix' as thing, but {lab}/coco.json has it as stuff",
     "say `kind: stuff`"),
    ("label-gone", label_that_is_gone, "{lab}/labels/gone.tif", "does not exist", "check the path"),
    ("reader-nifti", lambda lab: lab.both(reader="nifti"), "datasets.cells.reader",
     "is 'nifti', which cannot read .png files", "set it to auto, or to raster"),
    ("reader-zarr", lambda lab: lab.both(reader="ome_zarr"), "datasets.cells.reader",
     "is 'ome_zarr', which cannot read .png files", "set it to auto, or to raster"),
    ("reader-masks", lambda lab: lab.both(reader="mask_folder"), "datasets.cells.reader",
     "is 'mask_folder', which cannot read .png files", "set it to auto, or to raster"),
]  # fmt: skip

CONFIGURED: list[Row] = [
    ("nothing-found", checked(images="pictures/{case}.png"), "datasets.cells.images",
     "{lab}/pictures/{case}.png matches nothing", "check the path and the part that {case}"),
    ("no-label-found", checked(labels="masks/{case}.png"), "datasets.cells.labels",
     "{lab}/masks/{case}.png matches nothing", "check the path"),
    ("no-such-home", checked(images="~nobody0/{case}.png"), "datasets.cells.images",
     "~nobody0/{case}.png matches nothing", "check the path"),
    ("missing-label", missing_label, "datasets.cells.labels",
     "the case 'c1' has no label labels/c1.*", "leave it out by `exclude: ['c1']`"),
    ("void-class", checked(annotation="semantic", classes={1: "cell"}, void=1),
     "datasets.cells.void", "is 1, which is also a class (cell)", "take it out of `classes`"),
    ("void-class-of-a-pair", checked(annotation="panoptic", classes={1: "cell"},
     instances="objects/{case}.tif", void=1),
     "datasets.cells.void", "is 1, which is also a class (cell)", "take it out of `classes`"),
    ("void-everywhere", checked(annotation="panoptic", classes={1: "cell"}, void=0,
     labels="labels/{class}/{case}.tif"),
     "datasets.cells.void", "is 0, and each pixel is 0 in the maps", "by another number"),
    ("void", checked(void="white"), "datasets.cells.void", "cannot be 'white'", "'auto'"),
    ("class-undeclared", checked(annotation="panoptic", labels="{class}/{case}.tif"),
     "datasets.cells.labels", "has {class} in it, but no classes are declared", "declare them"),
    ("class-of-objects", checked(labels="{class}/{case}.tif", classes={1: "cell"}),
     "datasets.cells.labels", "is for `annotation: panoptic`, and not for instance",
     "say `annotation: panoptic`"),
    ("instances-of-objects", checked(instances="objects/{case}.tif"), "datasets.cells.instances",
     "is for `annotation: panoptic`, and not for instance", "or take it out"),
    ("instances-alone", checked(annotation="panoptic", classes=CELLS, labels=None,
     instances="objects/{case}.tif"), "datasets.cells.instances", "is given without `labels`",
     "the class maps"),
    ("two-ways", checked(annotation="panoptic", classes=CELLS, instances="objects/{case}.tif",
     segments="coco.json"), "datasets.cells", "mixes two ways to keep panoptic labels",
     "keep one of"),
    ("no-segments", checked(annotation="panoptic", segments="coco.json"),
     "datasets.cells.segments", "{lab}/coco.json does not exist", "give the JSON file"),
    ("segments-a-case", checked(annotation="panoptic", segments="{case}.json"),
     "datasets.cells.segments", "is one file for all cases", "take {case} out"),
    ("name-twice", name_twice, "datasets.cells.images",
     "the case 'c1' is found twice: {lab}/images/c1.png and {lab}/more/c1.png", "rename one"),
    ("two-kinds", labelled_and_unlabelled, "{lab}/new/c1.png",
     "'c1' is found by `images` and by `unlabelled`", "rename one of the files"),
    ("not-utf8", name_of_bytes, "datasets.cells.unlabelled", "is not UTF-8", "rename the file"),
    ("train-and-test", train_and_test, "{lab}/split.json",
     "the case 'c0' is in test and in train", "keep it in one of them"),
    ("key", checked(top={"trian": {}}), "trian", "is not a known key", "did you mean 'train'?"),
    ("inner-key", checked(lables="x"), "datasets.cells.lables", "is not a known key",
     "did you mean 'labels'?"),
    ("type", checked(top={"train": {"lr": "fast"}}), "train.lr", "cannot be 'fast'",
     "it must be a number"),
    ("list", checked(top={"datasets": ["cells"]}), "datasets", "cannot be ['cells']",
     "it must be keys with values"),
    ("class-name", checked(classes={"cell": 1}), "datasets.cells.classes.cell",
     "'cell' cannot be a key here", "it must be a whole number"),
    ("network", checked(experiment={"network": "u_net"}), "experiments.unet.network",
     "there is no network 'u_net'", "did you mean 'unet'?"),
    ("networks", checked(experiment={"network": "gan"}), "experiments.unet.network",
     "there is no network 'gan'", f"choose one of: {', '.join(network_names())}"),
    ("no-kind", checked(experiment={"network": None}), "experiments.unet",
     "names neither a network nor a method", "docs/baselines.md"),
    ("both-kinds", checked(experiment={"method": "watershed"}), "experiments.unet",
     "names both a network (unet) and a method (watershed)", "keep one of the two"),
    ("baseline-as-network", checked(experiment={"network": "watershed"}),
     "experiments.unet.network", "'watershed' is a classical baseline",
     "write `method: watershed`"),
    ("network-as-baseline", classical(method="unet"), "experiments.floor.method",
     "'unet' is a network", "write `network: unet`"),
    ("method", classical(method="waterhsed"), "experiments.floor.method",
     "there is no classical baseline 'waterhsed'", "did you mean 'watershed'?"),
    ("option-of-a-method", classical(options={"smoothnes": 2.0}, method="graph_cut"),
     "experiments.floor.options.smoothnes", "is not a known key", "did you mean 'smoothness'?"),
    ("value-of-a-method", classical(options={"level": 2}), "experiments.floor.options.level",
     "cannot be 2", "less than 1"),
    ("head-of-a-baseline", classical(head="border"), "experiments.floor.head",
     "is for networks", "take it out"),
    ("folds-of-a-baseline", classical(train={"folds": [1]}), "experiments.floor.train",
     "is for networks", "those of the dataset's `train`"),
    ("tuned-folds", classical(data={"train": {"folds": [2]}}), "datasets.cells.train.folds",
     "asks for fold 2, but cells has folds 0 to 1", "name folds below 2"),
    ("baseline-of-classes", classical(data={"classes": {1: "nucleus", 2: "debris"}}),
     "experiments.floor.datasets", "cells has several (nucleus, debris)", "without cells"),
    ("baseline-of-found-classes", classes_in_the_files, "experiments.floor.datasets",
     "cells has several (class 1, class 2)", "without cells"),
    ("baseline-of-stuff", classical(data={"classes": {1: {"name": "a", "kind": "stuff"}}}),
     "experiments.floor.datasets", "the only class of cells is stuff", "annotation: semantic"),
    ("baseline-of-volumes", classical(method="cpmc", data={"spacing": [2.0, 1.0, 1.0]}),
     "experiments.floor.datasets", "cpmc is not defined for 3-D images (cells)", "another method"),
    ("baseline-of-found-volumes", volumes, "experiments.floor.datasets",
     "cpmc is not defined for 3-D images (cells)", "another method"),
    ("option", checked(experiment={"options": {"widht": 4}}), "experiments.unet.options.widht",
     "the network 'unet' has no option 'widht'", "did you mean 'width'?"),
    ("value-of-an-option", checked(experiment={"options": {"depth": 0}}),
     "experiments.unet.options.depth", "cannot be 0", "greater than or equal to 1"),
    ("no-checkpoint", starting(None), "experiments.unet.pretrained",
     "{lab}/vgg.pth does not exist", "relative one starts at data_root"),
    ("no-checksum", starting(None, "https://no.example/vgg.pth"), "experiments.unet.pretrained",
     "has no checksum", "sha256sum"),
    ("part-of-a-checkpoint", starting({"features.0.weight": (4, 3, 3, 3)}), "{lab}/vgg.pth",
     "25 of 26 tensors do not fit: 25 missing (backbone.features.0.bias, ", "same backbone"),
    ("other-names", starting({"conv.weight": (4, 3, 3, 3)}), "{lab}/vgg.pth",
     "27 of 27 tensors do not fit: 26 missing (", "same backbone"),
    ("code", starting({"code": True}), "{lab}/vgg.pth", "is a pickle that holds code (posix.mkdir)",
     "save the weights alone"),
    ("no-backbone", starting({}, network="unet", options={}), "experiments.unet.pretrained",
     "the network 'unet' has no backbone", "leave it out"),
    ("reader", checked(reader="tif"), "datasets.cells.reader", "cannot be 'tif'",
     "'auto', 'nifti', 'tiff', 'tiff_stack', 'tiff_channels', 'raster', 'mask_folder'"),
    ("capitals", checked(top={"experiments": {"Net": UNET, "net": UNET}}), "experiments.net",
     "differs from 'Net' by capitals only", "choose another name"),
    ("no-labels", checked(labels=None, experiment={"datasets": ["cells"]}),
     "experiments.unet.datasets", "nothing can be trained on 'cells'", "datasets.cells.labels"),
    ("results", results_below_a_file, "results", "{lab}/file is a file, not a folder",
     "give a folder you may write to"),
    ("long-results", checked(top={"results": "x" * 300}), "results", "File name too long",
     "give a folder you may write to"),
    ("json", batch_that_says('{"cases": '), "{lab}/batch.json", "is not valid JSON",
     "run snakemake without --no-hooks"),
    ("json-shape", batch_that_says('{"cases": {"c0": "c0.png"}}'),
     "{lab}/batch.json.cases.c0", "cannot be 'c0.png'", "run snakemake without --no-hooks"),
    ("settings", lambda lab: lab.prepare(reeder="tiff"), "--settings.reeder",
     "is not a known key", "did you mean 'reader'?"),
    ("long-name", lambda lab: lab.prepare(lab.folder / ("x" * 300)), "{lab}/" + "x" * 300,
     "cannot be written (File name too long)", "check the path"),
]  # fmt: skip


def refused(
    commands: list | tuple, folder: Path, capsys, *, where: str, what: str, remedy: str
) -> None:
    """Run commands that must fail, with one message, and must not leave a trace."""
    where, what, remedy = (text.replace("{lab}", str(folder)) for text in (where, what, remedy))
    before = sorted(folder.rglob("*"))
    for command in commands if isinstance(commands, tuple) else (commands,):
        capsys.readouterr()
        code = cli.main([str(argument) for argument in command])
        message = capsys.readouterr().err
        assert code == 1, command[0]
        assert message.startswith("septum: 1 problem\n"), message
        (first, second) = message.splitlines()[1:]
        assert first.startswith(f"  {where}: "), message
        assert what in first, message
        assert second.startswith("    -> "), message
        assert remedy in second, message
        assert "Traceback" not in message
        assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize(
    ("build", "where", "what", "remedy"),
    [pytest.param(*row, id=name) for name, *row in (*READ, *CONFIGURED)],
)
def test_refused(lab, capsys, build, where, what, remedy):
    refused(build(lab), lab.folder, capsys, where=where, what=what, remedy=remedy)


# ---- models and images given by name


def predict(folder: Path, *models: Path, images: tuple[str, ...] = ("x.png",), **options) -> list:
    given = [text for key, value in options.items() for text in (f"--{key}", value)]
    paths = [folder / name for name in images]
    return ["predict", *paths, "--model", *models, *given, "--out", folder / "out"]


def of_another_network(folder: Path, model: Path) -> list:
    segmenter, header = load_model(model)
    header = header.model_copy(update={"network": "dense_unet", "options": {}})
    save_model(folder / "m", segmenter.state_dict(), header)
    return predict(folder, folder / "m")


def of_two_networks(folder: Path, model: Path) -> list:
    header = read_header(model)
    header = header.model_copy(update={"network": "dense_unet", "options": {"width": 4}})
    save_model(folder / "m", untrained_segmenter(header).state_dict(), header)
    return predict(folder, model, folder / "m")


def model_cut(folder: Path, model: Path) -> list:
    (folder / "m").write_bytes(model.read_bytes()[:-100])
    return predict(folder, folder / "m")


def image_in_colours(folder: Path, model: Path) -> list:
    Image.fromarray(np.dstack([GRAY] * 3)).save(folder / "x.png")
    return predict(folder, model)


def image_cut(folder: Path, model: Path) -> list:
    (folder / "x.png").write_bytes((folder / "x.png").read_bytes()[:-200])
    return predict(folder, model)


def image_of_nan(folder: Path, model: Path) -> list:
    tifffile.imwrite(folder / "x.tif", with_pixel(np.nan))
    return predict(folder, model, images=("x.tif",))


@pytest.mark.parametrize(
    ("build", "where", "what", "remedy"),
    [
        (of_another_network, "{lab}/m", "tensors do not fit the network 'dense_unet'", "train"),
        (of_two_networks, "{lab}/m", "they differ in network", "the models of one experiment"),
        (model_cut, "{lab}/m", "is cut short", "copy it again"),
        (lambda lab, model: predict(lab, lab), "{lab}", "is a folder, not a model file",
         "that was written by septum tune"),
        (lambda lab, model: predict(lab, model.parents[1]), "{model}", "is a folder",
         "give the file: {model}/fold0/model.safetensors"),
        (lambda lab, model: predict(lab, lab / "x.png"), "{lab}/x.png", "is not a safetensors",
         "train the model again"),
        (image_in_colours, "{lab}/x.png", "has 3 channels, but the model takes 1", "channels"),
        (image_cut, "{lab}/x.png", "cannot be read", "copy or export it again"),
        (image_of_nan, "{lab}/x.tif", "not finite", "replace them"),
        (lambda lab, model: predict(lab, model, images=("y.png",)), "{lab}/y.png",
         "does not exist", "check the path"),
        (lambda lab, model: predict(lab, model, images=("y" * 300,)), "{lab}/" + "y" * 300,
         "does not exist", "check the path"),
        (lambda lab, model: predict(lab, model, images=(".",)), "{lab}",
         "is a folder, not an image", "name the image files"),
        (lambda lab, model: predict(lab, model, images=("x.png", "x2.png"), reader="tif"),
         "--reader", "there is no reader 'tif'", "choose one of: auto, nifti, tiff"),
        (lambda lab, model: predict(lab, model, images=("x.png", "x2.png"), reader="nifti"),
         "--reader", "is 'nifti', which cannot read .png files", "set it to auto, or to raster"),
    ],
)  # fmt: skip
def test_a_prediction_refused(project, tmp_path, capsys, build, where, what, remedy):
    for name in ("x.png", "x2.png"):
        Image.fromarray(GRAY).save(tmp_path / name)
    command = build(tmp_path, project.model)
    where, remedy = (text.replace("{model}", str(project.folder)) for text in (where, remedy))
    refused(command, tmp_path, capsys, where=where, what=what, remedy=remedy)


# ---- trainings by hand


@pytest.mark.parametrize(
    ("changes", "start", "where", "what", "remedy"),
    [
        ({"options": {"widht": 4}}, None, "experiments.unet.options.widht",
         "the network 'unet' has no option 'widht'", "did you mean 'width'?"),
        ({"train": TRAIN | {"patch": [64], "border_weights": False}}, None, "train.patch",
         "gives 1 sizes", "give 2 sizes"),
        (FCN | {"pretrained": {"source": "v.pth"}}, {"features.0.weight": torch.zeros(9, 3, 3, 3)},
         "{lab}/v.pth", "1 of another shape or type (backbone.features.0.weight is 9×1×3×3",
         "same backbone"),
        (FCN | {"pretrained": {"source": "v.pth"}}, Code(Path("made")), "{lab}/v.pth",
         "is a pickle that holds code (posix.mkdir)", "save the weights alone"),
    ],
)  # fmt: skip
def test_a_training_refused(project, tmp_path, capsys, changes, start, where, what, remedy):
    given = ["--cases", project.cases, "--plan", project.plan, "--copies", "--weights"]
    run = {"dataset": "cells", "experiment": "unet", "head": "semantic", **UNET, "train": TRAIN}
    run["train"] = TRAIN | {"border_weights": False}
    if start is not None:
        torch.save(start, tmp_path / "v.pth")
        given += ["--start", tmp_path / "v.pth"]
    out = ["--out", tmp_path / "fold0" / "weights.safetensors"]
    command = ["train", "--settings", json.dumps(run | changes), *given, *out]
    refused(command, tmp_path, capsys, where=where, what=what, remedy=remedy)
    assert not Path("made").exists()


# ---- disks

WRITTEN = {
    "prepare": "cases",
    "plan": "plan.json",
    "augment": "copies",
    "weights": "weights",
    "train": "fold0",
    "tune": "fold0/tuning.json",
    "predict": "predicted",
    "export": "predictions",
    "evaluate": "cases.csv",
}
SPACE = "check the path, its permissions and the space left on that disk"


@pytest.mark.parametrize("stage", WRITTEN)
def test_a_folder_that_cannot_be_made(project, tmp_path, capsys, stage):
    (tmp_path / "file").touch()
    command = project.stages(tmp_path / "file")[stage]
    where = f"{{lab}}/file/{WRITTEN[stage]}"
    refused(command, tmp_path, capsys, where=where, what="cannot be written", remedy=SPACE)


def test_images_are_not_segmented_for_a_folder_that_cannot_be_made(project, tmp_path, capsys):
    (tmp_path / "file").touch()
    image = project.folder / "images" / "a.png"
    command = ["predict", image, "--model", project.model, "--out", tmp_path / "file" / "out"]
    refused(command, tmp_path, capsys, where="{lab}/file/out", what="is a file", remedy=SPACE)


@pytest.mark.parametrize("stage", ["prepare", "plan", "augment", "weights", "predict", "export"])
def test_a_disk_that_is_full(project, tmp_path, capsys, stage):
    """No file may grow beyond 100 bytes."""
    command = project.stages(tmp_path)[stage]
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        where = f"{{lab}}/{WRITTEN[stage]}"
        what = "cannot be written (File too large)"
        refused(command, tmp_path, capsys, where=where, what=what, remedy=SPACE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


# ---- what is odd, and allowed


def test_odd_input_passes_every_stage(project):
    assert project.codes == dict.fromkeys(WRITTEN, 0)


def test_a_training_step_on_patches_larger_than_the_images(project):
    assert SIZE == (32, 32)
    assert read_header(project.model).patch == (64, 64)


def test_empty_label_maps_are_trained_on_and_scored(project):
    plan = json.loads(project.plan.read_text())
    assert (plan["test"], plan["train"][-1]) == (["A"], "a")
    assert plan["fingerprint"]["empty"] == 2
    for path in (case_paths([project.cases])["A"], case_paths([project.copies])["a/e01"]):
        assert not read_case(path).instance.any()
    with (project.folder / "cases.csv").open() as file:
        rows = {row["case"]: row for row in csv.DictReader(file)}
    assert list(rows) == ["A", "a e01", "n" * 251]
    assert [int(row["n_true"]) for row in rows.values()] == [0, 2, 2]


def test_names_are_kept_and_their_files_safe(project):
    assert sorted(case_paths([project.cases])) == sorted(project.names)
    assert set(case_paths([project.copies])) == {f"{name}/e01" for name in project.names}
    trained = [name for name in project.names if name != "A"]  # which is in the test set
    weighed = {*trained, *(f"{name}/e01" for name in trained)}
    assert set(case_paths([project.weights])) == weighed
    for folder in ("cases", "copies", "weights", "predicted", "predictions"):
        names = os.listdir(project.folder / folder)
        assert all(name.isascii() and not set(name) & set(" ()<>") for name in names)
        assert len({name.lower() for name in names}) == len(names)
    delivered = sorted(os.listdir(project.folder / "predictions"))
    assert [name.rpartition("-")[0] or name for name in delivered] == ["A.tif", "a_e01", "n" * 80]
