"""`schedules`: what the rules build at fixed times."""

import click

from bridge.cli import parts, show
from bridge.cli.rows import print_rows
from bridge.cli.setup import outline, rules_of
from bridge.runtime.clock import system_clock


@click.group()
def schedules() -> None:
    """What the rules build at fixed times."""


@schedules.command("list")
@show.json_option
@click.pass_obj
def list_schedules(config: str | None, *, as_json: bool) -> None:
    """List the schedules and when each is due next."""
    found = parts.schedule_documents(rules_of(outline(config)), system_clock())
    print_rows(found, parts.SCHEDULE_COLUMNS, as_json=as_json)
