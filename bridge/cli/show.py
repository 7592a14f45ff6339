"""The output of commands: tables for people, one JSON object per line for programs."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from unicodedata import east_asian_width

import click
import orjson

from bridge.cli.speech import reason, tell, word
from bridge.rules.explain import NO_RULE
from bridge.runtime.clock import system_clock, when

_NARROWEST: Final = 10
"""So wide a column stays where a terminal is narrow."""
_WHOLE: Final = frozenset({"id", "build_id", "build", "notice_id", "delivery_id", "name"})
"""What people copy: it is never folded."""
_TIMES: Final = frozenset(
    {
        "at",
        "since",
        "paused_until",
        "next_at",
        "beat_at",
        "received_at",
        "last_delivery_at",
        "oldest_at",
        "created_at",
        "enqueued_at",
        "started_at",
        "ended_at",
        "expires_at",
        "revoked_at",
    }
)
_VERSIONS: Final = {1: "a tag of the time", 2: "a tag of the commit"}
_REJECTED: Final = 10
_STEP: Final = 11
_HEADINGS: Final = {"code_repo_type_value": "ref", "docker_repo_tags": "tags"}

_WORDS: Final[Mapping[str, Sequence[str]]] = {
    "action": ["audit.action_{}"],
    "cause": ["build.cause_{}"],
    "reason": ["notices.reason_{}"],
    "role": ["tokens.role_{}"],
    "source": ["deliveries.source_{}"],
    "state": ["state.{}", "tokens.state_{}"],
}
"""By the name of a value, what the pages call the words that it may be."""
_SENTENCES: Final = frozenset(
    {
        "about",
        "code_repo_type",
        "detail",
        "event",
        "holds",
        "reason",
        "ref_kind",
        "state",
        "why",
    }
)
"""Values that are sentences or words of ours."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")


def objects(rows: Iterable[Mapping[str, Any]]) -> None:
    for row in rows:
        click.echo(orjson.dumps(row, default=str).decode())


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Print columns of the rows; texts of others cannot control the terminal, and no id is folded."""
    headings = [tell(_HEADINGS.get(column, column.replace("_", " "))) for column in columns]
    lines = [[cell(column, row.get(column)) for column in columns] for row in rows]
    if sys.stdout.isatty():
        _terminal_table(columns, headings, lines)
        return
    widths = [max(map(width_of, cells)) for cells in zip(headings, *lines, strict=True)]
    for line in (headings, *lines):
        click.echo("  ".join(map(_padded, line, widths)).rstrip())


def cell(column: str, value: object) -> str:
    """A value as people read it, on one line."""
    return plain(_said(column, local(column, value)))


def _said(name: str, value: object) -> object:
    """A value in the words of the reader."""
    if isinstance(value, bool):
        return word(f"audit.is_{str(value).lower()}", str(value))
    if not isinstance(value, str):
        return value
    said = in_words(_WORDS.get(name, ()), value)
    return reason(said) if said == value and name in _SENTENCES else said


def in_words(keys: Sequence[str], value: str) -> str:
    """The first of the words of the pages that there is for it."""
    for key in keys:
        if (said := word(key.format(value.replace(".", "_")), value)) != value:
            return said
    return value


def width_of(text: str) -> int:
    """How many columns of a terminal the text takes: Chinese characters take two."""
    return sum(2 if east_asian_width(one) in "WF" else 1 for one in text)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - width_of(text))


def _terminal_table(columns: Sequence[str], headings: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    # Imported here, because `serve` prints no tables.
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    shown = Table(box=None, pad_edge=False, header_style="bold")
    widths = [max(map(width_of, cells)) for cells in zip(headings, *lines, strict=True)]
    least = [
        width if column in _WHOLE else min(width, _NARROWEST)
        for column, width in zip(columns, widths, strict=True)
    ]
    for column, heading, width in zip(columns, headings, least, strict=True):
        shown.add_column(heading, overflow="fold", no_wrap=column in _WHOLE, min_width=width)
    for line in lines:
        shown.add_row(*map(Text, line))
    console = Console()
    # A terminal that is too narrow goes on in the next line: so an id can still be copied.
    console.width = max(console.width, sum(least) + 2 * len(least))
    console.print(shown, crop=False)


def facts(named: Mapping[str, Any]) -> None:
    """Print the facts of one record, one per line."""
    names = {name: tell(name.replace("_", " ")) for name in named}
    width = max(map(width_of, names.values()))
    for name, value in named.items():
        if value not in (None, "", [], {}):
            click.echo(f"{_padded(names[name], width)}  {cell(name, value)}")


def timeline(steps: Iterable[Mapping[str, Any]], words: Sequence[str]) -> None:
    """Print the timeline of one record; `words` is what the pages call the words of its steps."""
    for step in steps:
        what = _padded(in_words(words, step["what"]), _STEP)
        click.echo(f"  {local('at', step['at'])}  {what} {cell('detail', step['detail'])}".rstrip())


def local_time(seconds: float) -> str:
    """Unix seconds as people read them: local with the offset from UTC, and without the date today."""
    at, now = (datetime.fromtimestamp(one, UTC).astimezone() for one in (seconds, system_clock()))
    return at.isoformat(timespec="seconds") if at.date() != now.date() else at.timetz().isoformat("seconds")


def duration(seconds: float) -> str:
    """How long something takes, in its largest unit: 45s, 3m, 2h or 5d."""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s"


def time_of(*, as_json: bool) -> Callable[[float], str]:
    """How sentences write times: for programs in UTC."""
    return when if as_json else local_time


def local(name: str, value: object) -> object:
    """A time of a document as people read it, with its date; every other value stays."""
    if isinstance(value, str) and name in _TIMES:
        return datetime.fromisoformat(value).astimezone().isoformat(timespec="seconds")
    return value


def moved(evaluation: Mapping[str, Any]) -> str:
    """The repository and the ref of an evaluation."""
    event = reason("push" if evaluation["event"] == "tag" else evaluation["event"])
    repo, name = evaluation["repo"] or tell("no repository"), evaluation["ref_name"]
    if not name:
        return plain(tell("{repo}: {event}", repo=repo, event=event))
    kind = reason(evaluation["ref_kind"])
    return plain(tell("{repo}: {event} of {kind} {name}", repo=repo, event=event, kind=kind, name=name))


def evaluation(document: Mapping[str, Any]) -> None:
    """Print the evaluation of one ref: for each rule, what it builds, or the first condition that failed."""
    click.echo(moved(document))
    branches(document)


def branches(document: Mapping[str, Any]) -> None:
    """Print the rules of an evaluation as a tree."""
    rules, nothing = _decisions(document), document["reason"] or ""
    if not rules or nothing.startswith(NO_RULE):
        click.echo(f"  {plain(tell('not: {why}', why=reason(nothing)))}")
    rejected = [name for name, decisions in rules.items() if not any(places for places, _ in decisions)]
    folded = set(rejected[_REJECTED:])
    for name, decisions in rules.items():
        if name in folded:
            continue
        click.echo(f"  {plain(name)}")
        for places, decision in sorted(decisions):
            where = f"tag_configs{list(places)}  " if places else ""
            click.echo(f"    {where}{plain(decision)}")
    if left_off := document.get("left_off"):
        click.echo(f"  {tell('and {count} more that do not build', count=left_off)}")
    if folded:
        more = tell("and {count} more that build nothing of it: see --json", count=len(folded))
        click.echo(f"  {more}")


def _decisions(document: Mapping[str, Any]) -> dict[str, list[tuple[tuple[int, ...], str]]]:
    """By rule, each decision with its tag configurations; none stands for the whole rule."""
    found: dict[str, list[tuple[tuple[int, ...], str]]] = {}
    for match in document["matches"]:
        found.setdefault(_rule(match), []).append((tuple(match["tag_config"]), _build_text(match)))
    for rejection in document["rejections"]:
        index = rejection["tag_config"]
        places = () if index is None else (index,)
        why = tell("not: {why}", why=reason(rejection["why"]))
        found.setdefault(_rule(rejection), []).append((places, why))
    return found


def _build_text(match: Mapping[str, Any]) -> str:
    """What is built; a tag that had to be changed is followed by its original."""
    originals = match.get("originals", {})
    tags = [
        tell("{tag} (of {original})", tag=tag, original=originals[tag]) if tag in originals else tag
        for tag in match["tags"]
    ]
    if version := _VERSIONS.get(match.get("version_tagging", 0)):
        tags.append(tell(version))
    given = ", ".join(f"{name}={value}" for name, value in match.get("parameters", {}).items())
    parameters = [tell("with {parameters}", parameters=given)] if given else []
    built = tell("builds {tags} on {builder}", tags=", ".join(tags), builder=match["builder"])
    return tell("; ").join([built, *parameters, *map(reason, match.get("notes", []))])


def _rule(decision: Mapping[str, Any]) -> str:
    """The rule of a decision, and where it is from, if that is known."""
    origin = "; ".join(filter(None, [decision.get("place"), *decision.get("changed", ())]))
    return f"{decision['namespace']}/{decision['repo_name']}{f'  ({origin})' if origin else ''}"


def lines(text: str) -> str:
    """A text of several lines, without colours and other control sequences."""
    return _harmless(click.unstyle(text).replace("\r\n", "\n").replace("\r", "\n"), but="\n\t")


def plain(value: object) -> str:
    """A value on one line, without control characters."""
    match value:
        case None:
            return ""
        case str():
            text = value
        case list() | tuple() if all(isinstance(item, str) for item in value):
            text = ", ".join(value)
        case list() | dict():
            text = orjson.dumps(value, default=str).decode()
        case _:
            text = str(value)
    return _harmless(text.replace("\n", " "))


def _harmless(text: str, *, but: str = "") -> str:
    return "".join(letter if letter.isprintable() or letter in but else "�" for letter in text)
