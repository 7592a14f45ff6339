"""Sources, builders, channels and schedules with how they are: what `status` and the lists of each print."""

from collections.abc import Mapping
from typing import Any

from bridge.config.outline import Outline
from bridge.model.build import BuildState
from bridge.model.node import Roll
from bridge.rules.cron import compile_cron
from bridge.rules.match import RuleSet
from bridge.runtime.clock import maybe_when, system_clock, when
from bridge.runtime.home import node_name
from bridge.store.activity import DaemonStart
from bridge.store.base import Store
from bridge.store.monitoring import Backlog
from bridge.store.values import HealthRecord
from bridge.web.api.documents import part_document

Document = dict[str, Any]

BUILDER_COLUMNS = ("name", "kind", "state", "since", "waiting", "open", "why")
CHANNEL_COLUMNS = ("name", "kind", "state", "since", "paused_until", "waiting", "why")
NODE_COLUMNS = ("name", "version", "state", "since", "beat_at", "duties")
FREE_SECONDS = 60.0
"""A duty that no node has for longer is missing: between two nodes it takes seconds."""
NO_WORKER = "no node works: start one without `--only receive`"
MISSED_COLUMNS = ("at", "source", "repo", "ref", "after", "state", "reason")
SCHEDULE_COLUMNS = ("repository", "branch", "cron", "timezone", "next_at")


async def backlog_of(config: Outline, store: Store) -> Backlog:
    """What waits in the store for the parts of bridge.yaml. Raises StoreError."""
    return await store.monitoring.backlog(
        config.settings.sources, config.settings.builders, config.channel_kinds
    )


async def start_of(config: Outline, store: Store) -> DaemonStart | None:
    """The start of the daemon of this configuration; None where only other machines have one."""
    if not store.nodes.is_shared:
        return await store.activity.last_start()
    name = node_name(config.settings.server.port)
    own = [node for node in (await store.nodes.roll()).nodes if node.name == name]
    last = max(own, key=lambda node: node.started_at, default=None)
    if last is None:
        return None
    return DaemonStart(version=last.version, pid=last.pid, started_at=last.started_at)


def missing_duties(roll: Roll) -> Mapping[str, float]:
    """What no node does, although one that is there could: for how many seconds."""
    ages = {name: roll.at - since for name, since in roll.free().items()}
    return {name: age for name, age in ages.items() if age > FREE_SECONDS}


def other_keys(config: Outline, roll: Roll) -> Mapping[str, str]:
    """The nodes with other keys of the tokens, and the node that has other ones than they have.

    That is the one of this machine, else the one that runs for the longest time.
    """
    own = node_name(config.settings.server.port)
    known = [node for node in roll.nodes if node.key_ids and not roll.expired(node)]
    here = min(known, key=lambda node: (node.name != own, node.started_at), default=None)
    return {} if here is None else {node.name: here.name for node in roll.with_other_keys(here)}


async def builder_documents(config: Outline, store: Store, backlog: Backlog) -> list[Document]:
    """The builders in the order of bridge.yaml: whether each is up, and how much waits for it and is there.

    One on the server of another has its kind.
    """
    builders = config.settings.builders
    kinds = {name: one.kind or builders[one.server or name].kind or "" for name, one in builders.items()}
    found = await _parts(store, "builder", kinds)
    for document in found:
        queues = {state: queue for (name, state), queue in backlog.builds.items() if name == document["name"]}
        waiting = queues[BuildState.WAITING].count
        document |= {"waiting": waiting, "open": sum(one.count for one in queues.values()) - waiting}
    return found


async def channel_documents(config: Outline, store: Store, backlog: Backlog) -> list[Document]:
    """The channels, that of in-app messages among them: whether each is up, and how much waits there."""
    found = await _parts(store, "channel", config.channel_kinds)
    return [{**document, "waiting": backlog.notices[document["name"]].count} for document in found]


def source_documents(config: Outline, backlog: Backlog) -> list[Document]:
    """The sources, and when each last delivered something."""
    return [
        {
            "name": name,
            "kind": source.kind,
            "last_delivery_at": maybe_when(backlog.last_deliveries[name]),
        }
        for name, source in config.settings.sources.items()
    ]


def backlog_documents(backlog: Backlog, now: float) -> list[Document]:
    """What is open, by kind, owner and state, with the age of the oldest in seconds."""
    queues = {
        ("delivery", "", "stored"): backlog.deliveries,
        **{("build", name, str(state)): queue for (name, state), queue in backlog.builds.items()},
        **{("notice", name, "pending"): queue for name, queue in backlog.notices.items()},
    }
    return [
        {
            "kind": kind,
            "owner": owner or None,
            "state": state,
            "count": queue.count,
            "oldest_at": maybe_when(queue.since),
            "age": max(0, round(now - (queue.since or now))),
        }
        for (kind, owner, state), queue in queues.items()
        if queue.count
    ]


def schedule_documents(rules: RuleSet, now: float) -> list[Document]:
    """The schedules of the rules, the next one first."""
    found = [
        (compile_cron(one.cron, one.timezone).next(now), repository.path, one)
        for repository in rules.repositories.values()
        for one in repository.build_config.schedule
    ]
    return [
        {
            "repository": path,
            "branch": one.branch,
            "cron": one.cron,
            "timezone": one.timezone,
            "next_at": when(next_at),
        }
        for next_at, path, one in sorted(found, key=lambda entry: entry[:2])
    ]


async def _parts(store: Store, part: str, kinds: Mapping[str, str]) -> list[Document]:
    """How parts of these names and kinds are."""
    health = {record.name: record for record in await store.health.all()}
    return [
        {
            **part_document(health.get(f"{part}:{name}", HealthRecord(name=name)), system_clock()),
            "name": name,
            "kind": kind,
        }
        for name, kind in kinds.items()
    ]
