"""The names that a configuration may use, with the addresses of their code.

There is a record for each network, head, decoding method, reader, export format and classical
baseline. It holds the address of the code, and the facts from which the schema and the checks of
the configuration are built without importing it. To add one of them, write its module and add its
record to the table in this module, which is the only list of names.

The code is imported by `Record.load` when it is needed. The digest of a stage's code
(`septum.io.code_digest`) does not include this module, but the modules that the stage looks up.
Hence a new record reruns nothing, and an edit of a network reruns the stages that use it.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

Number = int | float
"""The value of a parameter."""


@dataclass(frozen=True)
class Record:
    """A name of the configuration.

    Parameters
    ----------
    name : str
        Name in the configuration.
    address : str
        Address of the code, ``package.module:attribute``.
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
        The only head of a detector, which finds single objects and returns no logits. Other
        networks can have any head that is not for detectors.
    """

    head: str | None = None


@dataclass(frozen=True)
class Head(Record):
    """A head: a class that defines the output channels of a network.

    Parameters
    ----------
    methods : tuple of str
        Its decoding methods (keys of `METHODS`), beginning with the simplest.
    needs_objects : bool
        Whether training needs annotations of single objects, so that classes are not sufficient.
    of_detectors : bool
        Whether the head is for detectors only.
    """

    methods: tuple[str, ...] = ()
    needs_objects: bool = False
    of_detectors: bool = False


@dataclass(frozen=True)
class Parameter:
    """A parameter of decoding methods in the section ``decode`` of the configuration.

    Its value there may also be ``auto``, the default, with which it is tuned on the validation
    cases.

    Parameters
    ----------
    name : str
    kind : {"number", "count"}
        A count is an integer.
    above, least, below, most : float, optional
        Bounds, of which ``above`` and ``below`` are exclusive, and ``least`` and ``most``
        inclusive.
    label : str, optional
        Name in the report; by default the name with blanks for underscores (`shown_as`).
    """

    name: str
    kind: Literal["number", "count"] = "number"
    above: float | None = None
    least: float | None = None
    below: float | None = None
    most: float | None = None
    label: str = ""

    @property
    def shown_as(self) -> str:
        """The name in the report."""
        return self.label or self.name.replace("_", " ")


@dataclass(frozen=True)
class Method(Record):
    """A decoding method, which derives instances from the output of a network.

    Parameters
    ----------
    parameters : tuple of Parameter
        Its parameters; those of the same name have the same bounds in all methods.
    """

    parameters: tuple[Parameter, ...] = ()


@dataclass(frozen=True)
class Reader(Record):
    """A reader: a class without arguments that implements `septum.data.readers.base.Reader`.

    Parameters
    ----------
    suffixes : tuple of str
        Lower-case suffixes of the files for which ``reader: auto`` chooses this reader. Only one
        of several readers of a format has its suffixes.
    """

    suffixes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Writer(Record):
    """A format in which objects are exported beside the label maps (``export.formats``).

    Its code is a subclass of `septum.data.writers.base.ObjectWriter`.

    Parameters
    ----------
    planar : bool
        Whether the format is for 2-D images only.
    needs_objects : bool
        Whether the format holds objects only, so that classes of pixels are not sufficient.
    """

    planar: bool = False
    needs_objects: bool = False


@dataclass(frozen=True)
class Baseline(Record):
    """A classical baseline: a subclass of `septum.classical.base.Method`.

    Parameters
    ----------
    planar : bool
        Whether the method is defined for 2-D images only.
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

# the meaning of parameters is documented in the modules of the decoding methods
THRESHOLD = Parameter("threshold", above=0.0, below=1.0)
MASK_THRESHOLD = Parameter("mask_threshold", above=0.0, below=1.0, label="threshold of masks")
SEED_THRESHOLD = Parameter("seed_threshold", above=0.0, below=1.0, label="threshold of seeds")
FLOW_ERROR = Parameter("flow_error", above=0.0)
OVERLAP = Parameter("overlap", least=0.0, most=1.0)
MIN_SIZE = Parameter("min_size", kind="count", least=0, label="smallest object")
MIN_STUFF = Parameter("min_stuff", kind="count", least=0, label="smallest area of stuff")

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
