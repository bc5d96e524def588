"""``septum predict``: segment new images by trained networks or tuned baselines."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from septum.config.arguments import (
    add_out,
    add_paths,
    add_settings,
    add_threads,
)
from septum.errors import problem


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the images, the models, and how images are read."""
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="files")
    what = "model.safetensors of a network, or parameters.json of a baseline"
    add_paths(parser, "model", what)
    add_settings(parser, "the predict section", default="{}")
    parser.add_argument("--reader", default="auto", help="how the images are read")
    add_threads(parser)
    add_out(parser, "folder of the predictions")


def run(arguments: Namespace) -> None:
    """Segment new images."""
    baselines = {path.suffix.lower() == ".json" for path in arguments.model}
    if len(baselines) > 1:
        what = "mixes networks (model.safetensors) and baselines (parameters.json)"
        raise problem("--model", what, "give the files of one experiment")
    if baselines == {True}:
        _predict_by_baseline(arguments)
    else:
        _predict_by_network(arguments)


def _predict_by_baseline(arguments: Namespace) -> None:
    from septum.stages.predict.images_classical import predict_images

    if arguments.settings != "{}":
        what = "is for networks: a baseline has no tiles, batches or device"
        raise problem("--settings", what, "leave it out")
    predict_images(
        images=arguments.images,
        parameters=arguments.model,
        out=arguments.out,
        reader=arguments.reader,
    )


def _predict_by_network(arguments: Namespace) -> None:
    from septum.config.schema import Predict, parse_section
    from septum.stages.predict.images_network import predict_images

    predict_images(
        images=arguments.images,
        models=arguments.model,
        out=arguments.out,
        reader=arguments.reader,
        settings=parse_section(Predict, arguments.settings),
    )
