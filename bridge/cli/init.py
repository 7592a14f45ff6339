"""`init`: from nothing to a configuration that works, and what to paste into which Git host."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from bridge.cli.addition import PARTS, Order, Part, add
from bridge.cli.guides import EXAMPLE_URL
from bridge.cli.init_report import report, report_addition
from bridge.cli.new_files import write_new
from bridge.cli.questions import BUILDER, CHANNEL, FORMER, HOST, address, asked, kinds_of_today
from bridge.cli.scaffold import Wanted, scaffold
from bridge.cli.service_layout import as_service
from bridge.cli.speech import reader
from bridge.config.loader import find_config
from bridge.model.language import Language
from bridge.registry import BUILDERS, CHANNELS, FORGES
from bridge.runtime.clock import system_clock

_PLACES: Final = frozenset({"service", "root"})
"""Options that do not say what is wanted."""


def _kinds(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    return kinds_of_today(given)


def _public_url(_context: click.Context, _option: click.Parameter, given: str | None) -> str | None:
    return None if given is None else address(given)


@click.command()
@click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--host",
    "hosts",
    multiple=True,
    metavar="KIND",
    type=click.Choice([*FORGES, *FORMER], case_sensitive=False),
    callback=_kinds,
    help=f"A Git host that will call; several may be given (default: {HOST}). One of {', '.join(FORGES)}.",
)
@click.option(
    "--builder",
    metavar="KIND",
    type=click.Choice(list(BUILDERS), case_sensitive=False),
    help=f"The builder (default: {BUILDER}). One of {', '.join(BUILDERS)}.",
)
@click.option(
    "--channel",
    metavar="KIND",
    type=click.Choice(list(CHANNELS), case_sensitive=False),
    help=f"The channel for notices (default: {CHANNEL}). One of {', '.join(CHANNELS)}.",
)
@click.option("--public-url", callback=_public_url, help="How Git hosts will reach the bridge.")
@click.option("--repository", metavar="NAMESPACE/NAME", help="What to build, as its host calls it.")
@click.option(
    "--add",
    type=click.Choice(PARTS),
    help="Add a source (of --host), builder, channel, or rule (for --repository) to what is in FOLDER.",
)
@click.option("--name", help="With --add: what the source, builder or channel is called.")
@click.option("--service", is_flag=True, help="Write to where the systemd unit looks.")
@click.option(
    "--root",
    type=click.Path(file_okay=False, path_type=Path),
    help="With --service: the root of the machine, or of its image (default: /).",
)
@click.pass_obj
def init(config: str | None, /, folder: Path | None, **given: Any) -> None:
    """Write a first configuration and say what to paste where.

    Puts a configuration, a rule, secrets and sample pushes into FOLDER (default: here). Asks questions on a
    terminal when no option is given. Never overwrites a file. With --add it extends a configuration, whose
    comments and layout stay as they are.
    """
    _check_options(folder, given)
    spoken = reader().language
    if given["add"]:
        file = folder / "bridge.yaml" if folder else find_config(config, os.environ)
        report_addition(file, add(file, _order(given, spoken)))
        return
    interactive = sys.stdin.isatty() and sys.stdout.isatty()
    asking = interactive and not any(value for option, value in given.items() if option not in _PLACES)
    wanted = asked(spoken) if asking else _assumed(given, spoken)
    now = int(system_clock())
    try:
        made = scaffold(wanted, now)
    except FileNotFoundError as error:
        raise click.ClickException(str(error)) from None
    if given["service"]:
        made, folder = as_service(made), given["root"] or Path("/")
    write_new(folder or Path(), made.files)
    report(folder or Path(), made, wanted, now)


def _check_options(folder: Path | None, given: Mapping[str, Any]) -> None:
    """Raises UsageError for options that do not go together."""
    if given["service"] and folder is not None:
        raise click.UsageError("--service has places of its own: leave FOLDER out, or give --root")
    if given["root"] is not None and not given["service"]:
        raise click.UsageError("--root goes with --service")
    if given["add"] and given["service"]:
        raise click.UsageError("--add finds by itself where secrets are: leave --service out")
    if given["name"] and not given["add"]:
        raise click.UsageError("--name goes with --add")
    if given["add"] and len(given["hosts"]) > 1:
        raise click.UsageError("--add takes one --host at a time")


def _order(given: Mapping[str, Any], language: Language) -> Order:
    part: Part = given["add"]
    kind = next(iter(given["hosts"]), None) if part in {"source", "rule"} else given[part]
    return Order(
        part=part,
        kind=kind,
        name=given["name"],
        repository=given["repository"],
        public_url=given["public_url"] or "",
        language=language,
    )


def _assumed(given: Mapping[str, Any], language: Language) -> Wanted:
    hosts = given["hosts"] or (HOST,)
    return Wanted(
        hosts=hosts,
        builder=given["builder"] or BUILDER,
        channel=given["channel"] or CHANNEL,
        public_url=given["public_url"] or EXAMPLE_URL,
        repositories=dict.fromkeys(hosts, given["repository"]) if given["repository"] else {},
        language=language,
    )
