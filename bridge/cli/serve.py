"""`serve`: the daemon."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, get_args

import click

from bridge import app
from bridge.cli import fail, leaves
from bridge.cli.setup import run
from bridge.config.loader import find_config
from bridge.errors import ConfigError, StoreTooNew
from bridge.registry import KINDS
from bridge.rules.disk import Disk
from bridge.rules.match import RuleSet
from bridge.runtime import memory

_CATALOG: Final = "sqlalchemy.dialects.postgresql.pg_catalog"
"""What only migrations need, which look at the tables that there are; they have processes of their own."""


@click.command()
@click.option(
    "--only",
    type=click.Choice(get_args(app.Only)),
    help="Of several nodes on one database this one only takes deliveries and shows pages, or only works.",
)
@click.pass_obj
def serve(config: str | None, *, only: app.Only | None) -> None:
    """Run the daemon until SIGTERM or SIGINT.

    Exits 78 when it cannot start until the configuration, a secret, a rule or the release is another one.
    """
    memory.share_arena()
    with _without_detector(), memory.emptied(_CATALOG), _final_until_changed():
        disk = Disk(find_config(config, os.environ), KINDS, os.environ)
        loaded = disk.load()

        def report(rules: RuleSet) -> None:
            for fault in (*loaded.config.warnings, *rules.warnings):
                # As its log: the daemon keeps what it has imported, the Chinese texts of all kinds among it.
                click.echo(f"warning: {fault}", err=True)

        run(lambda: app.serve(disk, loaded, report, only=only))


@contextmanager
def _final_until_changed() -> Iterator[None]:
    """Exit 78 (EX_CONFIG of sysexits.h) where only a person can help, so that systemd does not try again."""
    try:
        yield
    except (ConfigError, StoreTooNew, BaseExceptionGroup) as error:
        errors = leaves(error)
        if not all(isinstance(one, ConfigError | StoreTooNew) for one in errors):
            raise
        fail(*errors, status=os.EX_CONFIG)


@contextmanager
def _without_detector() -> Iterator[None]:
    """Keep requests from importing its detector of text encodings (2.5 MiB): we only read bytes."""
    with memory.without("charset_normalizer"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Unable to find acceptable character detection dependency")
        yield
