"""`demo`: from a push to a build to a notice, on this machine."""

import sys
from functools import partial

import click

from bridge.cli.setup import run
from bridge.cli.speech import reader
from bridge.demo.run import run as run_demo


@click.command()
@click.option(
    "--once", is_flag=True, help="End without Ctrl-C; exit 0 only if everything happened as expected."
)
def demo(*, once: bool) -> None:
    """Show the bridge at work, with nothing to set up.

    With real pushes, real builds, and a chat robot on the loopback interface.
    """
    sys.exit(0 if run(partial(run_demo, once=once, language=reader().language)) else 1)
