"""The functions and values that the rules of ``pipeline/`` use.

They are created when the Snakefile is parsed, which each cluster job does again.
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
    """The inputs, settings, code digests and resources of a study's rules.

    Parameters
    ----------
    raw : mapping
        The configuration as Snakemake merged it.
    files : sequence of str
        The configuration files that were merged.
    context : Context
        Facts about the running Snakemake.

    Attributes
    ----------
    paths : septum.workflow.paths.Paths
        The files below ``results``.
    inputs : Inputs
        Input functions.
    settings : Params
        Settings, one function for each rule.
    code : Code
        Digests of code.
    resources : Resources
        Memory, threads and GPUs.
    messages : list of str
        Messages to the user before anything is run.

    Raises
    ------
    SeptumError
        With all problems of the configuration, or of the files that it names.
    """

    def __init__(self, raw: Mapping[str, Any], files: Sequence[str], context: Context) -> None:
        if context.is_main_process:
            # of a key that occurs twice, Snakemake silently keeps the last value
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
        """Write the files that are passed to stages, if their content changed.

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
    r"""Return a wildcard constraint that matches the names only (nothing if there are none).

    Examples
    --------
    >>> one_of(["unet", "a.b"])
    'unet|a\\.b'
    """
    return "|".join(map(re.escape, names)) or "(?!)"
