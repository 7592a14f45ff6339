"""Which builds a delivery makes, supersedes, skips and repeats (pure).

- A push that is older than something its tag set was built from builds only the tags that name its commit.
- A newer push is built, and becomes the tip of its tag set. The rule says what that does to older builds.
- Where a new link of the chain shows that a tip is older than something that was built before, the newest is
  built again. If no later build was sent to a builder, the older builds that still wait are ended instead.

Two webhooks may report one push under two ids: the second report builds nothing within REPEAT_SECONDS. Where
a look at the host found a push first, late reports of the moves that led to it are of older code.

What a person asks for, a manual build or the redelivery of an older push, is built as asked. It says that
something is newer, and changes no tip. A late link never ends what a person asked for; a newer push may.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from bridge.model.build import MANUAL, UNPUSHED, BuildState, NewBuild
from bridge.model.chain import Chain
from bridge.model.event import RefMove
from bridge.model.plan import (
    Action,
    Create,
    Known,
    KnownBuild,
    KnownMove,
    Plan,
    Rebuild,
    RefKey,
    RepositoryKey,
    Skip,
    Supersede,
    TagKey,
    TagSet,
    Tip,
)
from bridge.planning.ref_history import is_repeat, led_on, recorded
from bridge.planning.tag_names import make_distinct

REPEAT_SECONDS: Final = 3600.0


def plan(known: Known, moves: Sequence[RefMove], wanted: Sequence[NewBuild]) -> Plan:
    """What a delivery that reports `moves` and wants the builds `wanted` asks for.

    Later decisions see what earlier ones do: the second build of a delivery has the next number.
    """
    since = known.now - REPEAT_SECONDS
    led = (led_on(known.moves.get(_ref(move), ()), move) for move in moves)
    moves = [*moves, *(move for move in led if move is not None)]
    repeats = [move for move in moves if is_repeat(known.moves.get(_ref(move), ()), move, since)]
    news = [move for move in moves if move not in repeats]
    draft = _Draft.of(known, news)
    repeated = {(*_ref(move), move.after) for move in repeats if not known.asked}
    for new in wanted:
        twice = (new.code, new.ref, new.pushed) in repeated
        earlier = draft.built_by(new, since) if twice else None
        if earlier is None:
            draft.push(new)
        else:
            draft.skip(new, f"the same push came as delivery {earlier}")
    for move in moves:
        draft.repair(move)
    return Plan(actions=draft.actions, moves=news, tips=list(draft.new_tips.values()), names=draft.new_names)


def _ref(move: RefMove) -> RefKey:
    return move.code, move.ref


@dataclass(slots=True, kw_only=True)
class _Draft:
    """The plan so far, and what will be known once its actions are done."""

    known: Known
    chains: Mapping[RefKey, Chain]
    tips: dict[TagSet, Tip]
    builds: dict[TagSet, dict[int, KnownBuild]]
    numbers: dict[RepositoryKey, int]
    names: dict[TagKey, str]
    actions: list[Action] = field(default_factory=list)
    new_tips: dict[TagSet, Tip] = field(default_factory=dict)
    new_names: dict[TagKey, str] = field(default_factory=dict)
    created: set[TagSet] = field(default_factory=set)

    @classmethod
    def of(cls, known: Known, news: Sequence[RefMove]) -> "_Draft":
        histories: dict[RefKey, Sequence[KnownMove]] = dict(known.moves)
        for move in news:
            histories[_ref(move)] = recorded(histories.get(_ref(move), ()), move, known.now)
        return cls(
            known=known,
            chains={ref: Chain.of(moves) for ref, moves in histories.items()},
            tips={tip.tag_set: tip for tip in known.tips},
            builds={name: {one.number: one for one in builds} for name, builds in known.builds.items()},
            numbers=dict(known.last_numbers),
            names=dict(known.names),
        )

    def built_by(self, new: NewBuild, since: float) -> str | None:
        """The delivery that made the last build of this push since then."""
        tag_set = TagSet.of(new)
        same = [
            build
            for one in (tag_set, tag_set.of_commit)
            for build in self.builds.get(one, {}).values()
            if build.pushed == new.pushed and build.created_at >= since
        ]
        return max(same, key=lambda build: build.number).delivery_id if same else None

    def push(self, new: NewBuild) -> None:
        newer = self._newer_build(self._chain(new.code, new.ref), TagSet.of(new), new.pushed)
        if newer is None:
            self._build_newest(new)
        elif self._is_asked(new):
            why = f"older than {newer.pushed}, which was already pushed; a person asked for it"
            self._create(replace(new, notes=(*new.notes, why)))
        else:
            self._build_older(new, f"older than what was already pushed: {newer.pushed}")

    def skip(self, new: NewBuild, why: str) -> None:
        self.actions.append(Skip(f"{new.title}: {why}"))

    def repair(self, move: RefMove) -> None:
        """Where older code came after the newest: end what waits of it; if it ran, build the newest again."""
        chain = self._chain(*_ref(move))
        for tip in [tip for tip in self.tips.values() if (tip.code, tip.ref) == _ref(move)]:
            newest = self._newer_build(chain, tip.tag_set, tip.pushed)
            if newest is None or tip.tag_set.repository not in move.builders:
                continue
            self._end_older(newest, tip.tag_set, chain)
            if newest.superseded is not None or self._overtaken(newest, tip.tag_set):
                self._rebuild(newest, tip, move.builders[tip.tag_set.repository])
            self._set_tip(replace(tip, pushed=newest.pushed))

    def _is_asked(self, new: NewBuild) -> bool:
        return self.known.asked or new.origin.cause == MANUAL

    def _chain(self, code: str, ref: str) -> Chain:
        return self.chains.get((code, ref), Chain(()))

    def _newer_build(self, chain: Chain, tag_set: TagSet, pushed: str) -> KnownBuild | None:
        """The last build of the newest code of the tag set, where that is newer than `pushed`."""
        newer = chain.newer(pushed)
        last = {build.pushed: build for build in self._builds(tag_set) if build.pushed in newer}
        newest = chain.newest(list(reversed(last)))
        return None if newest is None else last[newest]

    def _build_newest(self, new: NewBuild) -> None:
        number = self._create(new)
        if number is None or new.origin.cause in UNPUSHED:
            return
        if set(new.tags) - set(new.commit_tags):
            self._set_tip(Tip(TagSet.of(new), new.code, new.ref, new.pushed))
        if new.on_newer != "queue":
            self._supersede(new, number)

    def _build_older(self, new: NewBuild, why: str) -> None:
        """Tags that name the commit can come late, as a set of their own; the others stay where they are."""
        tagging = 2 if new.version_tagging == 2 else 0  # noqa: PLR2004  # the commit id
        if new.commit_tags or tagging:
            notes = (*new.notes, f"{why}; so only the tags of its own commit are built")
            own = replace(new, tag_set=TagSet.of(new).of_commit.name, tags=new.commit_tags, named={})
            self._create(replace(own, version_tagging=tagging, notes=notes))
        else:
            self.skip(new, why)

    def _create(self, new: NewBuild) -> int | None:
        """The number of the build; None where this delivery makes one of the tag set already."""
        tag_set = TagSet.of(new)
        if tag_set in self.created:
            return None
        new, held = make_distinct(new, self.names)
        self.names |= held
        self.new_names |= held
        number = self._next_number(tag_set)
        self.builds.setdefault(tag_set, {})[number] = KnownBuild(
            id="",
            number=number,
            pushed=new.pushed,
            state=BuildState.WAITING,
            asked=self._is_asked(new),
            delivery_id=self.known.delivery_id,
            created_at=self.known.now,
        )
        self.actions.append(Create(new, number))
        return number

    def _rebuild(self, newest: KnownBuild, tip: Tip, builder: str) -> None:
        if tip.tag_set in self.created:
            return
        reason = f"again, since {tip.pushed} is older and was built after #{newest.number}"
        number = self._next_number(tip.tag_set)
        self.actions.append(
            Rebuild(
                of=newest.id,
                number=number,
                tag_set=tip.tag_set,
                code=tip.code,
                builder=builder,
                reason=reason,
            )
        )

    def _next_number(self, tag_set: TagSet) -> int:
        self.created.add(tag_set)
        number = self.numbers.get(tag_set.repository, 0) + 1
        self.numbers[tag_set.repository] = number
        return number

    def _supersede(self, new: NewBuild, number: int) -> None:
        """End the older builds of the tag set: those that wait at once, others by way of their builder."""
        reason = f"superseded by #{number}: {new.pushed} was pushed"
        for build in self._stored_open(TagSet.of(new)):
            if build.state is BuildState.WAITING:
                self.actions.append(Supersede(build_id=build.id, how="end", reason=reason))
            elif new.on_newer == "cancel":
                self.actions.append(Supersede(build_id=build.id, how="cancel", reason=reason))
            elif build.state is BuildState.TRIGGERING:
                self.actions.append(Supersede(build_id=build.id, how="keep", reason=reason))

    def _end_older(self, newest: KnownBuild, tag_set: TagSet, chain: Chain) -> None:
        why = f"older than what was already pushed: {newest.pushed}"
        for build in self._stored_open(tag_set):
            waits = build.state is BuildState.WAITING and not build.asked
            if waits and build.number > newest.number and newest.pushed in chain.newer(build.pushed):
                summary = f"{'/'.join(tag_set.repository)} #{build.number} was ended: {why}"
                self.actions.append(Supersede(build_id=build.id, how="end", reason=why, summary=summary))

    def _overtaken(self, newest: KnownBuild, tag_set: TagSet) -> bool:
        return self.known.last_triggered.get(tag_set, 0) > newest.number

    def _builds(self, tag_set: TagSet) -> list[KnownBuild]:
        return list(self.builds.get(tag_set, {}).values())

    def _stored_open(self, tag_set: TagSet) -> list[KnownBuild]:
        """The builds that have not ended, without those that this delivery makes."""
        return [build for build in self._builds(tag_set) if build.id and not build.state.terminal]

    def _set_tip(self, tip: Tip) -> None:
        self.tips[tip.tag_set] = self.new_tips[tip.tag_set] = tip
