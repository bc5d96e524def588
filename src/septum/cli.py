"""The command line: the list of commands, and the code that all of them share.

A command is a module with two functions: ``add_arguments(parser)`` declares its arguments, and
``run(arguments)`` runs it. The module is imported when its command is chosen, and imports the
code that does the work when it is run, so that help and errors in arguments are shown at once.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NamedTuple

from septum import __version__
from septum.errors import SeptumError, nearest


class Command(NamedTuple):
    """The address of a command's module, and one line of help."""

    module: str
    help: str

    def parser(self, name: str) -> argparse.ArgumentParser:
        """Return the parser of the command's arguments."""
        parser = argparse.ArgumentParser(prog=f"septum {name}", description=self.help)
        parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
        import_module(self.module).add_arguments(parser)
        return parser


COMMANDS_FOR_PEOPLE = {
    "check": Command("septum.commands.check.command", "look for mistakes in settings and data"),
    "predict": Command("septum.commands.predict", "segment new images by trained models"),
    "leaderboard": Command("septum.commands.leaderboard", "show how the experiments rank"),
    "fetch": Command("septum.commands.fetch", "download a public dataset"),
    "demo": Command("septum.commands.demo", "draw a simulated dataset"),
}
COMMANDS_OF_RULES = {
    "prepare": Command("septum.stages.prepare.command", "read cases and store them as OME-Zarr"),
    "plan": Command("septum.stages.plan.command", "split the cases and derive settings from them"),
    "augment": Command("septum.stages.augment.command", "make elastic copies of cases"),
    "weights": Command("septum.stages.weights.command", "compute border weight maps"),
    "train": Command("septum.stages.train.command", "train a network on a fold, or go on with it"),
    "tune": Command("septum.stages.tune.command", "tune the decoder of a trained network"),
    "fit": Command("septum.stages.tune.fit_command", "tune a classical baseline on a fold"),
    "predict-cases": Command("septum.stages.predict.command", "segment cases by networks"),
    "predict-cases-classical": Command(
        "septum.stages.predict.classical_command", "segment cases by a classical baseline"
    ),
    "tune-merge": Command("septum.stages.merge.tune_command", "tune a panoptic merge on a fold"),
    "merge": Command("septum.stages.merge.command", "merge objects and classes of pixels"),
    "export": Command("septum.stages.export.command", "deliver predictions in the images' format"),
    "evaluate": Command("septum.stages.evaluate.command", "score predictions case by case"),
    "rank": Command("septum.stages.leaderboard.command", "rank the experiments of a dataset"),
    "report": Command("septum.stages.report.command", "write the self-contained HTML report"),
}
COMMANDS = COMMANDS_FOR_PEOPLE | COMMANDS_OF_RULES
COMMANDS_BY_HEADING = {
    "commands that people type": COMMANDS_FOR_PEOPLE,
    "commands that the workflow's rules run, in the order of the data": COMMANDS_OF_RULES,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments, by default those of the process.

    Returns
    -------
    int
        0 on success, 1 after an error that the user can correct (shown without a traceback),
        130 after Ctrl-C, 141 if the reader of a pipe has closed it.

    Raises
    ------
    SystemExit
        With 2 if the arguments are invalid, with 0 after help.
    """
    name, argv_of_command = choose(argv)
    command = COMMANDS[name]
    arguments = command.parser(name).parse_args(argv_of_command)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    limit_threads(getattr(arguments, "threads", None))
    try:
        import_module(command.module).run(arguments)
        sys.stdout.flush()
    except SeptumError as error:
        if arguments.debug:
            raise
        count = len(error.problems)
        print(f"septum: {count} problem{'s' * (count > 1)}", file=sys.stderr)
        for problem in error.problems:
            print(f"  {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("septum: stopped; the same command goes on from here", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader has closed the pipe (`septum leaderboard | head`). Text that is still
        # buffered would raise again when the interpreter exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return 0


def choose(argv: Sequence[str] | None) -> tuple[str, list[str]]:
    """Return the name of the chosen command, and the arguments that follow it."""
    parser = argparse.ArgumentParser(
        prog="septum",
        usage="septum [-h] [--version] [--print-completion SHELL] COMMAND ...",
        description="Biomedical image segmentation, stage by stage. `snakemake --cores 8` runs "
        f"all of them;\neach command works by hand too.\n\n{list_commands()}\n\n"
        "`septum COMMAND --help` says what a command takes.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"septum {__version__}")
    parser.add_argument(
        "--print-completion",
        action=PrintCompletion,
        metavar="SHELL",
        help="print what makes bash, zsh or tcsh complete commands and options",
    )
    parser.add_argument("name", nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("rest", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.name is None:
        parser.error("the following arguments are required: COMMAND")
    if arguments.name not in COMMANDS:
        parser.error(f"there is no command {arguments.name!r}; {nearest(arguments.name, COMMANDS)}")
    return arguments.name, arguments.rest


class PrintCompletion(argparse.Action):
    """Print the script by which a shell completes commands, and exit."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Print the script."""
        from septum.commands.completion import SHELLS, completion_script

        if values not in SHELLS:
            parser.error(f"there is no shell {values!r}; {nearest(values, SHELLS)}")
        commands = {name: command.parser(name) for name, command in COMMANDS.items()}
        print(completion_script(commands, values))
        parser.exit()


def list_commands() -> str:
    """Return the commands under their headings, a line each."""
    width = max(map(len, COMMANDS))
    blocks = []
    for heading, commands in COMMANDS_BY_HEADING.items():
        lines = [f"  {name:<{width}}  {command.help}" for name, command in commands.items()]
        blocks.append("\n".join([f"{heading}:", *lines]))
    return "\n\n".join(blocks)


def limit_threads(threads: int | None) -> None:
    """Limit the thread pools, which read their environment when they are first imported."""
    # Threads that spin while they wait take the cores from other programs: two trainings at a
    # time then run many times slower. Threads that sleep at once wake up late, which costs a
    # fifth of the speed. Therefore they spin briefly and then sleep.
    os.environ.setdefault("GOMP_SPINCOUNT", "3000")
    if threads:
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ.setdefault(name, str(threads))
        os.environ.setdefault("NUMBA_NUM_THREADS", str(min(threads, os.cpu_count() or 1)))
