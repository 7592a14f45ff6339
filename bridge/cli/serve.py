"""`serve`: the daemon."""

import sys
import warnings

import click

from bridge import app
from bridge.cli.setup import configuration, rules_of, run


@click.command()
@click.pass_obj
def serve(config: str | None) -> None:
    """Run the daemon until it is told to stop."""
    _do_without("charset_normalizer")
    loaded = configuration(config)
    rules = rules_of(loaded)
    for fault in (*loaded.warnings, *rules.warnings):
        click.echo(f"warning: {fault}", err=True)
    run(lambda: app.serve(loaded, rules, lambda: rules_of(loaded)))


def _do_without(guesser: str) -> None:
    """Keep requests from importing what guesses the encoding of texts: 2.5 MiB, and we read bytes."""
    sys.modules.setdefault(guesser, None)  # type: ignore[arg-type]  # what the import system takes for "not there"
    warnings.filterwarnings("ignore", "Unable to find acceptable character detection dependency")
