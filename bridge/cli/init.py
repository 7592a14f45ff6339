"""`init`: from nothing to a configuration that works, and what to paste into which Git host."""

import os
import shlex
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click
import yaml
from pydantic import ValidationError

from bridge.cli.chinese import say
from bridge.cli.guides import EXAMPLE_URL, guide, preparation
from bridge.cli.language import language_of, language_option
from bridge.cli.scaffold import File, Scaffold, Wanted, scaffold
from bridge.config.forges import former_kinds
from bridge.config.settings import ServerSettings
from bridge.model.language import Language
from bridge.registry import BUILDERS, CHANNELS, FORGES, KINDS
from bridge.runtime.clock import system_clock

_FORMER: Final = former_kinds(KINDS.forges)
_HOST: Final = "GitHub"
_BUILDER: Final = "local"
_CHANNEL: Final = "MESSAGE"


def _kind(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_FORMER.get(kind, kind) for kind in given))


def _address(text: str) -> str:
    try:
        return ServerSettings.model_validate({"public_url": text}).public_url or text
    except ValidationError as error:
        raise click.BadParameter(error.errors()[0]["msg"]) from None


def _public_url(_context: click.Context, _option: click.Parameter, given: str | None) -> str | None:
    return None if given is None else _address(given)


@click.command()
@click.argument("folder", default=".", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--host",
    "hosts",
    multiple=True,
    metavar="KIND",
    type=click.Choice([*FORGES, *_FORMER], case_sensitive=False),
    callback=_kind,
    help=f"A Git host that will call; several may be given (default: {_HOST}). One of {', '.join(FORGES)}.",
)
@click.option(
    "--builder",
    metavar="KIND",
    type=click.Choice(list(BUILDERS), case_sensitive=False),
    help=f"The builder (default: {_BUILDER}). One of {', '.join(BUILDERS)}.",
)
@click.option(
    "--channel",
    metavar="KIND",
    type=click.Choice(list(CHANNELS), case_sensitive=False),
    help=f"The channel for notices (default: {_CHANNEL}). One of {', '.join(CHANNELS)}.",
)
@click.option("--public-url", callback=_public_url, help="How Git hosts will reach the bridge.")
@click.option("--repository", metavar="NAMESPACE/NAME", help="What to build, as its host calls it.")
@language_option
@click.pass_obj
def init(config: str | None, /, folder: Path, language: str | None, **given: Any) -> None:
    """Write a first configuration and say what to paste where.

    Puts a configuration, a rule, secrets and sample pushes into FOLDER. Asks questions on a terminal when no
    option is given. Never overwrites a file.
    """
    interactive = sys.stdin.isatty() and sys.stdout.isatty()
    spoken = language_of(language, config)
    asking = interactive and not any(given.values())
    wanted = _asked(spoken) if asking else _assumed(given, spoken)
    now = int(system_clock())
    try:
        made = scaffold(wanted, now)
    except FileNotFoundError as error:
        raise click.ClickException(str(error)) from None
    _write(folder, made.files)
    _tell(folder, made, wanted, now)


def _assumed(given: Mapping[str, Any], language: Language) -> Wanted:
    return Wanted(
        hosts=given["hosts"] or (_HOST,),
        builder=given["builder"] or _BUILDER,
        channel=given["channel"] or _CHANNEL,
        public_url=given["public_url"] or EXAMPLE_URL,
        repository=given["repository"],
        language=language,
    )


def _asked(language: Language) -> Wanted:
    def choice(question: str, kinds: Mapping[str, object], default: str) -> str:
        kind = click.Choice(list(kinds), case_sensitive=False)
        return str(click.prompt(say(language, question), default, type=kind))

    host = choice("Which Git host will call", FORGES, _HOST)
    code = guide(host).code
    return Wanted(
        hosts=(host,),
        repository=click.prompt(say(language, "Which repository is built"), code.clone_url or code.full_name),
        public_url=click.prompt(
            say(language, "How will the host reach the bridge"), EXAMPLE_URL, value_proc=_address
        ),
        builder=choice("Who builds", BUILDERS, _BUILDER),
        channel=choice("Whom to tell", CHANNELS, _CHANNEL),
        language=language,
    )


def _write(folder: Path, files: Mapping[str, File]) -> None:
    """Write all, or nothing when one of them is there. Raises ClickException."""
    for name in files:
        if os.path.lexists(folder / name):
            raise click.ClickException(
                f"{folder / name} is there already: nothing was written. Name another FOLDER; what it then"
                " holds for a further Git host can be copied from there"
            )
    try:
        for name, file in files.items():
            path = folder / name
            private = name.startswith("secrets/")
            path.parent.mkdir(0o700 if private else 0o777, parents=True, exist_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, file.mode), "wb") as opened:
                opened.write(file.content)
    except OSError as error:
        raise click.ClickException(f"{error.filename} cannot be written: {error.strerror}") from None


def _tell(folder: Path, made: Scaffold, wanted: Wanted, now: int) -> None:
    def tell(sentence: str, **values: object) -> str:
        return say(wanted.language, sentence, **values)

    click.echo(tell("Written to {folder}, from which all paths here count:", folder=folder.resolve()))
    for name in made.files:
        click.echo(f"  {name}")
    if made.to_fill:
        click.echo(f"\n{tell('Put the real values into {files}.', files=tell(' and ').join(made.to_fill))}")
    click.echo(tell("Look for CHANGE in bridge.yaml and rules/: what is marked is invented."))
    if wanted.public_url.startswith("http://"):
        click.echo(
            tell(
                "Without a reverse proxy before it, set server.host and server.port: they are 127.0.0.1, "
                "this machine only, and 8088."
            )
        )
    config = "" if folder.resolve() == Path.cwd() else f" --config {shlex.quote(str(folder / 'bridge.yaml'))}"
    click.echo(f"\n{tell('Then:')}")
    click.echo(f"  buildbridge check{config}")
    for name in yaml.safe_load(made.files["bridge.yaml"].content)["builders"]:
        click.echo(f"  buildbridge builders test{config} {name}")
    for path, sample in made.samples.items():
        at = f" --at {datetime.fromtimestamp(now, UTC):%Y-%m-%dT%H:%M:%SZ}" if sample.timed else ""
        click.echo(f"  buildbridge explain{config}{at} {shlex.quote(str(folder / path))}")
    click.echo(f"  buildbridge serve{config}")
    pages = [one.instructions(wanted.public_url, code) for one, code in made.guides]
    pages.append(preparation("builders", wanted.builder, wanted.public_url, wanted.language))
    pages.append(preparation("channels", wanted.channel, wanted.public_url, wanted.language))
    for page in filter(None, pages):
        click.echo(f"\n{'-' * 72}\n{page.strip()}")
