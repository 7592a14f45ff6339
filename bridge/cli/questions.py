"""What `init` asks on a terminal."""

import re
import socket
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import click
from pydantic import ValidationError

from bridge.cli.guides import EXAMPLE_URL, guide
from bridge.cli.scaffold import DEFAULT_LISTEN, Wanted
from bridge.cli.speech import tell
from bridge.config.faults import suggest_or_list
from bridge.config.forges import former_kinds
from bridge.config.settings import ServerSettings
from bridge.model.language import Language
from bridge.registry import BUILDERS, CHANNELS, FORGES, KINDS

FORMER: Final = former_kinds(KINDS.forges)
HOST: Final = "GitHub"
BUILDER: Final = "local"
CHANNEL: Final = "MESSAGE"
_ANY_ADDRESS: Final = "0.0.0.0"  # noqa: S104  # the person says that hosts reach the port directly
_MOST_PORTS: Final = 100
_LAST_PORT: Final = 65535


def kinds_of_today(kinds: Iterable[str]) -> tuple[str, ...]:
    """Each kind of Git host once, under its name of today."""
    return tuple(dict.fromkeys(FORMER.get(kind, kind) for kind in kinds))


def address(text: str) -> str:
    """A public address. Raises BadParameter."""
    try:
        return ServerSettings.model_validate({"public_url": text}).public_url or text
    except ValidationError as error:
        raise click.BadParameter(error.errors()[0]["msg"]) from None


def asked(language: Language) -> Wanted:
    """Ask for everything; a wrong answer is asked for again."""

    def ask(question: str, default: object, **more: Any) -> Any:
        values = {name: more.pop(name) for name in ("host", "port") if name in more}
        return click.prompt(tell(question, **values), default, **more)

    def choice(question: str, kinds: Mapping[str, object], default: str) -> str:
        return str(ask(question, default, type=click.Choice(list(kinds), case_sensitive=False)))

    hosts = ask("Which Git hosts will call (several: with commas)", HOST, value_proc=_hosts)
    repositories = {}
    for host in hosts:
        code = guide(host).code
        repositories[host] = ask(
            "Which repository is built at {host}", code.clone_url or code.full_name, host=host
        )
    public_url = ask("How will the host reach the bridge", EXAMPLE_URL, value_proc=address)
    host, port = DEFAULT_LISTEN
    theirs = other_port(public_url, port)
    if theirs and not click.confirm(
        tell("Does a reverse proxy take port {port} and pass it on to us", port=theirs), default=True
    ):
        host, port = _ANY_ADDRESS, theirs
    while is_taken(port):
        question = "Port {port} is taken on this machine. Which one instead"
        port = ask(question, _free(port), type=click.IntRange(1, _LAST_PORT), port=port)
    return Wanted(
        hosts=hosts,
        repositories=repositories,
        public_url=public_url,
        builder=choice("Who builds", BUILDERS, BUILDER),
        channel=choice("Whom to tell", CHANNELS, CHANNEL),
        language=language,
        listen=(host, port),
    )


def other_port(public_url: str, port: int) -> int | None:
    """The port of a public address that names another one than the daemon has."""
    theirs = urlsplit(public_url).port
    return theirs if theirs != port else None


def is_taken(port: int) -> bool:
    """Whether another program has the port on this machine now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _free(port: int) -> int:
    return next((one for one in range(port + 1, port + _MOST_PORTS) if not is_taken(one)), port)


def _hosts(text: str) -> tuple[str, ...]:
    known = {kind.lower(): kind for kind in (*FORGES, *FORMER)}
    found = [word for word in re.split(r"[,，、\s]+", text) if word]  # noqa: RUF001  # as Chinese people type them
    for word in found:
        if word.lower() not in known:
            raise click.BadParameter(f"there is no kind {word} of Git host{suggest_or_list(word, FORGES)}")
    return kinds_of_today(known[word.lower()] for word in found)
