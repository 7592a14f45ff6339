"""`health`: whether the daemon takes deliveries, for what watches a container."""

import sys
from typing import Final

import click

from bridge.cli import show
from bridge.cli.daemon import ask
from bridge.cli.setup import outline
from bridge.cli.speech import tell

_OK: Final = 200


@click.command()
@click.pass_obj
def health(config: str | None) -> None:
    """Ask the daemon of this configuration for its health, as `/healthz` shows it.

    Exits 1 when it takes no delivery. A builder or channel that is down is not its fault: see `status`.
    """
    status, answer = ask(outline(config), "GET", "/healthz")
    said = tell(answer["status"])
    if answer["down"]:
        said = tell("{status} ({parts} down)", status=said, parts=", ".join(answer["down"]))
    click.echo(show.plain(said))
    sys.exit(0 if status == _OK else 1)
