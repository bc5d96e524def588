"""The public names, and the modules that they are loaded from."""

from .augmentation.elastic import ElasticDeformation
from .config.load import load_config
from .inference.tiling import predict_tiled
from .losses.border_weights import border_weight_map
from .metrics.matching import average_precision, match
from .metrics.panoptic import panoptic_quality
from .networks.create import create_network, network_names

__version__: str
__all__ = [
    "ElasticDeformation",
    "average_precision",
    "border_weight_map",
    "create_network",
    "load_config",
    "match",
    "network_names",
    "panoptic_quality",
    "predict_tiled",
]
