"""``septum check``: validate the configuration and audit the data; nothing is run."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from septum.config.arguments import add_configs


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the configuration and the folder of its data."""
    add_configs(parser, "configuration files")
    parser.add_argument("--data-root", help="overrides data_root of the configuration")


def run(arguments: Namespace) -> None:
    """Check configuration and data."""
    from septum.commands.check.configuration import check
    from septum.config.load import load_config

    overrides = {} if arguments.data_root is None else {"data_root": arguments.data_root}
    check(load_config(*arguments.config, overrides=overrides))
