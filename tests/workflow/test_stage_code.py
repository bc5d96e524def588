"""The digests of the rules: what is used counts, what is not used and the registry do not."""

from __future__ import annotations

import pytest
from edited_source import copy_of_source, edit
from small_study import Job, small_study

from septum.config import registry
from septum.config.dataset import Dataset
from septum.config.schema import Decode, Export, Run
from septum.data.case_files import CaseFiles
from septum.io.code_digest import code_digest
from septum.workflow.stage_code import Code, network_addresses, reader_addresses

PIXELS = Job(dataset="cells", experiment="pixels", fold="2")
STAGES = {
    "prepare": "septum.stages.prepare.stage",
    "train": "septum.stages.train.stage",
    "tune": "septum.stages.tune.stage",
    "predict": "septum.stages.predict.stage",
    "export": "septum.stages.export.stage",
    "fit": "septum.stages.tune.baseline",
}


@pytest.fixture
def source(tmp_path, monkeypatch):
    yield from copy_of_source(tmp_path / "copy", monkeypatch)


def path_of(record):
    """Return the path of a record's module below the package."""
    return record.module.removeprefix("septum.").replace(".", "/")


def run(network="unet", head="semantic", method="auto"):
    return Run(
        dataset="cells",
        experiment="net",
        network=network,
        options={},
        head=head,
        decode=Decode(method=method),
    )


def digests():
    """Return the digests of a small study: TIFF, a U-Net with the semantic head, and a table."""
    case = CaseFiles("a", ("a.tif",), "a_labels.tif")
    dataset = Dataset(images="{case}.tif", labels="{case}_labels.tif")
    looked_up = {
        "prepare": reader_addresses(dataset, [case]),
        "train": network_addresses(run(), decodes=False),
        "tune": network_addresses(run(), decodes=True),
        "predict": network_addresses(run(), decodes=True),
        "export": [registry.WRITERS[name].address for name in Export().formats],
        "fit": [registry.BASELINES["watershed"].address],
    }
    return {name: code_digest(STAGES[name], *given) for name, given in looked_up.items()}


def changed(before):
    after = digests()
    return {name for name in after if after[name] != before[name]}


def test_digests_name_what_a_stage_looks_up(tmp_path):
    code = Code(small_study(tmp_path))
    stage = "septum.workflow.gpu"  # any module will do
    assert code.of(stage) == code_digest(stage)
    networks = code.with_network(stage, decodes=False)
    semantic, detection = registry.HEADS["semantic"].module, registry.HEADS["detection"].module
    assert networks(PIXELS) == code_digest(stage, "septum.networks.fcn", semantic)
    objects = networks(Job(dataset="cells", experiment="objects"))
    assert objects == code_digest(stage, "septum.networks.mask_rcnn", detection)
    decoded = code.with_network(stage)(PIXELS)
    methods = [registry.METHODS[name].module for name in ("components", "watershed")]
    assert decoded == code_digest(stage, "septum.networks.fcn", semantic, *methods)
    baseline = code.with_baseline(stage)(Job(dataset="cells", experiment="floor"))
    assert baseline == code_digest(stage, "septum.classical.watershed")
    table = code.with_writers(stage)(PIXELS)
    assert table == code_digest(stage, registry.WRITERS["table"].module)


def test_ways_of_decoding_count_where_they_may_be_used():
    head = registry.HEADS["semantic"].address
    unet = "septum.networks.unet:UNet"
    every, one = (
        network_addresses(run(method=method), decodes=True) for method in ("auto", "components")
    )
    assert every[:2] == one[:2] == [unet, head]
    assert every[2:] == [registry.METHODS[name].address for name in ("components", "watershed")]
    assert one[2:] == [registry.METHODS["components"].address]
    assert network_addresses(run(), decodes=False) == [unet, head]


def test_readers_count_that_the_files_ask_for():
    tiff, raster, masks = (
        registry.READERS[name].address for name in ("tiff", "raster", "mask_folder")
    )
    plain = Dataset(images="{case}.tif", labels="{case}.png")
    case = CaseFiles("a", ("a.tif",), "a.png")
    assert reader_addresses(plain, [case]) == [raster, tiff]
    assert reader_addresses(plain, [CaseFiles("a", ("a.tif",))]) == [tiff]
    folder = CaseFiles("a", ("a.tif",), "a/masks/*.png")
    assert set(reader_addresses(plain, [folder])) == {masks, raster, tiff}
    coco = Dataset(images="{case}.tif", labels="{case}.png", segments="all.json")
    listed = CaseFiles("a", ("a.tif",), "a.png", ("all.json",))
    assert reader_addresses(coco, [listed]) == [raster, tiff]


@pytest.mark.parametrize("table", ["NETWORKS", "HEADS", "METHODS", "READERS", "WRITERS"])
def test_an_added_record_changes_no_digest(source, table):
    before = digests()
    path = source / "config" / "registry.py"
    path.write_text(path.read_text() + f'\n{table}["toy"] = Record("toy", "septum.toy:Toy")\n')
    edit(source)
    assert digests() == before


@pytest.mark.parametrize(
    ("table", "name", "rules"),
    [
        ("READERS", "tiff", {"prepare"}),
        ("READERS", "nifti", set()),
        ("READERS", "ome_zarr", set()),
        ("NETWORKS", "unet", {"train", "tune", "predict"}),
        ("NETWORKS", "unetpp", set()),
        ("HEADS", "semantic", {"train", "tune", "predict"}),
        ("HEADS", "flows", set()),
        ("HEADS", "detection", set()),
        ("METHODS", "components", {"tune", "predict"}),
        ("METHODS", "stars", set()),
        ("WRITERS", "table", {"export"}),
        ("BASELINES", "watershed", {"fit"}),
        ("BASELINES", "cpmc", set()),
    ],
)
def test_an_edit_of_what_is_used_shows_and_of_what_is_not_used_does_not(source, table, name, rules):
    before = digests()
    edit(source, path_of(getattr(registry, table)[name]))
    assert changed(before) == rules
