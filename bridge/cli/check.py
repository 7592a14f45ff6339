"""`check`: validates the configuration and the rules."""

import sys

import click

from bridge.cli.advice import advice
from bridge.cli.setup import configuration, rules_of
from bridge.errors import ConfigError, Fault


@click.command()
@click.pass_obj
def check(config: str | None) -> None:
    """Check the configuration and the rules.

    Prints every fault with its position and what to do. Exits 1 if there are any.
    """
    faults: list[Fault] = []
    warnings: list[Fault] = []
    try:
        loaded = configuration(config)
        rules = rules_of(loaded, warn=warnings.append)
    except ConfigError as error:
        faults += error.faults
    else:
        for fault in (*loaded.warnings, *warnings, *rules.warnings, *advice(loaded, rules)):
            click.echo(
                f"{fault.place}: warning: {fault.path}: {fault.problem}"
                if fault.path
                else f"warning: {fault}"
            )
        count = len(rules.repositories)
        click.echo(
            f"{loaded.file}: valid, with {count} build {'repository' if count == 1 else 'repositories'}"
        )
    for fault in faults:
        click.echo(str(fault))
    if faults:
        click.echo(f"{len(faults)} {'fault' if len(faults) == 1 else 'faults'}", err=True)
        sys.exit(1)
