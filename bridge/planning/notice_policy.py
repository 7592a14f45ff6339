"""Which notices a build's new state, or an event of the bridge itself, asks for (pure)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from uuid_utils import uuid7

from bridge.model.build import Build, BuildState
from bridge.model.notice import (
    MESSAGE_CHANNEL,
    BuildFacts,
    EventName,
    Notice,
    ServiceFacts,
    Streak,
    Subscription,
)
from bridge.planning.pools import Pools, channel_of, key_of_build
from bridge.runtime.clock import Clock

_EVENTS: Final = {
    BuildState.WAITING: EventName.QUEUED,
    BuildState.RUNNING: EventName.START,
    BuildState.SUCCEEDED: EventName.SUCCESS,
    BuildState.FAILED: EventName.FAIL,
    BuildState.UNKNOWN: EventName.FAIL,
    BuildState.CANCELLED: EventName.STOP,
    BuildState.SUPERSEDED: EventName.STOP,
}


_REMINDED: Final = 10
"""Channels that get changes get every tenth failure in a row, too."""


@dataclass(slots=True)
class NoticePolicy:
    """Turns a build in a new state into notices; `log_tail` is the end of its log, if that is known.

    `pools` are replaced with the configuration.
    """

    clock: Clock
    log_tail: str = ""
    pools: Pools = field(default_factory=dict)

    def __call__(self, build: Build, before: Streak) -> Sequence[Notice]:
        event = _EVENTS.get(build.state)
        if event is None:
            return []
        now = self.clock()
        if event is EventName.SUCCESS and before.count:
            event = EventName.FIXED
        streak = before.count + (event is EventName.FAIL)
        facts = self._facts(build, replace(before, count=streak))
        return [
            Notice(id=str(uuid7()), channel=channel, event=event, facts=facts, created_at=now)
            for channel in _audience(build, event, before, now, self.pools)
        ]

    def _facts(self, build: Build, streak: Streak) -> BuildFacts:
        origin, request = build.origin, build.request
        begun = build.started_at or build.triggered_at
        duration = max(0.0, build.ended_at - begun) if build.ended_at and begun else None
        return BuildFacts(
            build_id=build.id,
            namespace=build.namespace,
            repo_name=build.repo_name,
            number=build.number,
            state=build.state,
            detail=build.detail or None,
            ref_kind=origin.ref_kind,
            ref_name=origin.ref_name,
            sha=request.commit,
            commit_url=origin.commit_url,
            subject=origin.subject,
            author=origin.author,
            committer=origin.committer,
            co_authors=origin.co_authors,
            images=tuple(f"{request.image}:{tag}" for tag in request.tags) if build.images_passed else (),
            builder=build.builder,
            duration=duration,
            build_url=build.url,
            cause=origin.cause,
            by=origin.by,
            run=build.run,
            code_host=origin.client,
            code_path=origin.code_path,
            context=request.context,
            dockerfile=request.dockerfile,
            stage=build.stage,
            streak=streak.count,
            streak_since=streak.since,
            streak_seconds=self._seconds(build, streak),
            log_tail=self._tail(build),
            delivery_id=origin.delivery_id,
        )

    def _tail(self, build: Build) -> str:
        """Without the line in which a log says the reason: the notice gives that itself."""
        if build.state not in {BuildState.FAILED, BuildState.UNKNOWN}:
            return ""
        reason = f"{build.state}: {build.detail}\n"
        return self.log_tail.removesuffix(reason) if self.log_tail.endswith(f"\n{reason}") else self.log_tail

    def _seconds(self, build: Build, streak: Streak) -> float | None:
        if streak.began is None:
            return None
        return max(0.0, (build.ended_at or self.clock()) - streak.began)


@dataclass(slots=True)
class ServiceNoticePolicy:
    """Turns an event of the bridge itself into notices, to the app and to the `watchers` of such events.

    `watchers`, `pools` and `fallbacks` (channels, by the channel that each stands in for) are replaced with
    the configuration.
    """

    clock: Clock
    watchers: Sequence[Subscription] = ()
    pools: Pools = field(default_factory=dict)
    fallbacks: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, event: EventName, facts: ServiceFacts) -> Sequence[Notice]:
        """No channel receives a notice about itself: another one of its pool does, or its fallback."""
        about = facts.subject.removeprefix("channel:") if facts.subject.startswith("channel:") else None
        channels = [
            channel_of(self.pools, one.channel, facts.subject, without=about)
            for one in self.watchers
            if event in one.events
        ]
        hearing = [self.fallbacks.get(channel) if channel == about else channel for channel in channels]
        now = self.clock()  # the same for all: so a fallback knows what it has
        return [
            Notice(id=str(uuid7()), channel=channel, event=event, facts=facts, created_at=now)
            for channel in dict.fromkeys([MESSAGE_CHANNEL, *hearing])
            if channel is not None
        ]


def _audience(build: Build, event: EventName, before: Streak, now: float, pools: Pools) -> list[str]:
    """The channels that get the event; a fixed build is one to all who asked for successes, too.

    That a build waits goes only to who asked for it.
    """
    asked = {event, EventName.SUCCESS} if event is EventName.FIXED else {event}
    key = key_of_build(build)
    channels = [
        channel_of(pools, one.channel, key)
        for one in build.subscriptions
        if not asked.isdisjoint(one.events)
        and _wanted(one, event, build, before, now, pools.get(one.channel, [one.channel]))
    ]
    kept = [] if event is EventName.QUEUED else [MESSAGE_CHANNEL]
    return list(dict.fromkeys([*kept, *channels]))


def _wanted(  # noqa: PLR0917  # all of one decision
    one: Subscription, event: EventName, build: Build, before: Streak, now: float, channels: Sequence[str]
) -> bool:
    """Whether it asks for this; it may have heard of the failures before by any of `channels`."""
    match one.only, event:
        case "failures", _:
            return event is EventName.FAIL
        case "changes", EventName.SUCCESS:
            return build.origin.ref_kind == "tag"
        case "changes", EventName.FAIL:
            is_first = not (before.count or before.again)
            last = max((before.noticed[name] for name in channels if name in before.noticed), default=None)
            is_due = last is None or now - last >= one.remind
            is_tenth = (before.count + 1) % _REMINDED == 0 and not before.again
            return is_first or is_due or is_tenth
        case _:
            return True
