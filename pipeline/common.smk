# What the rules ask (paths, inputs, settings, resources), from the package `septum.workflow`.

import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

SOURCE = Path(workflow.basedir) / "src"
sys.path.insert(0, str(SOURCE))

from septum.errors import SeptumError
from septum.workflow.resources import Context
from septum.workflow.rules import Rules, one_of

# Jobs run with the interpreter that runs Snakemake and with this checkout's code.
os.environ.update(
    PATH=os.pathsep.join([str(Path(sys.executable).parent), os.getenv("PATH", "")]),
    PYTHONPATH=os.pathsep.join([str(SOURCE), os.getenv("PYTHONPATH", "")]).rstrip(
        os.pathsep
    ),
)

ENVIRONMENT = workflow.source_path("../environment.yml")

try:
    asked = Rules(config, workflow.configfiles, Context(workflow))
except SeptumError as error:
    raise WorkflowError(f"the configuration cannot be run\n{error}") from None

for message in asked.messages:
    logger.info(message)

study, paths, inputs = asked.study, asked.paths, asked.inputs
settings, code, resources = asked.settings, asked.code, asked.resources
