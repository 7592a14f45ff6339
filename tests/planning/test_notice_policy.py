"""Who gets which notice of a build: through the store, which knows how the builds before it ended."""

from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Literal

import pytest
from support.listed import newest_notices
from support.rules import NAMES, rules_of
from support.scripted import Store, new_build
from support.trail import change_by

from bridge.config.notices import NoticeSetting
from bridge.model.build import Build, BuildState
from bridge.model.notice import BuildFacts, EventName, ServiceFacts, Subscription
from bridge.planning.notice_policy import NoticePolicy, ServiceNoticePolicy
from bridge.store.sql.health import Health
from bridge.store.values import BuildChange, NoticeFilter, unchanged

Only = Literal["always", "changes", "failures"]
ALL = frozenset(EventName)
S, F, C, U = BuildState.SUCCEEDED, BuildState.FAILED, BuildState.CANCELLED, BuildState.UNKNOWN
X = BuildState.SUPERSEDED


async def end(store: Store, build: Build, state: BuildState, tail: str = "") -> None:
    notice_policy = NoticePolicy(store.clock, tail)
    for step in (BuildState.TRIGGERING, BuildState.QUEUED, BuildState.RUNNING, state):
        assert await store.builds.transition(build.id, step, notice_policy)


async def history(
    store: Store, states: list[BuildState], only: Only, events: frozenset[EventName] = ALL
) -> list[str]:
    """What the channel `team` gets while builds of one branch end like this."""
    subscriptions = (Subscription(channel="team", events=events, only=only),)
    for number, state in enumerate(states):
        build = await store.add_build(str(number), subscriptions=subscriptions)
        await end(store, build, state)
    return [event.removeprefix("buildJob") for event in await store.events("team")]


@pytest.mark.parametrize(
    ("only", "states", "expected"),
    [
        ("always", [S, F, F, S, S], "Success Fail Fail Fixed Success"),
        ("always", [S, X], "Success Stop"),
        ("changes", [S, S], ""),
        ("changes", [F, F, F, S, S, F], "Fail Fixed Fail"),
        ("changes", [F, C, F], "Fail Stop"),
        ("changes", [U, F, S], "Fail Fixed"),
        ("failures", [S, F, U, S, F, C], "Fail Fail Fail"),
    ],
)
async def test_a_subscription_hears_what_it_asked_for(
    store: Store, only: Only, states: list[BuildState], expected: str
) -> None:
    heard = await history(store, states, only, ALL - {EventName.START})
    assert " ".join(heard) == expected


@pytest.mark.parametrize("asked", [{EventName.SUCCESS}, {EventName.SUCCESS, EventName.FIXED}])
async def test_a_fixed_build_is_fixed_to_all_who_asked_for_successes(
    store: Store, asked: set[EventName]
) -> None:
    assert await history(store, [F, S, S], "always", frozenset(asked)) == ["Fixed", "Success"]


async def test_a_rule_that_names_no_events_hears_of_a_repair_as_one(store: Store) -> None:
    setting = NoticeSetting(channel="team", only="changes").resolve({"team": "DING_TALK"}, {})
    heard = await history(store, [S, F, F, S, S], setting.only, setting.subscription.events)
    assert heard == ["Fail", "Fixed"]


RULE = """
namespace: acme
repo_name: shop
build_config:
  code_repo_client: Gitee
  code_repo_namespace: acme
  code_repo_name: shop
  tag_configs: [{code_repo_type: branch, code_repo_type_value: main, docker_repo_tag: latest}]
"""


@pytest.mark.parametrize(
    ("of_rule", "of_channel", "expected"),
    [
        ("", "", "Success Fail Fixed"),
        ("", "buildJobStart", "Start Start Start Start"),
        ("", "buildJobStop buildJobFail", "Fail Stop"),
        ("buildJobStart buildJobFail", "", "Start Start Fail Start Start"),
        ("buildJobStop", "", "Stop"),
        ("buildJobFixed", "buildJobStart buildJobStop", "Fixed"),
    ],
)
async def test_events_are_switched_by_a_rule_and_without_it_by_the_channel(
    store: Store, tmp_path: Path, of_rule: str, of_channel: str, expected: str
) -> None:
    own = f", enabled_event_type_names: [{', '.join(of_rule.split())}]" if of_rule else ""
    events = {"team": tuple(map(EventName, of_channel.split()))} if of_channel else {}
    rules = rules_of(
        tmp_path,
        f"{RULE}notices: [{{channel: team{own}}}]\n",
        names=replace(NAMES, channel_events=events),
    )
    notices = rules.repositories["acme", "shop"].notices
    assert notices is not None
    heard = await history(store, [S, F, C, S], "always", notices[0].subscription.events)
    assert " ".join(heard) == expected


async def test_who_asked_for_fixed_alone_hears_no_plain_success(store: Store) -> None:
    assert await history(store, [S, F, S, S], "always", frozenset({EventName.FIXED})) == ["Fixed"]


async def test_changes_of_somebody_who_asked_for_successes_are_the_fixed_ones(store: Store) -> None:
    assert await history(store, [S, F, S, S], "changes", frozenset({EventName.SUCCESS})) == ["Fixed"]


async def test_every_event_is_a_message_whatever_the_channels_want(store: Store) -> None:
    message = Subscription(channel="message", events=frozenset({EventName.SUCCESS}), only="failures")
    for number, state in enumerate([S, F, S, C]):
        await end(store, await store.add_build(str(number), subscriptions=(message,)), state)
    assert [event.removeprefix("buildJob") for event in await store.events()] == [
        *("Start", "Success"),
        *("Start", "Fail"),
        *("Start", "Fixed"),
        *("Start", "Stop"),
    ]


async def test_that_a_build_waits_is_told_once_a_run_and_to_who_asked_for_it_alone(store: Store) -> None:
    follower = Subscription(channel="status", events=ALL)
    others = Subscription(channel="team", events=ALL - {EventName.QUEUED})
    policy = NoticePolicy(store.clock)
    build = await store.add_build("1", subscriptions=(follower, others), notices_for=policy)
    assert await store.events("status") == [EventName.QUEUED]
    for state in (BuildState.TRIGGERING, BuildState.WAITING):  # the builder was proven not to have it
        assert await store.builds.transition(build.id, state, policy)
    await end(store, build, F)
    await store.builds.retry(build.id, change_by("ann"), "again", notices_for=policy)
    await end(store, replace(build, run=2, id=f"{build.id}.2"), S)
    heard = [event.removeprefix("buildJob") for event in await store.events("status")]
    assert heard == ["Queued", "Start", "Fail", "Queued", "Start", "Fixed"]
    for channel in ("team", "message"):
        heard = [event.removeprefix("buildJob") for event in await store.events(channel)]
        assert heard == ["Start", "Fail", "Start", "Fixed"]


async def test_a_notice_says_where_the_code_is_and_of_which_folder_the_image(store: Store) -> None:
    subscriptions = (Subscription(channel="status", events=ALL),)
    policy = NoticePolicy(store.clock)
    await store.add_build(
        "1",
        subscriptions=subscriptions,
        notices_for=policy,
        context="/api",
        dockerfile="/api/Dockerfile",
        origin=replace(new_build("1").origin, client="GitHub", code_path="acme/shop"),
    )
    (row,) = await newest_notices(store, 9, NoticeFilter(channel="status"))
    facts = row.notice.facts
    assert isinstance(facts, BuildFacts)
    assert (facts.code_host, facts.code_path) == ("GitHub", "acme/shop")
    assert (facts.context, facts.dockerfile) == ("/api", "/api/Dockerfile")


async def test_failures_in_a_row_are_counted_on_their_own_branch(store: Store) -> None:
    for number, (ref, state) in enumerate([("main", F), ("dev", F), ("main", C), ("main", F), ("main", S)]):
        build = await store.add_build(str(number), ref=f"refs/heads/{ref}")
        await end(store, build, state)
    rows = await newest_notices(store, 100, NoticeFilter(channel="message"))
    streaks = [
        (row.notice.event.removeprefix("buildJob"), row.notice.facts.streak)
        for row in reversed(rows)
        if isinstance(row.notice.facts, BuildFacts) and row.notice.event != EventName.START
    ]
    assert streaks == [("Fail", 1), ("Fail", 1), ("Stop", 1), ("Fail", 2), ("Fixed", 2)]


async def test_tag_sets_of_one_ref_fail_and_succeed_independently(store: Store) -> None:
    """Two Dockerfiles of one rule, one of which fails for ever."""
    subscriptions = (Subscription(channel="team", events=ALL - {EventName.START}),)
    for push in range(3):
        for folder, state in (("/good", S), ("/bad", F)):
            build = await store.add_build(
                f"{push}{folder}", tag_set=f"refs/heads/main\n{folder}\n/", subscriptions=subscriptions
            )
            await end(store, build, state)
    assert await store.events("team") == [EventName.SUCCESS, EventName.FAIL] * 3


async def test_a_repair_says_since_which_build_and_for_how_long(store: Store) -> None:
    for number, (state, wait) in enumerate([(S, 0), (F, 60), (C, 60), (U, 0), (S, 600), (S, 0)]):
        store.clock.advance(wait)
        build = await store.add_build(str(number))
        notice_policy = NoticePolicy(store.clock)
        assert await store.builds.transition(build.id, BuildState.TRIGGERING, notice_policy)
        assert await store.builds.transition(build.id, state, notice_policy, ended_at=store.clock())
    streaks = [
        (facts.number, facts.streak, facts.streak_since, facts.streak_seconds)
        for row in reversed(await newest_notices(store, 100, NoticeFilter(channel="message")))
        if isinstance(facts := row.notice.facts, BuildFacts)
    ]
    assert streaks == [
        (1, 0, None, None),
        (2, 1, None, None),
        (3, 1, 2, 60.0),
        (4, 2, 2, 60.0),
        (5, 2, 2, 660.0),
        (6, 0, None, None),
    ]


async def test_an_old_build_that_succeeds_after_a_newer_one_repairs_nothing(store: Store) -> None:
    failed, old, newer = [await store.add_build(str(number)) for number in range(3)]
    await end(store, failed, F)
    await end(store, newer, S)
    await end(store, old, S)
    heard = [event for event in await store.events() if event != EventName.START]
    assert heard == [EventName.FAIL, EventName.FIXED, EventName.SUCCESS]


async def test_how_a_later_build_ended_says_nothing_of_an_earlier_one(store: Store) -> None:
    first, second, third = [await store.add_build(str(number)) for number in range(3)]
    await end(store, second, F)
    await end(store, first, S)
    await end(store, third, S)
    heard = [event for event in await store.events() if event != EventName.START]
    assert heard == [EventName.FAIL, EventName.SUCCESS, EventName.FIXED]


@pytest.mark.parametrize("steps", [[S], [BuildState.RUNNING, S]], ids=["ended", "found running"])
async def test_a_build_that_was_lost_and_found_to_have_succeeded_is_fixed(
    store: Store, steps: list[BuildState]
) -> None:
    build = await store.add_build()
    await end(store, build, U)
    store.clock.advance(60)
    notice_policy = NoticePolicy(store.clock)
    for state in steps:
        assert await store.builds.transition(build.id, state, notice_policy)
    assert (await store.events())[1:] == [EventName.FAIL, EventName.FIXED]
    (row,) = await newest_notices(store, 1, NoticeFilter(channel="message"))
    assert isinstance(row.notice.facts, BuildFacts)
    assert (row.notice.facts.streak, row.notice.facts.streak_since) == (1, build.number)
    assert row.notice.facts.streak_seconds == 60.0


async def test_a_build_reports_each_thing_once_to_each_channel(store: Store) -> None:
    twice = Subscription(channel="team", events=ALL)
    build = await store.add_build(subscriptions=(twice, twice))
    notice_policy = NoticePolicy(store.clock)
    for state in (BuildState.TRIGGERING, U, BuildState.RUNNING, U, F):
        assert await store.builds.transition(build.id, state, notice_policy)
    assert await store.events("team") == [EventName.FAIL, EventName.START, EventName.FAIL], (
        "unknown, then failed"
    )


async def test_only_a_failure_shows_the_end_of_the_log(store: Store) -> None:
    for key, state in (("1", F), ("2", S), ("3", C)):
        await end(store, await store.add_build(key), state, tail="the last words")
    rows = await newest_notices(store, 100, NoticeFilter(channel="message"))
    tails = {
        row.notice.event: row.notice.facts.log_tail
        for row in rows
        if isinstance(row.notice.facts, BuildFacts)
    }
    assert tails == {
        EventName.START: "",
        EventName.FAIL: "the last words",
        EventName.FIXED: "",
        EventName.STOP: "",
    }


async def test_the_line_of_a_log_that_says_the_reason_is_not_shown_beside_the_reason(store: Store) -> None:
    build = await store.add_build()
    log = "error: no such file\nfailed: sh failed with exit code 1\n"
    policy = NoticePolicy(store.clock, log)
    await store.builds.transition(build.run_id, F, policy, detail="sh failed with exit code 1")
    (row, *_) = await newest_notices(store, 1, NoticeFilter(channel="message"))
    assert isinstance(row.notice.facts, BuildFacts)
    assert row.notice.facts.log_tail == "error: no such file\n"


async def test_a_build_that_no_one_knows_the_end_of_shows_the_end_of_its_log(store: Store) -> None:
    await end(store, await store.add_build(), U, tail="the last words")
    (row, *_) = await newest_notices(store, 1, NoticeFilter(channel="message"))
    assert isinstance(row.notice.facts, BuildFacts)
    assert row.notice.facts.log_tail == "the last words"


@pytest.mark.parametrize(
    ("began", "ended", "duration"),
    [
        ({"triggered_at": 1.0, "started_at": 60.0}, {"ended_at": 65.0}, 5.0),
        ({"triggered_at": 1.0}, {"ended_at": 8.0}, 7.0),
        ({"triggered_at": 1.0, "started_at": 60.0}, {"ended_at": 51.0}, 0.0),
        ({}, {"ended_at": 8.0}, None),
        ({"triggered_at": 1.0}, {}, None),
    ],
    ids=["ran", "never ran", "clock set back", "never triggered", "end unknown"],
)
async def test_a_build_takes_the_time_since_it_began(
    store: Store, began: BuildChange, ended: BuildChange, duration: float | None
) -> None:
    build, notice_policy = await store.add_build(), NoticePolicy(store.clock)
    assert await store.builds.transition(build.id, BuildState.TRIGGERING, notice_policy, **began)
    assert await store.builds.transition(build.id, F, notice_policy, **ended)
    (row, *_) = await newest_notices(store, 1, NoticeFilter(channel="message"))
    assert isinstance(row.notice.facts, BuildFacts)
    assert row.notice.facts.duration == duration


async def test_a_notice_leads_to_the_build(store: Store) -> None:
    build = await store.add_build()
    await end(store, build, S)
    (row, *_) = await newest_notices(store, 1, NoticeFilter(channel="message"))
    assert isinstance(row.notice.facts, BuildFacts)
    assert row.notice.facts.images == ("acme/shop:latest",)
    assert row.build_id == build.id


async def test_who_asked_for_it_is_reported_of_the_bridge_itself_but_no_channel_of_its_own_trouble(
    store: Store,
) -> None:
    both = frozenset({EventName.DEGRADED, EventName.RESTORED})
    watchers = [
        Subscription(channel="team", events=both),
        Subscription(channel="mail", events=frozenset({EventName.DEGRADED})),
        Subscription(channel="quiet", events=frozenset({EventName.FAIL})),
    ]
    health = Health(store.database, store.clock, ServiceNoticePolicy(store.clock, watchers), unchanged)
    for part in ("builder:here", "channel:team"):
        assert await health.degrade(part, "no answer")
        assert not await health.degrade(part, "still no answer")
        assert await health.restore(part, "it answers again")
    assert await store.events("team") == [EventName.DEGRADED, EventName.RESTORED]
    assert await store.events("mail") == [EventName.DEGRADED] * 2
    assert await store.events("quiet") == []
    assert await store.events("message") == [EventName.DEGRADED, EventName.RESTORED] * 2


def test_all_channels_hear_of_an_event_of_the_bridge_at_one_moment() -> None:
    moments = count(1.0)
    watchers = [Subscription(channel="team", events=frozenset({EventName.DEGRADED}))]
    made = ServiceNoticePolicy(lambda: next(moments), watchers)(
        EventName.DEGRADED, ServiceFacts(subject="builder:here", detail="no answer")
    )
    assert [notice.channel for notice in made] == ["message", "team"]
    assert len({notice.created_at for notice in made}) == 1
