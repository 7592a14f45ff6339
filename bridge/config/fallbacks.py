"""The channels that send what others cannot, as `bridge.yaml` names them."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Final

from pydantic import BaseModel

from bridge.config.channels import states_of
from bridge.config.document import Document
from bridge.config.faults import suggest_or_list
from bridge.config.named import entries_of
from bridge.config.pools import named_pools
from bridge.errors import Fault
from bridge.model.notice import MESSAGE_CHANNEL

_UNITS: Final = {"d": 86400, "h": 3600, "m": 60, "s": 1}


def faulty_fallbacks(document: Document, kinds: Mapping[str, type[BaseModel]]) -> Iterator[Fault]:
    """Those that are unknown, that cannot show the notices of others, or that lead back to a channel."""
    kind_of = {name: kind for name, kind, _ in entries_of(document.data, "channels")}
    ahead = _fallbacks(document)
    known, pools = {MESSAGE_CHANNEL, *kind_of}, named_pools(document.data)
    reported: set[str] = set()
    for name, fallback in ahead.items():
        kind, other = kind_of[name], kind_of.get(fallback)
        circle = _circle(name, ahead)
        if fallback in pools:
            members = " or ".join(member for _, member in pools[fallback])
            problem = f"{fallback} is a pool: name one of its channels, {members}"
        elif fallback not in known:
            problem = f"there is no channel {fallback}{suggest_or_list(fallback, known - {name})}"
        elif fallback == name:
            problem = "is this channel itself: name another one, or leave it out"
        elif states_of(kinds.get(kind)):
            problem = f"the kind {kind} shows how builds are, which no other kind can: leave it out"
        elif other is not None and states_of(kinds.get(other)):
            problem = f"{fallback} is of the kind {other}, which has no messages: name a channel that has"
        elif circle and reported.isdisjoint(circle):
            reported.update(circle)
            problem = f"leads back to {name} ({' → '.join([*circle, name])}): leave it out at one of them"
        else:
            continue
        yield document.fault(("channels", name, "fallback"), problem)


def fallbacks_on_one_robot(document: Document, targets: Mapping[str, str | None]) -> Iterator[Fault]:
    """Those that fail with their channel. `targets` are what the vendors count, by channel."""
    for name, fallback in _fallbacks(document).items():
        if name != fallback and targets.get(name) is not None and targets[name] == targets.get(fallback):
            problem = f"{fallback} is the same robot: name another one, or leave it out"
            yield document.fault(("channels", name, "fallback"), problem)


def hasty_fallbacks(document: Document, lifetimes: Mapping[str, timedelta]) -> Iterator[Fault]:
    """Those that give up at once what their channel has kept for a while. `lifetimes` are by channel."""
    for name, fallback in _fallbacks(document).items():
        own, other = lifetimes.get(name), lifetimes.get(fallback)
        if own is not None and other is not None and other < own:
            cure = f"give it a ttl of at least {_words(own)}"
            problem = f"{fallback} gives notices up sooner than this channel: {cure}"
            yield document.fault(("channels", name, "fallback"), problem)


def _words(lifetime: timedelta) -> str:
    """As a setting has it, in the largest unit that is exact."""
    seconds = round(lifetime.total_seconds())
    unit, size = next((unit, size) for unit, size in _UNITS.items() if seconds % size == 0)
    return f"{seconds // size}{unit}"


def _fallbacks(document: Document) -> dict[str, str]:
    """The fallback of each channel that names one."""
    entries = entries_of(document.data, "channels")
    return {name: other for name, _, rest in entries if isinstance(other := rest.get("fallback"), str)}


def _circle(name: str, ahead: Mapping[str, str]) -> list[str]:
    """The channels from this one on, if they lead back to it."""
    found, at = [name], ahead[name]
    while at in ahead and at not in found:
        found.append(at)
        at = ahead[at]
    return found if at == name else []
