"""The pools of `bridge.yaml`: channels of one kind that share notices."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from bridge.config.channels import ChannelSettings
from bridge.config.document import Document, value_at
from bridge.config.faults import suggest_or_list
from bridge.config.named import Entry, entries_of
from bridge.errors import Fault
from bridge.model.notice import MESSAGE_CHANNEL

_EVENTS = "enabled_event_type_names"


def named_pools(data: object) -> dict[str, list[tuple[int, str]]]:
    """The members of each pool, with their places in it, as far as they can be read."""
    pools = value_at(data, ("pools",))
    return {
        name: [(place, one) for place, one in enumerate(members) if isinstance(one, str)]
        for name, members in (pools.items() if isinstance(pools, dict) else ())
        if isinstance(name, str) and isinstance(members, list)
    }


def faulty_pools(document: Document, kinds: Mapping[str, type[BaseModel]]) -> Iterator[Fault]:
    """Pools that have the name of a channel, and members that are unknown or do not fit the others."""
    entries = {entry[0]: entry for entry in entries_of(document.data, "channels")}
    for name, members in named_pools(document.data).items():
        if name in entries or name == MESSAGE_CHANNEL:
            yield document.fault(("pools", name), "is the name of a channel, too: choose another")
        first: Entry | None = None
        seen: set[str] = set()
        for place, member in members:
            if problem := _problem(member, first, entries, seen, kinds):
                yield document.fault(("pools", name, place), problem)
            seen.add(member)
            first = first or entries.get(member)


def _problem(
    member: str,
    first: Entry | None,
    entries: Mapping[str, Entry],
    seen: set[str],
    kinds: Mapping[str, type[BaseModel]],
) -> str:
    """What is wrong with a member; empty where nothing is."""
    entry = entries.get(member)
    if member in seen:
        return f"{member} is in the pool already: leave it out"
    if entry is None:
        return f"there is no channel {member}{suggest_or_list(member, entries)}"
    settings = kinds.get(entry[1])
    if settings is not None and (not issubclass(settings, ChannelSettings) or settings.states):
        return f"a channel of the kind {entry[1]} is no robot in a group: leave it out"
    if first is not None and entry[1] != first[1]:
        return f"{member} is of the kind {entry[1]}, and {first[0]} of {first[1]}: a pool has one kind"
    if first is not None and entry[2].get(_EVENTS) != first[2].get(_EVENTS):
        return f"{member} and {first[0]} have other {_EVENTS}: give both the same, or name them in notices"
    return ""


def one_robot_twice(document: Document, targets: Mapping[str, str | None]) -> Iterator[Fault]:
    """Members with one target: the vendor's limit is that of one robot. `targets` are by channel."""
    for name, members in named_pools(document.data).items():
        owners: dict[str, str] = {}
        for place, member in members:
            if (target := targets.get(member)) is None:
                continue
            other = owners.setdefault(target, member)
            if other != member:
                problem = f"{member} is the same robot as {other}: create another one, or leave it out"
                yield document.fault(("pools", name, place), problem)


def events_of_pools(pools: Mapping[str, Any], events: Mapping[str, Any]) -> dict[str, Any]:
    """The events of each pool whose members name some."""
    return {name: events[members[0]] for name, members in pools.items() if members[0] in events}
