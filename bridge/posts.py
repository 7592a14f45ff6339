"""What each builder and channel of a configuration is to be, and to which duty it belongs."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from bridge.builders.base import Builder
from bridge.channels.base import Channel
from bridge.config.loader import Config
from bridge.model.node import BUILDER, CHANNEL
from bridge.registry import Plan, builder_plans, channel_plans, targets
from bridge.runtime.clock import Clock
from bridge.services.membership import Covered
from bridge.store.base import Store

Part = tuple[str, str]
"""`builder` or `channel`, and the name."""
_DUTIES: Final = {BUILDER: "server", CHANNEL: "target"}


@dataclass(frozen=True, slots=True)
class Post:
    """What a part is to be: `beside` is the server of a builder, or the target of a channel."""

    part: Part
    plan: Plan[Builder | Channel]
    beside: str

    @property
    def duty(self) -> str:
        """The name of the duty to which the part belongs."""
        return f"{_DUTIES[self.part[0]]}:{self.beside}"

    @property
    def is_bound(self) -> bool:
        """Whether what it does stays on this machine."""
        return (kind := _builder(self.plan)) is not None and kind.on_this_machine

    @property
    def place(self) -> str:
        """Another text for each place where builds of a builder may be; nodes that know it say the same."""
        kind = _builder(self.plan)
        return "" if kind is None else _place(kind, self.plan.settings)


def _place(kind: type[Builder], settings: object) -> str:
    words = [kind.kind, *(str(getattr(settings, name)) for name in kind.place)]
    return sha256(json.dumps(words).encode()).hexdigest()[:16]


def posts(config: Config, store: Store, clock: Clock) -> dict[Part, Post]:
    """What a configuration asks for; where two are equal, nothing of it has changed."""

    def found() -> Iterator[Post]:
        for name, builder in builder_plans(config, clock).items():
            yield Post((BUILDER, name), builder, config.builders[name].server or name)
        shared = targets(config)
        for name, channel in channel_plans(config, store.messages, clock).items():
            yield Post((CHANNEL, name), channel, shared[name])

    return {post.part: post for post in found()}


def duties(wanted: Collection[Post]) -> Mapping[str, Covered]:
    """The duties of what a configuration asks for."""
    found: dict[str, Covered] = {}
    for post in wanted:
        before = found.get(post.duty, Covered(frozenset(), is_bound=False))
        found[post.duty] = Covered(
            before.parts | {full_name(post.part)}, is_bound=before.is_bound or post.is_bound
        )
    return found


def full_name(part: Part) -> str:
    """`builder:NAME` or `channel:NAME`."""
    return ":".join(part)


def configured(config: Config) -> tuple[tuple[str, Collection[str]], ...]:
    """The names of the builders, and of the channels."""
    return (BUILDER, config.builders), (CHANNEL, config.channels)


def moves(before: Plan[Builder | Channel], after: Plan[Builder | Channel]) -> bool:
    """Whether what a builder has begun cannot be found as the builder is now."""
    if after.kind is not before.kind:
        return True
    return (kind := _builder(after)) is not None and kind.moves(before.settings, after.settings)


def _builder(plan: Plan[Builder | Channel]) -> type[Builder] | None:
    kind = plan.kind
    return kind if isinstance(kind, type) and issubclass(kind, Builder) else None
