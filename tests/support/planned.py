"""A store in memory that carries plans out without a database."""

import pickle
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from bridge.model.build import BuildState, NewBuild
from bridge.model.chain import Chain
from bridge.model.event import RefMove
from bridge.model.plan import (
    Create,
    Known,
    KnownBuild,
    KnownMove,
    Rebuild,
    RefKey,
    Supersede,
    TagKey,
    TagSet,
    Tip,
)
from bridge.planning.builds import plan
from bridge.planning.ref_history import recorded


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What a delivery reports and wants; `asked` for one that a person asked for again."""

    id: str
    moves: Sequence[RefMove]
    wanted: Sequence[NewBuild]
    asked: bool = False


@dataclass(frozen=True, kw_only=True)
class BuildFacts:
    """All of a build that plans decide."""

    number: int
    tag_set: str
    tags: tuple[str, ...]
    pushed: str
    cause: str
    delivery_id: str
    builder: str
    state: BuildState
    superseded: str | None
    cancel_reason: str | None


@dataclass(frozen=True)
class Snapshot:
    """All that a store knows of one repository and of the refs that it is built from."""

    builds: list[BuildFacts]
    moves: dict[str, list[KnownMove]]
    tips: set[Tip]
    names: dict[TagKey, str]


class Backend(Protocol):
    """A store of one repository, whose builds are known by their numbers."""

    def decide(self, delivery: Delivery, now: float) -> None: ...
    def move(self, number: int, to: BuildState, now: float) -> None: ...
    def cancel(self, number: int, reason: str) -> None: ...
    def retry(self, number: int, now: float) -> None: ...
    def unended(self) -> list[BuildFacts]: ...
    def ended(self) -> list[BuildFacts]: ...
    def due(self) -> list[int]: ...
    def snapshot(self) -> Snapshot: ...
    def restarted(self) -> "Backend":
        """What another process finds of it."""


@dataclass
class StoredBuild:
    number: int
    new: NewBuild
    created_at: float
    asked: bool
    state: BuildState = BuildState.WAITING
    superseded: str | None = None
    cancel_reason: str | None = None
    triggered: bool = False
    turn: int = 0

    def facts(self) -> BuildFacts:
        return BuildFacts(
            number=self.number,
            tag_set=self.new.tag_set,
            tags=self.new.tags,
            pushed=self.new.pushed,
            cause=self.new.origin.cause,
            delivery_id=self.new.origin.delivery_id,
            builder=self.new.builder,
            state=self.state,
            superseded=self.superseded,
            cancel_reason=self.cancel_reason,
        )


@dataclass
class Memory:
    """A store in dictionaries. `superseded_by_older` are the reasons of builds that older code superseded."""

    builds: dict[int, StoredBuild] = field(default_factory=dict)
    moves: dict[RefKey, list[KnownMove]] = field(default_factory=dict)
    tips: dict[TagSet, Tip] = field(default_factory=dict)
    names: dict[TagKey, str] = field(default_factory=dict)
    superseded_by_older: list[str] = field(default_factory=list)

    def decide(self, delivery: Delivery, now: float) -> None:
        made = plan(self.known(delivery, now), delivery.moves, delivery.wanted)
        for move in made.moves:
            key = move.code, move.ref
            self.moves[key] = recorded(self.moves.get(key, []), move, now)
        self.tips |= {tip.tag_set: tip for tip in made.tips}
        self.names |= made.names
        for action in made.actions:
            if isinstance(action, Create):
                asked = delivery.asked or action.new.origin.cause == "manual"
                self._add(action.number, action.new, now, asked=asked)
            elif isinstance(action, Rebuild):
                self._add(action.number, self._again(action, delivery), now, asked=False)
            elif isinstance(action, Supersede):
                self._supersede(action)

    def known(self, delivery: Delivery, now: float) -> Known:
        """More than the planner may ask for: every build, whatever it was built from."""
        builds: dict[TagSet, list[KnownBuild]] = defaultdict(list)
        last_triggered: dict[TagSet, int] = {}
        for one in self.builds.values():
            builds[TagSet.of(one.new)].append(
                KnownBuild(
                    id=str(one.number),
                    number=one.number,
                    pushed=one.new.pushed,
                    state=one.state,
                    asked=one.asked,
                    delivery_id=one.new.origin.delivery_id,
                    created_at=one.created_at,
                    superseded=one.superseded,
                )
            )
            if one.triggered:
                last_triggered[TagSet.of(one.new)] = one.number
        return Known(
            delivery_id=delivery.id,
            now=now,
            asked=delivery.asked,
            moves=self.moves,
            tips=list(self.tips.values()),
            builds=builds,
            last_triggered=last_triggered,
            last_numbers={new.repository: len(self.builds) for new in builds},
            names=self.names,
        )

    def move(self, number: int, to: BuildState, now: float) -> None:
        del now
        self.builds[number].state = to
        self.builds[number].triggered |= to is BuildState.TRIGGERING

    def cancel(self, number: int, reason: str) -> None:
        build = self.builds[number]
        build.cancel_reason = build.cancel_reason or reason

    def retry(self, number: int, now: float) -> None:
        del now
        build = self.builds[number]
        assert build.state.terminal
        build.state, build.asked, build.turn = BuildState.WAITING, True, self._next_turn()
        build.superseded = build.cancel_reason = None

    def snapshot(self) -> Snapshot:
        return Snapshot(
            [build.facts() for build in self.builds.values()],
            {ref: moves for (_, ref), moves in self.moves.items()},
            set(self.tips.values()),
            dict(self.names),
        )

    def unended(self) -> list[BuildFacts]:
        return [build.facts() for build in self.builds.values() if not build.state.terminal]

    def ended(self) -> list[BuildFacts]:
        return [build.facts() for build in self.builds.values() if build.state.terminal]

    def due(self) -> list[int]:
        """The builds that may go to the builder: no earlier one with a common tag stands before them."""
        unended = [build for build in self.builds.values() if not build.state.terminal]
        return [
            build.number
            for build in unended
            if build.state is BuildState.WAITING
            and build.superseded is build.cancel_reason is None
            and not any(
                other.turn < build.turn and set(other.new.tags) & set(build.new.tags) for other in unended
            )
        ]

    def restarted(self) -> "Memory":
        again: Memory = pickle.loads(pickle.dumps(self))
        return again

    def _add(self, number: int, new: NewBuild, now: float, *, asked: bool) -> None:
        assert number not in self.builds
        self.builds[number] = StoredBuild(number, new, now, asked, turn=self._next_turn())

    def _next_turn(self) -> int:
        return 1 + max((build.turn for build in self.builds.values()), default=0)

    def _again(self, action: Rebuild, delivery: Delivery) -> NewBuild:
        old = self.builds[int(action.of)].new
        origin = replace(old.origin, delivery_id=delivery.id, cause="order repair")
        return replace(old, origin=origin, builder=action.builder, notes=(action.reason,), named={})

    def chain(self, code: str, ref: str) -> Chain:
        return Chain.of(self.moves.get((code, ref), []))

    def _supersede(self, action: Supersede) -> None:
        build = self.builds[int(action.build_id)]
        assert not build.state.terminal
        assert not (action.summary and build.asked), "an order repair ends what a person asked for"
        by = action.reason.partition(": ")[2].removesuffix(" was pushed")
        if build.new.pushed in self.chain(build.new.code, build.new.ref).newer(by):
            self.superseded_by_older.append(action.reason)
        build.superseded = action.reason
        if action.how == "end":
            assert build.state is BuildState.WAITING
            build.state = BuildState.SUPERSEDED
        elif action.how == "cancel":
            build.cancel_reason = build.cancel_reason or action.reason
