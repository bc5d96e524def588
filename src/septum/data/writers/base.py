"""Base class of the writers of objects, the formats beside the label maps (``export.formats``).

To add one, write its module beside this one and add its record to
`septum.config.registry.WRITERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from septum.config.schema import ClassSpec
from septum.data.store import Prediction


class ObjectWriter:
    """A format in which the objects of cases are delivered, one case after the other.

    Parameters
    ----------
    classes : mapping of int to ClassSpec
        The foreground classes by their id.
    """

    def __init__(self, classes: Mapping[int, ClassSpec]) -> None:
        self.classes = classes

    def add(
        self,
        folder: Path,
        stem: str,
        prediction: Prediction,
        read_image: Callable[[], np.ndarray],
    ) -> None:
        """Write the files of a case, or keep what belongs into a file for all cases.

        Parameters
        ----------
        folder : Path
        stem : str
            How the names of the case's files start.
        prediction : Prediction
        read_image : callable
            Returns the raw intensities (C, *spatial) of the case.
        """
        raise NotImplementedError

    def finish(self, folder: Path) -> None:
        """Write what holds all cases; nothing where each case has its own files."""
