"""The ports of the store: what services, views and commands may ask of it, and what they can rely on.

A call that writes returns once that is on disk: a power cut after it loses nothing of it. A call that writes
several rows writes all or none. Every call raises StoreError when the store cannot be read or written; then
nothing of it was written. Times are Unix seconds by the clock that the store was opened with.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any, Protocol, Unpack

from bridge.errors import StoreDied
from bridge.model.audit import Change
from bridge.model.build import Build, BuildState
from bridge.model.delivery import Delivery
from bridge.model.notice import Notice, NoticeState
from bridge.model.outbox import Choose, Later
from bridge.model.plan import KnownMove, Planner
from bridge.model.silence import Silenced
from bridge.store.activity import Activity
from bridge.store.callers import Audit, IdempotencyKeys, Sessions, Tokens
from bridge.store.feed import Feed, Messages
from bridge.store.health import Health
from bridge.store.jobs import Jobs
from bridge.store.logs import Logs
from bridge.store.lookup import Lookup
from bridge.store.monitoring import Monitoring
from bridge.store.nodes import Nodes
from bridge.store.refs import Looks
from bridge.store.reports import Reports
from bridge.store.rules import Repositories, Schedules
from bridge.store.silences import Silences
from bridge.store.values import (
    ANY_BUILD,
    ANY_DELIVERY,
    ANY_NOTICE,
    BuildChange,
    BuildFilter,
    Cursor,
    Decision,
    DeliveryFilter,
    DeliveryHead,
    DeliveryRow,
    LogPiece,
    LogRange,
    NoticeFilter,
    NoticeRow,
    NoticesFor,
    Page,
    Receipt,
    RecordedDecision,
    Step,
    no_notices,
)
from bridge.store.waits import Waits


class Deliveries(Protocol):
    """What Git hosts, people and schedules asked for."""

    async def put(self, delivery: Delivery) -> Receipt:
        """Keep a delivery; one with the same source and key is a repeat, and only noted.

        StoreError comes within 8 seconds, before a Git host hangs up. Only then a delivery may have been kept
        for all that, and the same again is a repeat.
        """

    async def order(self, delivery: Delivery, change: Change) -> None:
        """Keep a delivery that a person asks for; one of the same id was kept before, and stays as it is."""

    def reject(self, source: str, reason: str) -> None:
        """Count a request that was rejected; on disk once `Activity.keep_rejections` is called."""

    def crowded(self) -> bool:
        """Whether many deliveries waited for the disk at once since this was last asked."""

    async def claim(self, limit: int) -> list[Delivery]:
        """Deliveries that wait for a decision, as they were stored, at most `limit`, or fewer that are large.

        A delivery is claimed again until `record_decision` has written what becomes of it: to dispatch is a
        duty of one node. One that can no longer be read is not claimed: it becomes `dead`, with the reason.
        """

    async def moves(self, code: str, ref: str) -> Sequence[KnownMove]:
        """The recorded moves of a ref of this code, the first recorded first."""

    async def record_decision(
        self, delivery_id: str, decision: Decision, notices_for: NoticesFor, planner: Planner
    ) -> RecordedDecision | None:
        """Record what becomes of a delivery and carry out its plan, all or nothing.

        `planner` plans it, from what is known in the same transaction. `notices_for` says which notices a
        build asks for that this makes or ends. None for a delivery decided before: it changes nothing.
        """

    async def redeliver(self, delivery_id: str, change: Change, claim_id: str | None = None) -> str:
        """Keep the delivery once more, as a wanted repeat; returns the new id.

        With the id of a claimed idempotency key, then the new id, this is done once. Raises StoreError.
        """

    async def get(self, delivery_id: str) -> tuple[DeliveryRow, list[Step]] | None:
        """One delivery and its timeline."""

    async def explanations(self, delivery_ids: Sequence[str]) -> Mapping[str, Sequence[Any]]:
        """How it was explained what became of each of these deliveries."""

    async def page(
        self, cursor: Cursor, size: int, only: DeliveryFilter = ANY_DELIVERY
    ) -> Page[DeliveryHead]:
        """One page of the deliveries, newest first. Raises CannotList for filters that do not go together."""


class Builds(Protocol):
    """The builds, their logs and timelines."""

    async def claim(self, builder: str, slots: int | None, notices_for: NoticesFor) -> Build | None:
        """Take the oldest build that is due: it is `triggering`, with one attempt more, on disk.

        None when nothing is due, or `slots` builds are with the builder already. One that waits is due when
        its time has come, unless it is to end or another has to end first; a damaged one becomes `unknown`.
        """

    async def next_due(self, builder: str, since: float) -> float | None:
        """The first time after `since` that a build which is to be triggered waits for; None without any."""

    async def unwanted(self, builder: str) -> list[Build]:
        """Builds that wait, although a person or a newer push asked for their end; at most 1000."""

    async def usual_seconds(self, build: Build) -> float | None:
        """How long the newest builds of its repository that succeeded ran (the median); None without any."""

    async def in_state(self, builder: str, *states: BuildState) -> list[Build]:
        """The builds in these states that the builder may still know, oldest first, at most 10 000."""

    async def unreleased(self, builder: str, before: float) -> list[Build]:
        """Ended builds for which the builder may keep something, and unknown ones that wait since `before`.

        Earlier runs are not among them: see `replaced`.
        """

    async def transition(
        self,
        run_id: str,
        to: BuildState,
        notices_for: NoticesFor,
        **change: Unpack[BuildChange],
    ) -> Build | None:
        """Move a build along the table of transitions, with the notices that this asks for.

        Returns the build as it is then. None, and nothing is written, when the table does not allow it, or
        another run of the build has followed this one.
        """

    async def resolve(
        self, run_id: str, to: BuildState, why: str, notices_for: NoticesFor, change: Change
    ) -> Build | None:
        """The transition of a build that is `unknown`, as a person says it; None for one in another state."""

    async def retry(
        self,
        build_id: str,
        change: Change,
        reason: str,
        claim_id: str | None = None,
        *,
        notices_for: NoticesFor = no_notices,
    ) -> Build:
        """Make another run of a build that has ended, with its notices: it waits, with its number and tags.

        With the id of a claimed idempotency key this is done once, and then returns the build as it is.
        The timelines have the `reason`. Earlier runs stay. Raises CannotRetry.
        """

    async def run(self, run_id: str) -> Build | None:
        """One run of a build, by the id that its builder knows it by."""

    async def runs(self, build_id: str) -> list[Build]:
        """All runs of a build, the first one first."""

    async def replaced(self, builder: str) -> list[str]:
        """The ids of earlier runs for which the builder may still keep something; at most 1000."""

    async def update(self, run_id: str, **change: Unpack[BuildChange]) -> None:
        """Change facts about a run that is in no other state for that."""

    async def add_step(self, run_id: str, what: str, detail: str, /, **change: Unpack[BuildChange]) -> None:
        """Add to the timeline of a run, with what else changes by it; `what` is one word."""

    async def orphans(self, builders: Collection[str]) -> list[Build]:
        """The open builds of builders that are not among `builders`; at most 10,000."""

    async def request_cancel(self, build_id: str, reason: str, change: Change) -> bool:
        """Ask for the end of an open build; False when it has ended or was asked for before."""

    async def append_log(self, run_id: str, text: str, offset: int, *, restarted: bool) -> None:
        """Keep a piece of log, and `offset`, where the builder's log goes on.

        Of a log over the store's limit the beginning and the end are kept, half each, with a mark between.
        """

    async def log(
        self,
        build_id: str,
        after: int = -1,
        limit: int = 1000,
        *,
        run: int | None = None,
        start: float = 0.0,
        end: float = math.inf,
    ) -> list[LogPiece]:
        """Pieces of the log in their order: those after the `seq` `after`, kept between `start` and `end`.

        They are those of one `run`, of the newest where that is None; in a later run `seq` counts on.
        """

    async def log_range(self, build_id: str, offset: int, length: int, *, run: int | None = None) -> LogRange:
        """The log of a run from byte `offset` on, at most `length` bytes of it in whole characters.

        It is that of the newest run where `run` is None. What was left out of a long log counts, and the mark
        stands for it. An offset beyond the end is the end, and one inside of a character the next one.
        """

    async def log_tail(self, build_id: str, characters: int, *, run: int | None = None) -> str:
        """The end of the log of a run, the newest unless `run` says otherwise; at most so many characters."""

    async def get(self, build_id: str) -> Build | None:
        """One build by its id, in its newest run."""

    async def by_number(self, namespace: str, repo_name: str, number: int) -> Build | None:
        """One build by its number in its repository."""

    async def of_delivery(self, delivery_id: str) -> list[Build]:
        """The builds that a delivery created, oldest first."""

    async def steps(self, build_id: str, *, run: int | None = None) -> list[Step]:
        """The timeline of a run, the newest unless `run` says otherwise."""

    async def page(self, cursor: Cursor, size: int, only: BuildFilter = ANY_BUILD) -> Page[Build]:
        """One page of the builds, newest first."""


class Notices(Protocol):
    """The notices: written with what they say, then sent at least once, in order for each job and channel."""

    async def add(self, notices: Sequence[Notice]) -> None:
        """Write notices that belong to no build."""

    async def note_wait(self, channel: str, *, quiet_until: float, rate_until: float) -> None:
        """Note until when quiet hours and the rate keep notices of a channel, for who asks; 0.0 for none."""

    async def claim(
        self,
        channel: str,
        target: str,
        choose: Choose,
        recipients: Sequence[str] = (),
        *,
        silenced: Silenced = ...,
        since: float = 0.0,
    ) -> NoticeRow | Later | None:
        """Take the notice that goes next: it is `sending`, and an attempt on the target, on disk.

        Of what is due `choose` says which; several become a digest, which is a notice of its own. Returns it
        as it was before this attempt, or when to ask again; None when nothing waits. What is from before
        `since` is given up, what a silence holds (`silenced`) becomes `suppressed`. One that has no recipient
        yet becomes one for each of `recipients`. One whose attempt had no `end` is claimed again: to send to
        a channel is a duty of one node. One that cannot be read becomes `dead`, with the reason.
        """

    async def end(
        self,
        notice_id: str,
        state: NoticeState,
        detail: str,
        *,
        reason: str = "",
        next_at: float | None = None,
        count: bool = True,
    ) -> None:
        """Write how an attempt ended: `pending` asks for another at `next_at`, without `count` it was none.

        The members of a digest end with it; one that is rejected for its content is taken apart.
        """

    async def hurry(self, channel: str) -> None:
        """Make every notice to this channel due that waits for another attempt, the oldest first."""

    async def move(self, channel: str, to: str) -> int:
        """Have what waits for this channel, the oldest first, sent by another; returns how many have left.

        It takes a bounded part at once: call it until nothing leaves. Attempts begin anew. What `to` has of
        the same event ends as `suppressed`; what is about `to` itself stays.
        """

    async def sends_since(self, target: str, since: float) -> list[float]:
        """When attempts on this target began, oldest first, at most an hour back."""

    async def pause(self, target: str, until: float) -> None:
        """Keep that nothing may be sent to this target before `until`; a time that is past ends the pause."""

    async def paused_until(self, target: str) -> float:
        """When the last pause of this target ends; 0 when none is known."""

    async def end_orphans(self, channels: Collection[str]) -> int:
        """End the open notices to a channel that is not among `channels`; returns how many.

        What came there from one that is goes back to it. A build that was created before the last start may
        still name a channel of then.
        """

    async def get(self, notice_id: str) -> tuple[NoticeRow, list[Step]] | None:
        """One notice and its timeline."""

    async def page(self, cursor: Cursor, size: int, only: NoticeFilter = ANY_NOTICE) -> Page[NoticeRow]:
        """One page of the notices, newest first."""

    async def drop(self, notice_id: str, why: str, change: Change) -> bool:
        """End a notice that waits, unsent; False for one that is being sent, has ended, or is gone."""

    async def replay(self, notice_id: str, change: Change, claim_id: str | None = None) -> str:
        """Write the notice once more, as a new one that is due now; returns its id.

        With the id of a claimed idempotency key, which is then the new id, this is done once. Raises
        CannotReplay when there is no such notice, or it is still to be sent.
        """


class Store(Protocol):
    """An open store."""

    @property
    def deliveries(self) -> Deliveries: ...
    @property
    def builds(self) -> Builds: ...
    @property
    def logs(self) -> Logs: ...
    @property
    def reports(self) -> Reports: ...
    @property
    def waits(self) -> Waits: ...
    @property
    def lookup(self) -> Lookup: ...
    @property
    def activity(self) -> Activity: ...
    @property
    def notices(self) -> Notices: ...
    @property
    def silences(self) -> Silences: ...
    @property
    def health(self) -> Health: ...
    @property
    def jobs(self) -> Jobs: ...
    @property
    def messages(self) -> Messages: ...
    @property
    def schedules(self) -> Schedules: ...
    @property
    def looks(self) -> Looks: ...
    @property
    def repositories(self) -> Repositories: ...
    @property
    def tokens(self) -> Tokens: ...
    @property
    def sessions(self) -> Sessions: ...
    @property
    def audit(self) -> Audit: ...
    @property
    def idempotency_keys(self) -> IdempotencyKeys: ...
    @property
    def feed(self) -> Feed: ...
    @property
    def monitoring(self) -> Monitoring: ...
    @property
    def nodes(self) -> Nodes: ...

    @property
    def death(self) -> StoreDied | None:
        """Why nothing can be written until the store is opened again; None while it can."""

    @property
    def beating(self) -> bool:
        """Whether the store showed within the last half minute that it lives."""

    async def recover(self, channels: Collection[str], parts: Collection[str]) -> int:
        """Take up what earlier processes left, when no other node is there; returns how many notices ended.

        A notice that was being sent is sent again. Notices to no channel of `channels` end; the health and
        jobs of `parts` are kept.
        """

    async def prune(self, *, deliveries: timedelta, builds: timedelta) -> int:
        """Delete deliveries and builds that are older than that; returns how many rows.

        What is open stays, and each repository's newest build: numbers never repeat. All else goes as builds.
        """

    async def shift_clock(self, seconds: float) -> None:
        """Follow a clock that was set forward by so many seconds, or back: what is due keeps its distance."""
