"""All that the rules of ``pipeline/`` ask, put together when the Snakefile is parsed.

Parsed again by each cluster job: this package imports the standard library, pydantic and PyYAML
only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from septum.config.load import repeated_keys
from septum.errors import SeptumError
from septum.workflow.batch_list import batch_list_text
from septum.workflow.handed_file import write_if_changed
from septum.workflow.inputs import Inputs
from septum.workflow.params import Params
from septum.workflow.resources import Context, Resources
from septum.workflow.stage_code import Code
from septum.workflow.study import Study


class Rules:
    """What the rules of a study are made of.

    Parameters
    ----------
    raw : mapping
        The configuration as Snakemake merged it.
    files : sequence of str
        The files that it comes from.
    context : Context
        What the rules ask of Snakemake.

    Attributes
    ----------
    paths : septum.workflow.paths.Paths
        The files below ``results``.
    inputs : Inputs
        Input functions.
    settings : Params
        Settings, one function a rule.
    code : Code
        Digests of code.
    resources : Resources
        Memory, threads and GPUs.
    messages : list of str
        What to tell the user before anything is run.

    Raises
    ------
    SeptumError
        With every problem of the configuration, or of the files that it names.
    """

    def __init__(self, raw: Mapping[str, Any], files: Sequence[str], context: Context) -> None:
        if context.is_main_process:
            # Snakemake has read the files already, and kept the last of two keys of one name
            repeated = [problem for file in files for problem in repeated_keys(Path(file))]
            if repeated:
                raise SeptumError(repeated)
        self.study = study = Study.validated(raw)
        self.paths = study.paths
        self.inputs = Inputs(study)
        self.settings = Params(study)
        self.code = Code(study)
        self.resources = Resources(study, context)
        self.messages: list[str] = []
        if context.is_main_process:
            self.messages = [f"left out: {p.what} ({p.where})" for p in study.left_out()]
            missing = study.missing_checkpoints()
            if missing:
                raise SeptumError(missing)

    def write_handed_files(self) -> None:
        """Write what is handed to stages in files, where it changed.

        Raises
        ------
        SeptumError
            If the folder of results cannot be written.
        """
        for dataset, batches in self.study.batches.items():
            for batch, cases in batches.items():
                write_if_changed(self.paths.batch_list(dataset, batch), batch_list_text(cases))
        write_if_changed(self.paths.report_contents(), self.settings.report_contents)


def one_of(names: Iterable[str]) -> str:
    r"""Return a wildcard constraint that fits these names only (no text, if there is none).

    Examples
    --------
    >>> one_of(["unet", "a.b"])
    'unet|a\\.b'
    """
    return "|".join(map(re.escape, names)) or "(?!)"
