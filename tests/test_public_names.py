"""The names that outsiders rely on: offered at the top, loaded late, documented."""

from __future__ import annotations

import runpy
import subprocess
import sys

from import_arrows import ROOT

import septum
from septum.io.code_digest import reachable

# the design's list, not the stub's
NAMES = {
    "ElasticDeformation",
    "average_precision",
    "border_weight_map",
    "create_network",
    "load_config",
    "match",
    "network_names",
    "panoptic_quality",
    "predict_tiled",
}


def test_the_top_of_the_package_offers_the_public_names():
    assert set(septum.__all__) == NAMES
    for name in NAMES:
        assert getattr(septum, name).__name__ == name


def test_importing_the_package_loads_nothing_but_lazy_loader():
    code = "import sys, septum; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "septum" in loaded
    heavy = {"numpy", "scipy", "skimage", "torch", "monai", "numba", "pydantic", "yaml", "zarr"}
    assert not heavy & set(loaded)


def test_the_table_of_public_names_widens_no_digest():
    assert reachable("septum") == {"septum"}


def test_every_public_name_has_an_example():
    without = {name for name in NAMES if ">>> " not in (getattr(septum, name).__doc__ or "")}
    assert without == set()


def test_the_page_of_public_names_is_up_to_date():
    page = runpy.run_path(str(ROOT / "docs" / "make_api.py"))["page"]()
    assert (ROOT / "docs" / "api.md").read_text(encoding="utf-8") == page, "run `make docs`"
