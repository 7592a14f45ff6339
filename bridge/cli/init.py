"""`init`: from nothing to a configuration that works, and what to paste into which Git host."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from bridge.cli.guides import EXAMPLE_URL
from bridge.cli.init_report import report
from bridge.cli.language import language_of, language_option
from bridge.cli.new_files import write_new
from bridge.cli.questions import BUILDER, CHANNEL, FORMER, HOST, address, asked, kinds_of_today
from bridge.cli.scaffold import Wanted, scaffold
from bridge.cli.service_layout import as_service
from bridge.model.language import Language
from bridge.registry import BUILDERS, CHANNELS, FORGES
from bridge.runtime.clock import system_clock


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
@click.option("--service", is_flag=True, help="Write to where the systemd unit looks.")
@click.option(
    "--root",
    type=click.Path(file_okay=False, path_type=Path),
    help="With --service: the root of the machine, or of its image (default: /).",
)
@language_option
@click.pass_obj
def init(
    config: str | None,
    /,
    folder: Path | None,
    language: str | None,
    service: bool,
    root: Path | None,
    **given: Any,
) -> None:
    """Write a first configuration and say what to paste where.

    Puts a configuration, a rule, secrets and sample pushes into FOLDER (default: here). Asks questions on a
    terminal when no option is given. Never overwrites a file.
    """
    if service and folder is not None:
        raise click.UsageError("--service has places of its own: leave FOLDER out, or give --root")
    if root is not None and not service:
        raise click.UsageError("--root goes with --service")
    folder = (root or Path("/")) if service else (folder or Path())
    interactive = sys.stdin.isatty() and sys.stdout.isatty()
    spoken = language_of(language, config)
    asking = interactive and not any(given.values())
    wanted = asked(spoken) if asking else _assumed(given, spoken)
    now = int(system_clock())
    try:
        made = scaffold(wanted, now)
    except FileNotFoundError as error:
        raise click.ClickException(str(error)) from None
    if service:
        made = as_service(made)
    write_new(folder, made.files)
    report(folder, made, wanted, now)


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
