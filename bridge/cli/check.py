"""`check`: validates the configuration and the rules."""

import sys

import click

from bridge.cli.advice import advice
from bridge.cli.setup import readable_configuration, rules_of
from bridge.errors import ConfigError, Fault


@click.command()
@click.pass_obj
def check(config: str | None) -> None:
    """Check the configuration and the rules.

    Prints every fault with its position and what to do. Exits 1 if there are any. A secret that only the
    service can read, such as a credential of systemd, is a warning, and the rest is checked.
    """
    faults: list[Fault] = []
    warnings: list[Fault] = []
    try:
        loaded, unread = readable_configuration(config)
        rules = rules_of(loaded, warn=warnings.append)
    except ConfigError as error:
        faults += error.faults
    else:
        for fault in (*unread, *loaded.warnings, *warnings, *rules.warnings, *advice(loaded, rules)):
            click.echo(
                f"{fault.place}: warning: {fault.path}: {fault.problem}"
                if fault.path
                else f"warning: {fault}"
            )
        count = len(rules.repositories)
        valid = f"{loaded.file}: valid, with {count} build {'repository' if count == 1 else 'repositories'}"
        if unread:
            what = "a secret" if len(unread) == 1 else f"{len(unread)} secrets"
            valid += (
                f", but for {what} that cannot be read here: `buildbridge reload` has the daemon check all"
            )
        click.echo(valid)
    for fault in faults:
        click.echo(str(fault))
    if faults:
        click.echo(f"{len(faults)} {'fault' if len(faults) == 1 else 'faults'}", err=True)
        sys.exit(1)
