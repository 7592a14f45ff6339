"""`explain`: what a delivery is, whether its signature holds, and what the rules make of it."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from bridge.cli import show
from bridge.cli.invented import EXAMPLE, pushed
from bridge.cli.setup import configuration, outline, rules_of, run, store_of
from bridge.cli.speech import reason, tell
from bridge.config.faults import suggest_or_list
from bridge.config.loader import Config
from bridge.errors import DeliveryError
from bridge.forges.request import Request, headers_of
from bridge.model.delivery import Delivery
from bridge.model.event import PushEvent
from bridge.registry import FORGES
from bridge.rules.explain import evaluate
from bridge.rules.match import RuleSet
from bridge.runtime.clock import system_clock
from bridge.store.base import Deliveries
from bridge.web.api.core.readings import (
    Reading,
    read_invented,
    read_pasted,
    read_stored,
    sender_of,
)
from bridge.web.api.explanation_documents import explanation_documents

MAX_FILE: Final = 64 << 20
SOURCE_HEADER: Final = "x-buildbridge-source"
"""What `deliveries show --export` adds: without its signature a delivery may not show who sent it."""
_BODIES: Final = (".json", ".body")


@dataclass(frozen=True, slots=True)
class Pasted:
    """A delivery in files."""

    file: str
    request: Request


@click.command()
@click.argument("body", required=False, type=click.Path(exists=True, path_type=Path))
@click.argument("headers", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--at", metavar="TIME", help="Check signatures as of this time (ISO 8601; default: now).")
@click.option("--source", metavar="NAME", help="Take it as coming from this source.")
@click.option(
    "--push",
    metavar="KIND:REPOSITORY@REF",
    help="Instead of BODY: an invented push. A branch, or refs/tags/…",
)
@click.option("--delivery", metavar="ID", help="Instead of BODY: one that is stored, by the rules of now.")
@click.option("--changed", multiple=True, metavar="PATH", help="A file that --push changed (several times).")
@click.option("--message", default="", help="The head commit's message of --push.")
@show.json_option
@click.pass_obj
def explain(
    config: str | None,
    body: Path | None,
    headers: Path | None,
    *,
    at: str | None,
    source: str | None,
    push: str | None,
    delivery: str | None,
    changed: Sequence[str],
    message: str,
    as_json: bool,
) -> None:
    """Say what the rules make of a delivery; nothing is built.

    Reads BODY with its HEADERS (`Name: value` lines), or each of a folder, where X.json or X.body belongs to
    its X.headers. Exits 1 if one cannot be understood.
    """
    if sum(given is not None for given in (body, push, delivery)) != 1:
        raise click.UsageError(f"give BODY, or --delivery ID, or --push with something such as {EXAMPLE}")
    found: Iterable[list[dict[str, Any]]]
    if body is not None:
        found = _files(config, body, headers, _time(at), source)
    elif delivery is not None:
        found = [_stored(config, delivery)]
    else:
        invented = pushed(push or "", changed, message)
        found = [_invented(config, *invented, _time(at), source)]
    understood = True
    for documents in found:
        understood = understood and not any("error" in document for document in documents)
        _print(documents, as_json=as_json)
    sys.exit(0 if understood else 1)


def _files(
    config: str | None, body: Path, headers: Path | None, now: float, source: str | None
) -> Iterator[list[dict[str, Any]]]:
    loaded = configuration(config)
    rules = rules_of(loaded)
    for pasted in _pasted(body, headers):
        yield _explained(pasted, loaded, rules, now, source)


def _invented(
    config: str | None, kind: str, event: PushEvent, now: float, source: str | None
) -> list[dict[str, Any]]:
    rules = rules_of(outline(config))
    if source is not None and source not in (names := rules.sources.of_kind(kind)):
        raise click.ClickException(
            f"there is no source {source} of the kind {kind}{suggest_or_list(source, names)}"
        )
    if source is None and len(names := rules.sources.of_kind(kind)) > 1:
        said = tell("pushed to any of {sources}: --source NAME says to which", sources=", ".join(names))
        click.echo(said, err=True)
    reading = read_invented(FORGES[kind], event, now, source or rules.sources.only(kind))
    return _documents(None, reading, rules)


def _stored(config: str | None, delivery_id: str) -> list[dict[str, Any]]:
    """What the rules of now make of a delivery that was verified when it came in."""
    rules = rules_of(outline(config))

    async def work() -> list[dict[str, Any]]:
        async with store_of(config) as store:
            found = await store.deliveries.get(delivery_id)
            if found is None:
                raise click.ClickException(f"there is no delivery {delivery_id}: see `deliveries list`")
            if damage := found[0].damage:
                raise click.ClickException(f"{delivery_id}: {damage}")
            return await _evaluated_again(found[0].delivery, store.deliveries, rules)

    return run(work)


async def _evaluated_again(
    delivery: Delivery, deliveries: Deliveries, rules: RuleSet
) -> list[dict[str, Any]]:
    if delivery.forge not in FORGES:
        raise click.ClickException(
            f"{delivery.id} came from no Git host ({delivery.forge}): see `deliveries show {delivery.id}`"
        )
    try:
        reading = await read_stored(delivery, FORGES[delivery.forge], rules, deliveries)
    except DeliveryError as error:
        return [{"file": delivery.id, "error": str(error)}]
    return _documents(delivery.id, reading, rules)


def _documents(file: str | None, reading: Reading, rules: RuleSet) -> list[dict[str, Any]]:
    found = evaluate(reading.forge.kind, reading.events, rules, reading.at, reading.source, every_rule=True)
    documents = explanation_documents(reading, [one.document() for one in found], rules)
    return [{"file": file, **document} for document in documents]


def _explained(
    pasted: Pasted, config: Config, rules: RuleSet, now: float, source: str | None
) -> list[dict[str, Any]]:
    sources = config.settings.sources
    exported = pasted.request.headers.get(SOURCE_HEADER)
    if source is None and exported in sources:
        source = exported
    if source is not None and source not in sources:
        raise click.ClickException(f"there is no source {source}: there are {', '.join(sources)}")
    try:
        forge, senders = sender_of(pasted.request, source, forges=FORGES, sources=sources, option="--source")
        reading = read_pasted(pasted.request, forge, senders, now, verifies=True)
    except DeliveryError as error:
        return [{"file": pasted.file, "error": str(error)}]
    return _documents(pasted.file, reading, rules)


def _pasted(body: Path, headers: Path | None) -> Iterator[Pasted]:
    if not body.is_dir():
        yield _read(body, headers)
        return
    files = [file for file in sorted(body.rglob("*")) if file.suffix in _BODIES]
    pairs = [(file, beside) for file in files if (beside := file.with_suffix(".headers")).exists()]
    if not pairs:
        raise click.ClickException(f"{body} holds no X.json or X.body with its X.headers beside it")
    for file, beside in pairs:
        yield _read(file, beside)


def _read(body: Path, headers: Path | None) -> Pasted:
    if body.stat().st_size > MAX_FILE:
        raise click.ClickException(f"{body} is over 64 MiB")
    beside = headers or body.with_suffix(".headers")
    try:
        lines = beside.read_text("latin-1").splitlines() if beside.exists() else []
        content = body.read_bytes()
    except OSError as error:
        raise click.ClickException(f"{error.filename} cannot be read: {error.strerror}") from None
    pairs = [line.partition(":") for line in lines if ":" in line]
    named = headers_of((name.strip().lower(), value.strip()) for name, _, value in pairs)
    return Pasted(str(body), Request(named, content))


def _time(text: str | None) -> float:
    if text is None:
        return system_clock()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.UsageError(f"--at {text} is not an ISO 8601 time, such as 2026-11-21T08:00:00Z") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _print(documents: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    if as_json:
        show.objects(documents)
    else:
        for document in documents:
            _show(document)


def _show(document: Mapping[str, Any]) -> None:
    if "error" in document:
        click.echo(show.plain(f"{document['file']}: {reason(document['error'])}"), err=True)
        return
    where = f"{show.plain(document['file'])}: " if document["file"] else ""
    click.echo(f"{where}{document['host']} {show.moved(document)}")
    if document["file"]:
        source = document["source"] or tell("unknown (--source NAME says which)")
        proof = reason(document["signature"])
        said = tell("signature {proof}, source {source}", proof=proof, source=source)
        click.echo(f"  {show.plain(said)}")
    show.branches(document)
