"""Names and options of networks, and the messages where they are wrong."""

from __future__ import annotations

import subprocess
import sys

import pytest

from septum.errors import SeptumError
from septum.networks.create import check_options, create_network


def test_listing_names_imports_no_torch():
    names = (
        "from septum.networks.create import network_module, network_names; "
        "network_module(network_names()[0])"
    )
    code = f"import sys; {names}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    ("name", "options", "messages"),
    [
        ("unett", {}, ["unett", "segnet, unet, unetpp"]),
        ("unet", {"widht": 8}, ["options.widht", "did you mean 'width'?"]),
        ("unet", {"zzz": 8}, ["options.zzz", "choose one of: attention, depth, dropout"]),
        ("unet", {"depth": "four"}, ["options.depth", "'four'", "integer"]),
        ("unet", {"depth": 2.5}, ["options.depth", "2.5"]),
        ("unet", {"depth": True}, ["options.depth", "True"]),
        ("unet", {"depth": 0}, ["options.depth", "greater than or equal to 1"]),
        ("unet", {"padded": 1}, ["options.padded", "boolean"]),
        ("unet", {"dropout": 1.5}, ["options.dropout", "less than 1"]),
        ("unet", {"norm": "layer"}, ["options.norm", "'none', 'batch', 'instance' or 'group'"]),
        ("unet", {"widht": 8, "depth": 0}, ["options.widht", "options.depth"]),
        ("dense_unet", {"layers": "many"}, ["options.layers", "integer", "list"]),
        ("dense_unet", {"layers": [1, 0, 1]}, ["options.layers", "greater than or equal to 1"]),
        ("dense_unet", {"layers": [1, 2]}, ["options.layers", "2 entries for 6 levels"]),
    ],
)
def test_wrong_names_and_options(name, options, messages):
    with pytest.raises(SeptumError) as error:
        create_network(name, 2, 1, 2, **options)
    for message in messages:
        assert message in str(error.value)


@pytest.mark.parametrize(
    ("name", "key", "value", "remedy"),
    [
        ("deeplabv3", "rates", [6, 12], "give a list of 3 values"),
        ("deeplabv3", "rates", [], "give a list of 3 values"),
        ("deeplabv3", "rates", [6, 12, 18, 24], "give a list of 3 values"),
        ("deeplabv3", "rates", 5, "give a list of 3 values"),
        ("deeplabv3", "rates", None, "give a list of 3 values"),
        ("deeplabv2", "rates", [], "give a list of 1 or more values"),
        ("deeplabv2", "rates", 6, "give a list of 1 or more values"),
        ("mask_rcnn", "anchor_sizes", [], "give a list of 1 to 5 values"),
        ("mask_rcnn", "anchor_sizes", [8] * 6, "give a list of 1 to 5 values"),
        ("mask_rcnn", "anchor_sizes", 8, "give a list of 1 to 5 values"),
        ("monai:SegResNet", "blocks_down", 3, "give a list of 2 to 8 values"),
        ("monai:SwinUNETR", "depths", [2, 2], "give a list of 4 values"),
        ("dense_unet", "layers", "all", "input should be a valid integer; or: give a list"),
    ],
)
def test_wrong_lists_are_told_in_plain_words(name, key, value, remedy):
    with pytest.raises(SeptumError) as error:
        check_options(name, {key: value})
    problem = error.value.problems[0]
    assert (problem.where, problem.what) == (f"options.{key}", f"cannot be {value!r}")
    assert problem.remedy == remedy


@pytest.mark.parametrize("channels", [(4, 1, 2), (2, 0, 2), (3, 1, 0), ("2", 1, 1)])
def test_wrong_channels(channels):
    with pytest.raises(SeptumError, match="cannot be"):
        create_network("unet", *channels)


def test_options_are_filled_in():
    assert check_options("unet", {"width": 8, "norm": "batch"}) == {
        "width": 8,
        "depth": 4,
        "padded": False,
        "norm": "batch",
        "residual": False,
        "attention": False,
        "dropout": 0.5,
    }
    with pytest.raises(SeptumError, match=r"experiments\.a\.options\.with"):
        check_options("unet", {"with": 8}, where="experiments.a.options")
