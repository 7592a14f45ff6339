"""What has to hold after a run, whatever happened: the store, what was answered, and what others counted.

Each breach is named by its kind, by what it is about, and in a sentence.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import Final

from chaos.facts import DECIDED, ENDED, OPEN_NOTICES, SAID, BuildFacts, Facts, NoticeFacts

from bridge.demo.robot import LIMIT, WINDOW
from bridge.model.build import BuildState
from bridge.model.delivery import DeliveryState
from bridge.model.notice import MESSAGE_CHANNEL, EventName


class Kind(StrEnum):
    """What can be wrong, in the words of the report."""

    LOST = "lost delivery"
    DOUBLED_DELIVERY = "doubled delivery"
    NO_OUTCOME = "no one outcome"
    NO_BUILD = "lost build"
    DOUBLED_BUILD = "doubled build"
    NO_TRIGGER = "build without trigger"
    DOUBLED_TRIGGER = "doubled trigger"
    WRONG_END = "wrong end"
    WRONGLY_SUPERSEDED = "wrongly superseded"
    ORDER = "order of a ref"
    NO_NOTICE = "lost notice"
    DOUBLED_NOTICE = "doubled notice"
    NOTICE_ORDER = "order of notices"
    LOST_MESSAGE = "lost message"
    DOUBLED_MESSAGE = "doubled message"
    STUCK = "stuck"
    RATE = "robot's limit"
    TAKEOVER = "takeover"


@dataclass(frozen=True, slots=True)
class Breach:
    kind: Kind
    subject: str
    detail: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.subject}: {self.detail}"


@dataclass(frozen=True, slots=True)
class Accepted:
    """A push that was answered 202, or 200 when it was sent again; `number` counts those of all refs.

    `delivery_id` is that of the answer, `robot` the channel of its repository: "" where no rule builds it.
    """

    number: int
    key: str
    delivery_id: str
    repository: str
    ref: str
    sha: str
    robot: str = ""


@dataclass(frozen=True, slots=True)
class Ran:
    """A build at the builder: its place in the queue there, and whether it succeeded; None while it runs."""

    place: int
    succeeded: bool | None


@dataclass(frozen=True, slots=True)
class Message:
    """When a robot took a message, and the end of the id of the notice that it is."""

    at: float
    notice: str


@dataclass(frozen=True, slots=True)
class Takeover:
    """How long a duty was without a sign of life after a fault, and how long it may be; in seconds."""

    duty: str
    after: str
    seconds: float
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What others saw: `triggers` and `ran` by BRIDGE_BUILD_ID, `sent` by robot.

    Of the clock of `sent`, which no one sets, are the `faults`, too: from when to when what was sent may not
    have been written.
    """

    accepted: Sequence[Accepted]
    triggers: Mapping[str, int]
    ran: Mapping[str, Sequence[Ran]]
    sent: Mapping[str, Sequence[Message]]
    rejections: Mapping[str, Sequence[str]] = field(default_factory=dict)
    takeovers: Sequence[Takeover] = ()
    faults: Sequence[tuple[float, float]] = ()


_ANSWER: Final = 2.0
"""So many seconds after a message it is written that it is out, at the latest."""
_EVENTS: Final[Mapping[BuildState, frozenset[str]]] = {
    BuildState.SUCCEEDED: frozenset({EventName.SUCCESS, EventName.FIXED}),
    BuildState.FAILED: frozenset({EventName.FAIL}),
    BuildState.UNKNOWN: frozenset({EventName.FAIL}),
    BuildState.CANCELLED: frozenset({EventName.STOP}),
    BuildState.SUPERSEDED: frozenset({EventName.STOP}),
}


def breaches(facts: Facts, evidence: Evidence) -> list[Breach]:
    """All that does not hold."""
    return [breach for check in _CHECKS for breach in check(facts, evidence)]


def _deliveries(facts: Facts, evidence: Evidence) -> Iterator[Breach]:
    """Each answer has one row, and that one outcome, which says why where nothing is built."""
    for one in evidence.accepted:
        rows = facts.deliveries.get(one.key, ())
        if one.delivery_id not in {row.id for row in rows}:
            yield Breach(Kind.LOST, one.key, f"it was answered with {one.delivery_id}, which is not there")
        if len(rows) > 1:
            yield Breach(Kind.DOUBLED_DELIVERY, one.key, f"it is there {len(rows)} times")
    for key, rows in facts.deliveries.items():
        for row in rows:
            if row.state not in DECIDED:
                continue  # it is stuck
            if row.decisions != 1:
                yield Breach(Kind.NO_OUTCOME, key, f"its timeline has {row.decisions} decisions")
            if row.state is not DeliveryState.DISPATCHED and not row.detail:
                yield Breach(Kind.NO_OUTCOME, key, f"it is {row.state}, and nothing says why")


def _causes(facts: Facts, evidence: Evidence) -> Iterator[Breach]:
    """Each push that a rule builds has one build, each other one none."""
    built = Counter(build.delivery_id for build in facts.builds)
    for one in evidence.accepted:
        count = built.pop(one.delivery_id, 0)
        if one.robot and not count:
            yield Breach(Kind.NO_BUILD, one.key, f"no build of {one.repository} {one.ref}")
        if count > bool(one.robot):
            yield Breach(Kind.DOUBLED_BUILD, one.key, f"{count} builds of {one.repository} {one.ref}")
    for delivery_id, count in built.items():
        yield Breach(Kind.DOUBLED_BUILD, delivery_id, f"{count} builds of what was never answered")


def _triggers(facts: Facts, evidence: Evidence) -> Iterator[Breach]:
    """The builder was asked for each build once, and has it once."""
    ids = {build.id for build in facts.builds}
    for build_id, count in evidence.triggers.items():
        if count > 1:
            yield Breach(Kind.DOUBLED_TRIGGER, build_id, f"it was triggered {count} times")
        if build_id not in ids:
            yield Breach(Kind.DOUBLED_TRIGGER, build_id, "it was triggered, and the store does not know it")
    for build_id, ran in evidence.ran.items():
        if len(ran) > 1:
            yield Breach(Kind.DOUBLED_BUILD, build_id, f"the builder has it {len(ran)} times")


def _ends(facts: Facts, evidence: Evidence) -> Iterator[Breach]:
    """Each build ended as the builder says; what was superseded has a newer build of its ref."""
    newest = {(build.repository, build.ref): build for build in facts.builds}
    for build in facts.builds:
        at_builder = evidence.ran.get(build.id, ())
        if build.state in {BuildState.SUCCEEDED, BuildState.FAILED}:
            if not at_builder:
                yield Breach(Kind.NO_TRIGGER, build.id, f"it is {build.state}, and the builder never had it")
            elif all(ran.succeeded is not (build.state is BuildState.SUCCEEDED) for ran in at_builder):
                yield Breach(Kind.WRONG_END, build.id, f"it is {build.state}, and the builder says otherwise")
        elif build.state in {BuildState.CANCELLED, BuildState.UNKNOWN}:
            yield Breach(Kind.WRONG_END, build.id, f"it is {build.state}, and no one asked for that")
        elif build.state is BuildState.SUPERSEDED and newest[build.repository, build.ref] is build:
            yield Breach(
                Kind.WRONGLY_SUPERSEDED, build.id, f"nothing newer of {build.repository} {build.ref}"
            )


def _order(facts: Facts, evidence: Evidence) -> Iterator[Breach]:
    """Builds of one ref have the order of its pushes, and were triggered in it."""
    pushed = {one.delivery_id: one.number for one in evidence.accepted}
    for (repository, ref), builds in _by_ref(facts.builds).items():
        known = [pushed[build.delivery_id] for build in builds if build.delivery_id in pushed]
        if known != sorted(known):
            yield Breach(Kind.ORDER, f"{repository} {ref}", f"the builds are of the pushes {known}")
        places = [evidence.ran[build.id][0].place for build in builds if evidence.ran.get(build.id)]
        if places != sorted(places):
            yield Breach(Kind.ORDER, f"{repository} {ref}", f"the builder got them as {places}")


def _by_ref(builds: Sequence[BuildFacts]) -> Mapping[tuple[str, str], list[BuildFacts]]:
    found: defaultdict[tuple[str, str], list[BuildFacts]] = defaultdict(list)
    for build in builds:
        found[build.repository, build.ref].append(build)
    return found


def _notices(facts: Facts, evidence: Evidence) -> Iterator[Breach]:
    """The end of each build has one notice in the app and one to its robot, and both got out."""
    robots = {one.delivery_id: one.robot for one in evidence.accepted}
    ends: defaultdict[tuple[str, str], list[NoticeFacts]] = defaultdict(list)
    for notice in facts.notices:
        if notice.build_id and any(notice.event in events for events in _EVENTS.values()):
            ends[notice.build_id, notice.channel].append(notice)
    for build in facts.builds:
        wanted = _EVENTS.get(build.state, frozenset())
        robot = robots.get(build.delivery_id)
        for channel in (MESSAGE_CHANNEL, robot) if wanted and robot else ():
            found = ends[build.id, channel]
            right = [notice for notice in found if notice.event in wanted]
            if not right:
                yield Breach(Kind.NO_NOTICE, build.id, f"{channel} has none that it is {build.state}")
            if len(found) > 1:
                yield Breach(Kind.DOUBLED_NOTICE, build.id, f"{channel} has {len(found)} of its end")
            for notice in right:
                if notice.state not in SAID | OPEN_NOTICES:
                    said = f"{channel}: {notice.state} ({notice.reason})"
                    yield Breach(Kind.NO_NOTICE, build.id, said)


def _messages(facts: Facts, evidence: Evidence) -> Iterator[Breach]:
    """A robot got each notice that is out once, or again where a fault may have cut its answer."""
    for robot, messages in evidence.sent.items():
        notices = [notice for notice in facts.notices if notice.channel == robot]
        taken: defaultdict[str, list[float]] = defaultdict(list)
        for message in messages:
            taken[message.notice].append(message.at)
        for name in taken.keys() - {name_of(notice.id) for notice in notices}:
            yield Breach(Kind.DOUBLED_MESSAGE, robot, f"it got the message {name!r}, which is of no notice")
        digests = {notice.digest for notice in notices}
        for notice in notices:
            if (count := len(taken[name_of(notice.id)])) > notice.attempts:
                said = f"{robot} got it {count} times in {notice.attempts} attempts"
                yield Breach(Kind.DOUBLED_MESSAGE, notice.id, said)
            if notice.state not in SAID or notice.id in digests:
                continue
            times = sorted(at for one in (notice.id, notice.digest) if one for at in taken[name_of(one)])
            if not times:
                yield Breach(Kind.LOST_MESSAGE, notice.id, f"it is {notice.state}, and {robot} never got it")
            for first, again in pairwise(times):
                if not any(begun - _ANSWER < first < over + _ANSWER for begun, over in evidence.faults):
                    said = (
                        f"{robot} got it again after {again - first:.1f} s, and no fault was near the first"
                    )
                    yield Breach(Kind.DOUBLED_MESSAGE, notice.id, said)


def name_of(notice_id: str) -> str:
    """What a message has of the id of its notice."""
    return notice_id[-8:]


def _notice_order(facts: Facts, _evidence: Evidence) -> Iterator[Breach]:
    """What one channel is to hear of one job got out in the order in which it happened."""
    jobs: defaultdict[tuple[str, str], list[NoticeFacts]] = defaultdict(list)
    for notice in facts.notices:
        if notice.build_id and notice.left is not None:
            jobs[notice.channel, notice.job].append(notice)
    for (channel, job), notices in jobs.items():
        for first, second in pairwise(notices):
            if (first.left or 0) > (second.left or 0):
                yield Breach(Kind.NOTICE_ORDER, f"{channel} {job}", f"{second.id} left before {first.id}")


def _at_rest(facts: Facts, _evidence: Evidence) -> Iterator[Breach]:
    """Nothing waits any more, and no part is down."""
    for key, rows in facts.deliveries.items():
        for row in rows:
            if row.state not in DECIDED:
                yield Breach(Kind.STUCK, key, f"the delivery is {row.state}")
    for build in facts.builds:
        if build.state not in ENDED:
            yield Breach(Kind.STUCK, build.id, f"the build is {build.state}")
    for notice in facts.notices:
        if notice.state in OPEN_NOTICES:
            yield Breach(Kind.STUCK, notice.id, f"the notice for {notice.channel} is {notice.state}")
    for part in facts.down:
        if part.startswith("source:"):
            continue  # its host, which is asked for what was missed, is in no run
        yield Breach(Kind.STUCK, part, "it is down, and all that it needs is there")


def _rates(_facts: Facts, evidence: Evidence) -> Iterator[Breach]:
    """No robot got more messages within a minute than its vendor takes, nor rejected any."""
    for robot, messages in evidence.sent.items():
        moments = [message.at for message in messages]
        for first, last in zip(moments, moments[LIMIT:], strict=False):
            if last - first < WINDOW:
                yield Breach(Kind.RATE, robot, f"{LIMIT + 1} messages within {last - first:.1f} s")
                break
    for robot, rejections in evidence.rejections.items():
        for rejection in rejections:
            yield Breach(Kind.RATE, robot, f"it rejected a message: {rejection}")


def _takeovers(_facts: Facts, evidence: Evidence) -> Iterator[Breach]:
    for one in evidence.takeovers:
        if one.seconds > one.most:
            said = f"{one.seconds:.1f} s without a sign of life, {one.most:.1f} s at most, after {one.after}"
            yield Breach(Kind.TAKEOVER, one.duty, said)


_CHECKS: Final[Sequence[Callable[[Facts, Evidence], Iterator[Breach]]]] = (
    _deliveries,
    _causes,
    _triggers,
    _ends,
    _order,
    _notices,
    _messages,
    _notice_order,
    _at_rest,
    _rates,
    _takeovers,
)
