"""How commands print: tables for people, one JSON object a line for programs."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import click
import orjson

_WIDE: Final = 240
_VERSIONS: Final = {1: "a tag of the time", 2: "a tag of the commit"}
_REJECTED: Final = 10
_HEADINGS: Final = {"code_repo_type_value": "ref", "docker_repo_tags": "tags"}

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


def objects(rows: Iterable[Mapping[str, Any]]) -> None:
    for row in rows:
        click.echo(orjson.dumps(row, default=str).decode())


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """The columns of the rows; what a stranger wrote cannot control the terminal."""
    # Imported here: `serve` shows no table and need not carry what draws one.
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    shown = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        shown.add_column(_HEADINGS.get(column, column.replace("_", " ")), overflow="fold")
    for row in rows:
        shown.add_row(*(Text(plain(row.get(column))) for column in columns))
    # Elsewhere than on a terminal nobody folds lines.
    Console(width=None if sys.stdout.isatty() else _WIDE).print(shown)


def facts(named: Mapping[str, Any]) -> None:
    """What is known of one thing, a line each."""
    width = max(len(name) for name in named)
    for name, value in named.items():
        if value not in (None, "", [], {}):
            click.echo(f"{name.replace('_', ' '):{width}}  {plain(value)}")


def timeline(steps: Iterable[Mapping[str, Any]]) -> None:
    """What happened to one thing, and when."""
    for step in steps:
        click.echo(f"  {step['at']}  {step['what']:<11} {plain(step['detail'])}".rstrip())


def moved(evaluation: Mapping[str, Any]) -> str:
    """Which ref of which code a evaluation is about."""
    event = "push" if evaluation["event"] == "tag" else evaluation["event"]
    names = (event, "of", evaluation["ref_kind"], evaluation["ref_name"])
    what = " ".join(filter(None, names)) if evaluation["ref_name"] else event
    return plain(f"{evaluation['repo'] or 'no repository'}: {what}")


def evaluation(document: Mapping[str, Any]) -> None:
    """What became of one ref: under each rule what it builds, or the first condition that failed."""
    click.echo(moved(document))
    branches(document)


def branches(document: Mapping[str, Any]) -> None:
    """The rules of a evaluation as a tree."""
    rules = _verdicts(document)
    if not rules:
        click.echo(f"  not: {plain(document['reason'])}")
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
        click.echo(f"  and {left_off} more that do not build")
    if folded:
        click.echo(f"  and {len(folded)} more that build nothing of it: see --json")


def _verdicts(document: Mapping[str, Any]) -> dict[str, list[tuple[tuple[int, ...], str]]]:
    """By rule: the tag configurations that a decision is about, none for the whole rule, and the decision."""
    found: dict[str, list[tuple[tuple[int, ...], str]]] = {}
    for match in document["matches"]:
        found.setdefault(_rule(match), []).append((tuple(match["tag_config"]), _building(match)))
    for rejection in document["rejections"]:
        index = rejection["tag_config"]
        places = () if index is None else (index,)
        found.setdefault(_rule(rejection), []).append((places, f"not: {rejection['why']}"))
    return found


def _building(match: Mapping[str, Any]) -> str:
    """What is built, with each tag that was changed beside what it was made from."""
    originals = match.get("originals", {})
    tags = [f"{tag} (of {originals[tag]})" if tag in originals else tag for tag in match["tags"]]
    version = _VERSIONS.get(match.get("version_tagging", 0))
    given = [f"{name}={value}" for name, value in match.get("parameters", {}).items()]
    told = [f"with {', '.join(given)}"] if given else []
    named = ", ".join([*tags, *filter(None, [version])])
    return "; ".join([f"builds {named} on {match['builder']}", *told, *match.get("notes", [])])


def _rule(decision: Mapping[str, Any]) -> str:
    return f"{decision['namespace']}/{decision['repo_name']}"


def lines(text: str) -> str:
    """A text of many lines without colours or other things that control a terminal."""
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
