"""`status`: whether all is well, what waits, and what comes next."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

import click

from bridge import __version__
from bridge.cli import parts, show, silences
from bridge.cli.setup import outline, rules_of, run, store_of
from bridge.cli.speech import reason, tell
from bridge.config.outline import Outline
from bridge.errors import ConfigError
from bridge.model.node import Roll
from bridge.runtime.clock import system_clock, when
from bridge.runtime.disk import size_text
from bridge.store.base import Store
from bridge.store.open import is_made, is_served
from bridge.web.api.documents import part_document
from bridge.web.api.missed_documents import missed_document
from bridge.web.api.node_documents import NodeDocument, node_documents

STUCK_SECONDS: Final = 300
"""A delivery that is not evaluated by then waits for more than its turn."""
MAX_SCHEDULES: Final = 5
MAX_REJECTIONS: Final = 20
MAX_MISSED: Final = 20
MISSED_SECONDS: Final = 86_400.0
_SECTIONS: Final[Mapping[str, Sequence[str]]] = {
    "builders": parts.BUILDER_COLUMNS,
    "channels": parts.CHANNEL_COLUMNS,
    "sources": ("name", "kind", "last_delivery_at"),
    "others": ("name", "state", "since", "why"),
    "nodes": parts.NODE_COLUMNS,
    "silences": silences.COLUMNS,
    "backlog": ("kind", "owner", "state", "count", "oldest_at", "age"),
    "rejected": ("source", "count", "reason"),
    "missed": parts.MISSED_COLUMNS,
    "schedules": parts.SCHEDULE_COLUMNS,
}
_HEADINGS: Final = {
    "silences": "silences in force",
    "others": "other parts that are down",
    "rejected": "requests that were rejected in the last hour",
    "missed": "pushes of the last day that no webhook reported",
    "schedules": "next schedules",
}


@click.command()
@show.json_option
@click.pass_obj
def status(config: str | None, *, as_json: bool) -> None:
    """Show how the daemon is, what is down, what waits, and what comes next.

    Exits 0 if all is well: the daemon runs, nothing is down, no delivery waits for long, and the rules on
    disk are good. Else it exits 1.
    """
    document = _document(config, outline(config))
    if as_json:
        show.objects([document])
    else:
        _print(document)
    sys.exit(1 if document["problems"] else 0)


def _document(option: str | None, config: Outline) -> dict[str, Any]:
    server = config.settings.server
    # Before the store is opened: to close its file once more would end the locks of SQLite.
    served = is_served(config.store_url)
    document: dict[str, Any] = {
        "version": __version__,
        "config": str(config.file.absolute()),
        "store": config.store_name,
        "store_bytes": None,
        "listens": f"{server.host}:{server.port}",
        "public_url": server.public_url,
        "daemon": {"state": "running" if served else "stopped", "since": None, "version": None, "pid": None},
        "problems": [] if served else ["the daemon does not run: start it (`buildbridge serve`)"],
    }
    if is_made(config.store_url):

        async def work() -> None:
            async with store_of(option) as store:
                await _add_state(document, config, store)

        run(work)
    document["schedules"] = _schedules(config, document["problems"])
    return document


async def _add_state(document: dict[str, Any], config: Outline, store: Store) -> None:
    now, problems = system_clock(), document["problems"]
    served, is_shared = document["daemon"]["state"] == "running", store.nodes.is_shared
    if served and (start := await parts.start_of(config, store)) is not None:
        document["daemon"] |= {"since": when(start.started_at), "version": start.version, "pid": start.pid}
        if start.version != __version__:
            problems.append(f"the daemon is of version {start.version}, not {__version__}: restart it")
    elif served and is_shared:
        document["daemon"]["state"] = "elsewhere"
    roll = await store.nodes.roll()
    # The row of a daemon that was killed stays until the next start.
    document["nodes"] = node_documents(roll, is_shared=is_shared) if served or is_shared else []
    problems += _of_nodes(config, document["nodes"], roll) if is_shared else []
    backlog = await parts.backlog_of(config, store)
    document["store_bytes"] = backlog.store_bytes
    document["builders"] = await parts.builder_documents(config, store, backlog)
    document["channels"] = await parts.channel_documents(config, store, backlog)
    document["sources"] = parts.source_documents(config, backlog)
    known = {f"{kind}:{one['name']}" for kind in ("builder", "channel") for one in document[f"{kind}s"]}
    document["others"] = [
        {**part_document(one, now)}
        for one in await store.health.all()
        if one.name not in known and one.down_since is not None
    ]
    document["silences"] = silences.documents(await store.silences.active())
    document["backlog"] = parts.backlog_documents(backlog, now)
    document["rejected"] = [
        {"source": one.source, "count": one.count, "reason": one.reason}
        for one in (await store.activity.rejections())[:MAX_REJECTIONS]
    ]
    document["missed"] = [
        missed_document(one) for one in await store.looks.missed(MAX_MISSED) if now - one.at <= MISSED_SECONDS
    ]
    problems += _problems(document)


def _of_nodes(config: Outline, nodes: Sequence[NodeDocument], roll: Roll) -> list[str]:
    return (
        [
            f"the node {one['name']} was last heard of {show.duration(one['beat_age'] or 0)} ago"
            for one in nodes
            if one["late"]
        ]
        + [
            f"no node does {name}, for {show.duration(age)} by now"
            for name, age in parts.missing_duties(roll).items()
        ]
        + ([parts.NO_WORKER] if roll.is_idle else [])
        + [
            f"the node {name} has other keys of the tokens than {than}: `buildbridge doctor` says what to do"
            for name, than in parts.other_keys(config, roll).items()
        ]
    )


def _problems(document: Mapping[str, Any]) -> list[str]:
    down = [one for section in ("builders", "channels", "others") for one in document[section]]
    problems = [f"{one['name']} is down: {one['why']}" for one in down if one["state"] == "down"]
    problems += [
        f"{one['count']} {'delivery waits' if one['count'] == 1 else 'deliveries wait'} to be evaluated, "
        f"for {show.duration(one['age'])}"
        for one in document["backlog"]
        if one["kind"] == "delivery" and one["age"] > STUCK_SECONDS
    ]
    return problems


def _schedules(config: Outline, problems: list[str]) -> list[dict[str, Any]]:
    try:
        rules = rules_of(config, warn=lambda fault: problems.append(str(fault)))
    except ConfigError as error:
        count = len(error.faults)
        problems.append(f"the rules on disk have {count} {'fault' if count == 1 else 'faults'}: see `check`")
        return []
    return parts.schedule_documents(rules, system_clock())[:MAX_SCHEDULES]


def _print(document: Mapping[str, Any]) -> None:
    size = document["store_bytes"]
    show.facts(
        {
            "daemon": _daemon(document["daemon"]),
            "configuration": document["config"],
            "store": f"{document['store']} ({tell('not made yet') if size is None else size_text(size)})",
            "listens": document["listens"],
            "public_url": document["public_url"],
        }
    )
    for section, columns in _SECTIONS.items():
        if rows := document.get(section):
            click.echo(f"\n{tell(_HEADINGS.get(section, section))}")
            shown = [
                {**row, "kind": tell(row["kind"]), "age": show.duration(row["age"])} if "age" in row else row
                for row in rows
            ]
            if section == "nodes":
                shown = [_node_row(row) for row in rows]
            show.table(shown, columns)
    click.echo()
    for problem in document["problems"]:
        click.echo(show.plain(reason(problem)))
    if not document["problems"]:
        click.echo(tell("all is well"))


def _node_row(node: Mapping[str, Any]) -> Mapping[str, Any]:
    state = "down" if node["late"] else "up"
    return {**node, "state": state, "duties": ", ".join(node["duties"] or ())}


def _daemon(daemon: Mapping[str, Any]) -> str:
    if daemon["state"] == "elsewhere":
        return tell("runs on other machines")
    if daemon["state"] != "running":
        return tell("does not run")
    unknown = tell("unknown")
    facts = {"version": daemon["version"] or unknown, "process": daemon["pid"] or unknown}
    if not daemon["since"]:
        return tell("runs, version {version}, process {process}", **facts)
    since = show.local("since", daemon["since"])
    return tell("runs since {since}, version {version}, process {process}", since=since, **facts)
