"""Random histories of pushes and builds, played to a store."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count, pairwise
from random import Random

from support.planned import Backend, BuildFacts, Delivery

from bridge.model.build import BuildState, NewBuild, OnNewer, Origin
from bridge.model.event import RefMove

START = 1_700_000_000.0
NAMES = ("x/y", "x-y", "z")
"""Branches: the first two would be one tag."""
ENDS = (BuildState.SUCCEEDED, BuildState.FAILED, BuildState.CANCELLED, BuildState.UNKNOWN)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """Which things happen in a history, besides pushes that come twice or never, and restarts."""

    late: bool = True
    resets: bool = False
    people: bool = False
    failures: bool = False
    retries: bool = False


@dataclass
class History:
    """One history: what was pushed, and the store that hears of it."""

    seed: int
    kind: Kind
    store: Backend
    now: float = START
    delivered: list[Delivery] = field(default_factory=list)
    registry: dict[str, str] = field(default_factory=dict)
    last: dict[str, str] = field(default_factory=dict)
    """The last object that each branch was set to, where no delivery of it was lost."""

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.ids = count()
        self.repository = f"r{self.seed}"
        self.code = f"Simple https://git.example.com/{self.repository}"
        self.on_newer: OnNewer = self.random.choice(("queue", "skip_waiting", "cancel"))
        self.has_commit_tags = self.random.random() < 0.3
        self.contexts = ("/", "/app")[: self.random.choice((1, 1, 2))]

    def run(self) -> Iterator[None]:
        """Play it; stops after each step."""
        for delivery in self._arrivals():
            yield from self._deliver(delivery)
            while self.random.random() < 0.6:
                self._something()
                yield
        while self._finish_one() or self._begin_one():
            yield

    def _deliver(self, delivery: Delivery) -> Iterator[None]:
        self.now += self.random.randint(1, 30)
        self.store.decide(delivery, self.now)
        self.delivered.append(delivery)
        yield

    def _arrivals(self) -> list[Delivery]:
        """The deliveries in the order in which they come: late ones, twice, and not all of them."""
        arrivals: list[tuple[float, Delivery]] = []
        lost, late = self.random.choice(((0, 3), (0, 8), (0.2, 3)))
        for name in NAMES[: self.random.randint(1, 3)]:
            objects = self._objects(name)
            if not lost:
                self.last[name] = objects[-1]
            for place, (before, after) in enumerate(pairwise(objects)):
                if self.random.random() < lost:
                    continue
                at = place + (self.random.random() * late if self.kind.late else 0)
                one = self.push(name, before, after)
                arrivals.append((at, one))
                if self.random.random() < 0.3:
                    soon = self.random.random() * late if self.kind.late else 0.001
                    arrivals.append((at + soon, self._repeat(one, f"{one.id} twice")))
        return [one for _, one in sorted(arrivals, key=lambda item: item[0])]

    def _objects(self, name: str) -> list[str]:
        """What a ref is set to, one after the other; an empty text is none."""
        objects = [self.random.choice(("", f"{name}-base"))]
        for place in range(self.random.randint(1, 6)):
            if self.kind.resets and self.random.random() < 0.3:
                objects.append(self.random.choice(["", *objects]))
            else:
                objects.append(f"{name}-{place}")
        return [one for place, one in enumerate(objects) if place == 0 or one != objects[place - 1]]

    def push(self, name: str, before: str, after: str, cause: str = "push") -> Delivery:
        ref = f"refs/heads/{name}"
        delivery_id = f"{self.repository} {name} {before}..{after} {cause} {next(self.ids)}"
        builders = {("acme", self.repository): "here"}
        moves = [RefMove(self.code, ref, before or None, after or None, builders)]
        wanted = [self._wanted(delivery_id, name, after, cause, context) for context in self.contexts]
        return Delivery(
            id=delivery_id, moves=moves if cause == "push" else [], wanted=wanted if after else []
        )

    def _wanted(self, delivery_id: str, name: str, sha: str, cause: str, context: str) -> NewBuild:
        tag = f"{name}{context}".replace("/", "-").rstrip("-")
        commit_tags = (f"{tag}-{sha}".replace("/", "."),) if self.has_commit_tags else ()
        return NewBuild(
            namespace="acme",
            repo_name=self.repository,
            builder="here",
            tag_set=f"refs/heads/{name}\n{context}\n/Dockerfile",
            image="acme/shop",
            tags=(tag, *commit_tags),
            version_tagging=0,
            repo_url="https://git.example.com/shop.git",
            ref=f"refs/heads/{name}",
            sha=sha,
            peeled=True,
            context=context,
            dockerfile="/Dockerfile",
            parameters={},
            origin=Origin(delivery_id=delivery_id, cause=cause, ref_kind="branch", ref_name=name),
            subscriptions=(),
            code=self.code,
            pushed=sha,
            commit_tags=commit_tags,
            on_newer=self.on_newer,
            named={tag: f"{name}{context}".rstrip("/")},
        )

    def _repeat(self, one: Delivery, delivery_id: str, *, asked: bool = False) -> Delivery:
        wanted = [replace(new, origin=replace(new.origin, delivery_id=delivery_id)) for new in one.wanted]
        return Delivery(id=delivery_id, moves=one.moves, wanted=wanted, asked=asked)

    def _something(self) -> None:
        """One thing of those that happen between two deliveries."""
        self.now += self.random.randint(0, 5)
        deeds = [self._begin_one, self._begin_one, self._finish_one, self._restart]
        if self.kind.people:
            deeds += [self._ask, self._by_hand, self._cancel_one]
        if self.kind.retries:
            deeds.append(self._retry_one)
        self.random.choice(deeds)()

    def _in(self, state: BuildState) -> list[BuildFacts]:
        return [build for build in self.store.unended() if build.state is state]

    def _begin_one(self) -> bool:
        """One step of a build on its way to the builder."""
        for build in self._in(BuildState.WAITING):
            if build.superseded or build.cancel_reason:
                self.store.move(build.number, _ended_by_us(build), self.now)
                return True
        for build in self._in(BuildState.TRIGGERING):
            self.store.move(build.number, BuildState.RUNNING, self.now)
            return True
        due = self.store.due()
        if due:
            self.store.move(self.random.choice(due), BuildState.TRIGGERING, self.now)
        return bool(due)

    def _finish_one(self) -> bool:
        running = self._in(BuildState.RUNNING)
        if not running:
            return False
        build = self.random.choice(running)
        to = BuildState.SUCCEEDED
        if build.cancel_reason and self.random.random() < 0.7:
            to = _ended_by_us(build)
        elif self.kind.failures:
            to = self.random.choice(ENDS)
        if to is BuildState.SUCCEEDED:
            self.registry |= dict.fromkeys(build.tags, build.pushed)
        self.store.move(build.number, to, self.now)
        return True

    def _restart(self) -> None:
        """Another process goes on; what was on its way to the builder is proven not to be there."""
        self.store = self.store.restarted()
        for build in self._in(BuildState.TRIGGERING):
            self.store.move(build.number, BuildState.WAITING, self.now)

    def _ask(self) -> None:
        """A person wants a delivery once more."""
        one = self.random.choice(self.delivered)
        again = self._repeat(one, f"{one.id} again {next(self.ids)}", asked=True)
        self.store.decide(again, self.now)
        self.delivered.append(again)

    def _by_hand(self) -> None:
        name, place = self.random.choice(NAMES), self.random.randint(0, 5)
        asked = self.push(name, "", f"{name}-{place}", "manual")
        self.store.decide(asked, self.now)
        self.delivered.append(asked)

    def _retry_one(self) -> None:
        ended = self.store.ended()
        if ended:
            self.store.retry(self.random.choice(ended).number, self.now)

    def _cancel_one(self) -> None:
        unended = self.store.unended()
        if unended:
            self.store.cancel(self.random.choice(unended).number, "by ann")


def _ended_by_us(build: BuildFacts) -> BuildState:
    return BuildState.CANCELLED if build.superseded is None else BuildState.SUPERSEDED
