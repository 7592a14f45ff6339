"""`check`: validates the configuration and the rules."""

import sys
from pathlib import Path

import click

from bridge.cli.advice import advice
from bridge.cli.setup import readable_configuration, rules_of
from bridge.cli.speech import fault_line, tell, warning_line
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
            click.echo(warning_line(fault))
        click.echo(_valid(loaded.file, len(rules.repositories), len(unread)))
    for fault in faults:
        click.echo(fault_line(fault))
    if faults:
        count = len(faults)
        click.echo(tell("1 fault") if count == 1 else tell("{count} faults", count=count), err=True)
        sys.exit(1)


def _valid(file: Path, rules: int, unread: int) -> str:
    if rules == 1:
        valid = tell("{file}: valid, with 1 build repository", file=file)
    else:
        valid = tell("{file}: valid, with {count} build repositories", file=file, count=rules)
    match unread:
        case 0:
            return valid
        case 1:
            but = tell(
                ", but for a secret that cannot be read here: `buildbridge reload` has the daemon check all"
            )
        case _:
            but = tell(
                ", but for {count} secrets that cannot be read here: `buildbridge reload` has the daemon "
                "check all",
                count=unread,
            )
    return valid + but
