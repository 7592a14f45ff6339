"""Which channel of a pool a notice goes to."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from support.listed import newest_notices
from support.rules import NAMES
from support.scripted import Store

from bridge.config.notices import NoticeSetting, Unresolved
from bridge.model.build import BuildState
from bridge.model.notice import EventName, ServiceFacts, Subscription
from bridge.planning.notice_policy import NoticePolicy, ServiceNoticePolicy
from bridge.planning.pools import channel_of, key_of_code
from bridge.store.values import NoticeFilter

POOLS = {"team": ("a", "b", "c")}
KEYS = [f"gitee acme/r{number}" for number in range(3000)]
WRITTEN = ["a", "c", "a", "b", "b", "b", "a", "a"]


def test_each_robot_has_its_share_and_a_key_its_robot() -> None:
    found = {key: channel_of(POOLS, "team", key) for key in KEYS}
    assert all(900 < count < 1100 for count in Counter(found.values()).values())
    assert found == {key: channel_of({"team": ("c", "a", "b")}, "team", key) for key in KEYS}
    assert [found[key] for key in KEYS[:8]] == WRITTEN, "another process, or a later release, finds the same"


def test_a_robot_that_is_removed_gives_up_its_own_keys_only() -> None:
    for key in KEYS:
        before, after = channel_of(POOLS, "team", key), channel_of({"team": ("a", "c")}, "team", key)
        assert after in {"a", "c"}
        assert before in {"b", after}


def test_a_channel_is_itself() -> None:
    assert channel_of(POOLS, "mail", "x") == "mail"


def test_a_rule_that_names_no_channel_and_no_pool_is_offered_both() -> None:
    names = replace(NAMES, pools={"robots": ("mail", "mail2")})
    for near in ("robot", "taem"):
        with pytest.raises(Unresolved, match=f"did you mean {'robots' if near == 'robot' else 'team'}"):
            NoticeSetting(channel=near).resolve(names.channels, {}, pools=names.pools)


async def heard(store: Store, key: str, policy: NoticePolicy, state: BuildState, **changes: Any) -> set[str]:
    only = Subscription(channel="team", events=frozenset({EventName.FAIL}), only="changes")
    build = await store.add_build(key, subscriptions=(only,), **changes)
    for step in (BuildState.TRIGGERING, BuildState.RUNNING, state):
        assert await store.builds.transition(build.id, step, policy)
    rows = await newest_notices(store, 99, NoticeFilter(build_id=build.id))
    return {one.notice.channel for one in rows} - {"message"}


async def test_the_images_of_one_code_repository_go_to_one_robot(store: Store) -> None:
    """They are of different rules, and of one push: they go in one message."""
    policy = NoticePolicy(store.clock, pools=POOLS)
    found = set()
    for number in range(6):
        found |= await heard(store, f"{number}", policy, BuildState.FAILED, repo_name=f"image-{number}")
    assert len(found) == 1


async def test_what_still_fails_is_no_news_to_a_robot_that_came_to_the_pool(store: Store) -> None:
    key = key_of_code(None, "https://git.example.com/shop.git")
    wider = ({"team": (*POOLS["team"], f"d{number}")} for number in range(99))
    pools = next(pools for pools in wider if channel_of(pools, "team", key) == pools["team"][-1])
    assert len(await heard(store, "1", NoticePolicy(store.clock, pools=POOLS), BuildState.FAILED)) == 1
    assert await heard(store, "2", NoticePolicy(store.clock, pools=pools), BuildState.FAILED) == set()


async def test_that_a_robot_is_down_is_sent_by_another_one_of_its_pool(store: Store) -> None:
    watcher = Subscription(channel="team", events=frozenset({EventName.DEGRADED}))
    policy = ServiceNoticePolicy(store.clock, [watcher], POOLS)
    for name in "abc":
        made = policy(EventName.DEGRADED, ServiceFacts(subject=f"channel:{name}", detail="the key is wrong"))
        (channel,) = {one.channel for one in made} - {"message"}
        assert channel in {"a", "b", "c"} - {name}


async def test_that_a_channel_is_down_is_sent_by_its_fallback(store: Store) -> None:
    watcher = Subscription(channel="team", events=frozenset({EventName.DEGRADED}))
    policy = ServiceNoticePolicy(store.clock, [watcher], fallbacks={"team": "spare"})
    found = {
        subject: {
            one.channel for one in policy(EventName.DEGRADED, ServiceFacts(subject=subject, detail="x"))
        }
        for subject in ("channel:team", "channel:spare", "builder:ci")
    }
    assert found == {
        "channel:team": {"message", "spare"},
        "channel:spare": {"message", "team"},
        "builder:ci": {"message", "team"},
    }
