"""`demo`: the whole line at work."""

import sys

import click

from bridge.cli.setup import run
from bridge.demo.story import tell


@click.command()
@click.option("--once", is_flag=True, help="End by itself; exit 0 only if everything happened.")
def demo(*, once: bool) -> None:
    """Show it all at work, with nothing to set up.

    Real pushes, real builds, and a chat robot on loopback.
    """
    sys.exit(0 if run(lambda: tell(once=once)) else 1)
