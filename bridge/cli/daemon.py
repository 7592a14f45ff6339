"""`serve`, `check` and `demo`."""

import sys

import click

from bridge import app
from bridge.cli.advice import advice
from bridge.cli.setup import configuration, rules_of, run
from bridge.errors import ConfigError, Fault


@click.command()
@click.pass_obj
def serve(config: str | None) -> None:
    """Run the daemon until it is told to stop."""
    loaded = configuration(config)
    rules = rules_of(loaded)
    for fault in (*loaded.warnings, *rules.warnings):
        click.echo(f"warning: {fault}", err=True)
    run(lambda: app.serve(loaded, rules, lambda: rules_of(loaded)))


@click.command()
@click.pass_obj
def check(config: str | None) -> None:
    """Say every fault of the configuration and the rules, with its place; exit 1 if there are any."""
    faults: list[Fault] = []
    try:
        loaded = configuration(config)
        rules = rules_of(loaded)
    except ConfigError as error:
        faults += error.faults
    else:
        for fault in (*loaded.warnings, *rules.warnings, *advice(loaded, rules)):
            click.echo(
                f"{fault.place}: warning: {fault.path}: {fault.problem}"
                if fault.path
                else f"warning: {fault}"
            )
        click.echo(f"{loaded.file}: good, with {len(rules.repositories)} build repositories")
    for fault in faults:
        click.echo(str(fault))
    if faults:
        click.echo(f"{len(faults)} {'fault' if len(faults) == 1 else 'faults'}", err=True)
        sys.exit(1)


@click.command()
@click.option("--once", is_flag=True, help="End by itself; exit 0 only if everything happened.")
def demo(*, once: bool) -> None:
    """Show the whole line at work: real pushes, real builds, real notices, nothing to set up."""
    from bridge.demo.story import tell  # noqa: PLC0415  # the demo is no part of the daemon's memory

    sys.exit(0 if run(lambda: tell(once=once)) else 1)
