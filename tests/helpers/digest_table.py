"""Which modules the code digest of each rule covers.

    python tests/helpers/digest_table.py > tests/io/digest_table.json

writes the table anew, after a look at what came and what went: an edit of a module that is listed
runs the rule again on every lab's data.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from septum.config import registry
from septum.io.code_digest import PACKAGE, reachable
from septum.stages.train.job import VALUES_CODE, WEIGHTS_CODE

PIPELINE = Path(__file__).resolve().parents[2] / "pipeline"
NETWORKS = ("unet", "mask_rcnn")
READERS = ("nifti", "tiff", "raster")
WRITERS = ("table",)
BASELINE = "watershed"


def digest_table() -> dict[str, list[str]]:
    """Return the modules by rule; of rules that look something up, with what the names say.

    Empty package files are left out.
    """
    table = {}
    for file in sorted(PIPELINE.glob("*.smk")):
        for rule, kind, text in rules_with_code(file.read_text()):
            stages = re.findall(r'"(septum\.[\w.]+)"', text)
            decodes = "decodes=False" not in text
            for name, addresses in _looked_up(kind, decodes).items():
                table[f"{rule}{name}"] = _modules(*stages, *addresses)
    for network in NETWORKS:
        addresses = _network(network, decodes=False)
        modules = _modules(WEIGHTS_CODE, *addresses, without=VALUES_CODE)
        table[f"fingerprint of weights ({network})"] = modules
    return dict(sorted(table.items()))


def rules_with_code(text: str) -> list[tuple[str, str, str]]:
    """Return the rules of a Snakefile: name, and function and arguments of its ``code=``."""
    rules = []
    for block in re.split(r"^rule ", text, flags=re.M)[1:]:
        name = block.partition(":")[0]
        found = re.findall(r"\bcode=code\.(\w+)\((.*?)\)", block, flags=re.S)
        assert len(found) == 1, f"the rule {name} has {len(found)} digests of code"
        rules.append((name, *found[0]))
    return rules


def _looked_up(kind: str, decodes: bool) -> dict[str, list[str]]:
    if kind == "with_network":
        return {f" ({name})": _network(name, decodes=decodes) for name in NETWORKS}
    if kind == "with_readers":
        return {f" ({', '.join(READERS)})": [registry.READERS[n].address for n in READERS]}
    if kind == "with_writers":
        return {f" ({', '.join(WRITERS)})": [registry.WRITERS[n].address for n in WRITERS]}
    if kind == "with_baseline":
        return {f" ({BASELINE})": [registry.BASELINES[BASELINE].address]}
    assert kind == "of", kind
    return {"": []}


def _network(name: str, *, decodes: bool) -> list[str]:
    network = registry.NETWORKS[name]
    head = registry.HEADS[network.head or "semantic"]
    methods = head.methods if decodes else ()
    return [network.address, head.address, *(registry.METHODS[m].address for m in methods)]


def _modules(*addresses: str, without: tuple[str, ...] = ()) -> list[str]:
    names = [address.partition(":")[0] for address in addresses]
    found = reachable(*names, without=without)
    is_file = {
        m: PACKAGE.parent.joinpath(*m.split(".")).with_suffix(".py").is_file() for m in found
    }
    return sorted(module for module in found if is_file[module])


if __name__ == "__main__":
    print(json.dumps(digest_table(), indent=1))
