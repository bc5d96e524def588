"""Septum: biomedical image segmentation from a folder of images to a per-case report.

The public names (``__init__.pyi``, docs/api.md) are loaded when they are first used, so that
``import septum`` costs next to nothing. Keep this file small: it counts in the code digest of
every stage.
"""

import os
import sys

import lazy_loader

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


class _MovedModules:
    """Names the successors of modules that have moved; asked after all other finders.

    ``moved_modules.txt`` holds an old name and its successors a line.
    """

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        package, _, module = name.partition(".")
        if package != __name__ or not module:
            return
        with open(os.path.join(os.path.dirname(__file__), "moved_modules.txt")) as file:
            successors = dict(line.rstrip("\n").split(": ") for line in file)
        for old in (module, module.rpartition(".")[0]):
            if old in successors:
                new = ", ".join(f"{package}.{new}" for new in successors[old].split())
                # Without `name=`, or `from septum import weightmap` would swallow the message.
                raise ModuleNotFoundError(
                    f"No module named {name!r}: what was in {package}.{old} is now in {new}"
                )


sys.meta_path.append(_MovedModules)
