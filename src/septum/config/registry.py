"""The names that a configuration may use, each with the address of the code behind it.

There is one record for each network, head, way of decoding, reader, export format and classical
baseline. A record says what must be known before that code is imported: its address, and what
the checks and the schema of the configuration are built from. To add one of them, write its
module and add its record to the table here; nothing else lists names.

The code is imported by `Record.load` when it is needed, so listing names costs nothing. The
digest of a stage's code (`septum.io.code_digest`) leaves this module out and counts the modules
that a stage looks up: a new record reruns nothing, an edit of a network that is used does.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar


@dataclass(frozen=True)
class Record:
    """A name of the configuration.

    Parameters
    ----------
    name : str
        As the configuration writes it.
    address : str
        Where its code is: ``package.module:attribute``.
    """

    name: str
    address: str

    @property
    def module(self) -> str:
        """The dotted name of the module."""
        return self.address.partition(":")[0]

    def load(self) -> Any:
        """Import the module and return the object at the address."""
        module, _, attribute = self.address.partition(":")
        return getattr(importlib.import_module(module), attribute)


@dataclass(frozen=True)
class Network(Record):
    """A network: a class that takes ``(spatial_dims, in_channels, out_channels, **options)``.

    Parameters
    ----------
    head : str, optional
        For detectors, which find objects one by one and return no logits: the only head that
        goes with them. All other networks go with every head that is not a detector's.
    """

    head: str | None = None


@dataclass(frozen=True)
class Head(Record):
    """A head: the class that says what the channels of a network's output mean.

    Parameters
    ----------
    methods : tuple of str
        Its ways of decoding (keys of `METHODS`), the simplest first.
    needs_objects : bool
        Whether it is trained on single objects, so that classes of pixels are not enough.
    of_detectors : bool
        Whether it goes with detectors only, which have no other.
    """

    methods: tuple[str, ...] = ()
    needs_objects: bool = False
    of_detectors: bool = False


@dataclass(frozen=True)
class Parameter:
    """A parameter of a way of decoding, as the section ``decode`` accepts it.

    It may be ``auto`` as well, and is by default: tuned on the validation cases.

    Parameters
    ----------
    name : str
    kind : {"number", "count"}
        A count is a whole number.
    above, least, below, most : float, optional
        Bounds; ``above`` and ``below`` are excluded, ``least`` and ``most`` are included.
    """

    name: str
    kind: Literal["number", "count"] = "number"
    above: float | None = None
    least: float | None = None
    below: float | None = None
    most: float | None = None


@dataclass(frozen=True)
class Method(Record):
    """A way of decoding: from the output of a network to instances.

    Parameters
    ----------
    parameters : tuple of Parameter
        A parameter that several ways share has the same bounds in all of them.
    """

    parameters: tuple[Parameter, ...] = ()


@dataclass(frozen=True)
class Reader(Record):
    """A reader: a class without arguments that keeps to `septum.data.readers.base.Reader`.

    Parameters
    ----------
    suffixes : tuple of str
        Of the files that are read by it where the configuration says ``reader: auto``, in small
        letters. Several readers may read a format, but only one of them has its suffixes.
    """

    suffixes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Writer(Record):
    """A format in which objects are delivered beside the label maps (``export.formats``).

    Its code is a subclass of `septum.data.writers.base.ObjectWriter`.

    Parameters
    ----------
    planar : bool
        Whether it is for images of two axes only.
    needs_objects : bool
        Whether it holds nothing but objects, so that classes of pixels are not enough.
    """

    planar: bool = False
    needs_objects: bool = False


@dataclass(frozen=True)
class Baseline(Record):
    """A classical baseline: a subclass of `septum.classical.base.Method`.

    Parameters
    ----------
    planar : bool
        Whether it is defined for images of two axes only.
    """

    planar: bool = False


AnyRecord = TypeVar("AnyRecord", bound=Record)


def _by_name(records: Iterable[AnyRecord]) -> dict[str, AnyRecord]:
    return {record.name: record for record in records}


NETWORKS = _by_name(
    [
        Network("deeplabv2", "septum.networks.deeplabv2:DeepLabV2"),
        Network("deeplabv3", "septum.networks.deeplabv3:DeepLabV3"),
        Network("deeplabv3plus", "septum.networks.deeplabv3plus:DeepLabV3Plus"),
        Network("dense_unet", "septum.networks.dense_unet:DenseUNet"),
        Network("fcn16s", "septum.networks.fcn:FCN16s"),
        Network("fcn32s", "septum.networks.fcn:FCN32s"),
        Network("fcn8s", "septum.networks.fcn:FCN8s"),
        Network("monai:DynUNet", "septum.networks.monai_dynunet:DynUNet"),
        Network("monai:MedNeXt", "septum.networks.monai_mednext:MedNeXt"),
        Network("monai:SegResNet", "septum.networks.monai_segresnet:SegResNet"),
        Network("monai:SwinUNETR", "septum.networks.monai_swinunetr:SwinUNETR"),
        Network("pspnet", "septum.networks.pspnet:PSPNet"),
        Network("segnet", "septum.networks.segnet:SegNet"),
        Network("unet", "septum.networks.unet:UNet"),
        Network("unetpp", "septum.networks.unetpp:UNetPlusPlus"),
        Network("faster_rcnn", "septum.networks.mask_rcnn:FasterRCNN", head="detection"),
        Network("mask_rcnn", "septum.networks.mask_rcnn:MaskRCNN", head="detection"),
        Network("panoptic_fpn", "septum.networks.panoptic_fpn:PanopticFPN", head="panoptic"),
    ]
)

HEADS = _by_name(
    [
        Head(
            "semantic",
            "septum.heads.semantic:SemanticHead",
            methods=("components", "watershed"),
        ),
        Head(
            "border",
            "septum.heads.border:BorderHead",
            methods=("components", "watershed"),
        ),
        Head(
            "distance",
            "septum.heads.distance:DistanceHead",
            methods=("watershed",),
            needs_objects=True,
        ),
        Head(
            "stardist",
            "septum.heads.stardist:StarDistHead",
            methods=("stars",),
            needs_objects=True,
        ),
        Head(
            "flows",
            "septum.heads.flows:FlowsHead",
            methods=("flows",),
            needs_objects=True,
        ),
        Head(
            "detection",
            "septum.heads.detection:DetectionHead",
            methods=("objects",),
            needs_objects=True,
            of_detectors=True,
        ),
        Head(
            "panoptic",
            "septum.heads.detection:PanopticHead",
            methods=("objects",),
            needs_objects=True,
            of_detectors=True,
        ),
    ]
)

# what each parameter does is said by the module of its way of decoding
THRESHOLD = Parameter("threshold", above=0.0, below=1.0)
MASK_THRESHOLD = Parameter("mask_threshold", above=0.0, below=1.0)
SEED_THRESHOLD = Parameter("seed_threshold", above=0.0, below=1.0)
FLOW_ERROR = Parameter("flow_error", above=0.0)
OVERLAP = Parameter("overlap", least=0.0, most=1.0)
MIN_SIZE = Parameter("min_size", kind="count", least=0)
MIN_STUFF = Parameter("min_stuff", kind="count", least=0)

METHODS = _by_name(
    [
        Method(
            "components",
            "septum.decoding.components:Components",
            parameters=(THRESHOLD, MIN_SIZE, MIN_STUFF),
        ),
        Method(
            "watershed",
            "septum.decoding.watershed:Watershed",
            parameters=(THRESHOLD, SEED_THRESHOLD, MIN_SIZE, MIN_STUFF),
        ),
        Method(
            "stars",
            "septum.decoding.stars:Stars",
            parameters=(THRESHOLD, SEED_THRESHOLD, MIN_SIZE, MIN_STUFF),
        ),
        Method(
            "flows",
            "septum.decoding.flows:Flows",
            parameters=(THRESHOLD, FLOW_ERROR, MIN_SIZE, MIN_STUFF),
        ),
        Method(
            "objects",
            "septum.decoding.scene:Objects",
            parameters=(THRESHOLD, MASK_THRESHOLD, OVERLAP, MIN_SIZE, MIN_STUFF),
        ),
    ]
)

READERS = _by_name(
    [
        Reader(
            "nifti",
            "septum.data.readers.nifti:NiftiReader",
            suffixes=(".nii", ".nii.gz", ".hdr", ".img"),
        ),
        Reader(
            "tiff",
            "septum.data.readers.tiff:TiffReader",
            suffixes=(".tif", ".tiff", ".lsm", ".stk", ".tf8", ".tf2", ".btf"),
        ),
        Reader("tiff_stack", "septum.data.readers.tiff:TiffStackReader"),
        Reader("tiff_channels", "septum.data.readers.tiff:TiffChannelsReader"),
        Reader(
            "raster",
            "septum.data.readers.raster:RasterReader",
            suffixes=(".png", ".jpg", ".jpeg", ".bmp"),
        ),
        Reader("mask_folder", "septum.data.readers.mask_folder:MaskFolderReader"),
        Reader("ome_zarr", "septum.data.readers.ome_zarr:OmeZarrReader", suffixes=(".zarr",)),
    ]
)

WRITERS = _by_name(
    [
        Writer("table", "septum.data.writers.table:TableWriter"),
        Writer("coco", "septum.data.writers.coco:CocoWriter", planar=True, needs_objects=True),
        Writer(
            "coco_panoptic", "septum.data.writers.coco_panoptic:CocoPanopticWriter", planar=True
        ),
        Writer("geojson", "septum.data.writers.geojson:GeoJsonWriter", planar=True),
        Writer(
            "imagej_roi",
            "septum.data.writers.imagej:ImagejRoiWriter",
            planar=True,
            needs_objects=True,
        ),
    ]
)

BASELINES = _by_name(
    [
        Baseline("cpmc", "septum.classical.cpmc:CPMC", planar=True),
        Baseline("graph_cut", "septum.classical.graph_cut:GraphCut"),
        Baseline("mean_shift", "septum.classical.mean_shift:MeanShift"),
        Baseline("normalized_cut", "septum.classical.normalized_cut:NormalizedCut"),
        Baseline("watershed", "septum.classical.watershed:Watershed"),
    ]
)
