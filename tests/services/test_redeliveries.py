"""What a host could not deliver it is asked to send again, each once, before a push counts as missed."""

import json
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from support.fake_github_hooks import GitHubHooks
from support.fake_hooks import REPOSITORY, TOKEN
from support.fake_http import json_reply
from support.fake_resending import ResendingHooks
from support.reconciling import NONE, heads
from support.redelivering import HOSTS, MAIN, RedeliveryHarness, redelivering, site
from support.scripted import Store, delivery_of, eventually

from bridge.forges import redelivery
from bridge.model.missed import MissedState
from bridge.planning.looked_code import LOOK_SECONDS
from bridge.services import redeliveries
from bridge.services.reconciler import ASKING_SECONDS, GRACE_SECONDS

DAY = 86_400.0


async def away(harness: RedeliveryHarness, *texts: str) -> list[str]:
    """Pushes whose deliveries fail; their commits."""
    harness.away = True
    pushed = [await harness.commit(text) for text in texts]
    harness.away = False
    return pushed


async def commits(harness: RedeliveryHarness) -> list[str]:
    return [one.request.commit for one in await harness.builds()]


async def states(harness: RedeliveryHarness) -> list[str]:
    return [one.state for one in await harness.missed()]


@pytest.mark.parametrize("kind", HOSTS)
async def test_what_failed_is_sent_again_and_is_not_missed(store: Store, tmp_path: Path, kind: str) -> None:
    async with redelivering(store, tmp_path, kind) as harness:
        pushed = await away(harness, "2", "3")
        with capture_logs() as lines:
            await harness.look()
        for _ in range(3):
            await harness.look()
        first, second = (one.key for one in reversed(harness.host.sent) if not one.again)
        assert harness.host.sent_again() == [first, second]
        assert await commits(harness) == pushed
        found = {(one.ref, one.after, one.state) for one in await harness.missed()}
        assert found == {(MAIN, commit, MissedState.REDELIVERED) for commit in pushed}
        (reason,) = {one.reason for one in await harness.missed()}
        assert reason.startswith(f"{kind} could not deliver it (503")
        assert reason.endswith("), and was asked to send it again")
        asked = [line for line in lines if line["event"] == "redelivery.asked"]
        assert [line["key"] for line in asked] == [first, second]
        assert await harness.service_notices("message") == []
        assert TOKEN not in str(lines)


@pytest.mark.parametrize("kind", HOSTS)
async def test_where_no_ref_moved_unseen_the_host_is_not_asked(
    store: Store, tmp_path: Path, kind: str
) -> None:
    async with redelivering(store, tmp_path, kind) as harness:
        await harness.commit("2")
        await eventually(harness.all_are_decided)
        for _ in range(3):
            await harness.look()
        assert harness.host.requests == []


@pytest.mark.parametrize("kind", HOSTS)
async def test_what_fails_once_more_is_missed_and_never_asked_for_again(
    store: Store, tmp_path: Path, kind: str
) -> None:
    async with redelivering(store, tmp_path, kind) as harness:
        (pushed,) = await away(harness, "2")
        harness.away = True
        await harness.look()
        assert sorted(await states(harness)) == ["asked", "built"]
        assert await commits(harness) == [pushed]
        harness.host.sent.pop(0)  # as if the host had forgotten that it was asked
        harness.origin.commit({"a": "3"})
        harness.origin.push()
        await harness.look()
        assert len(harness.asked()) == 1


@pytest.mark.parametrize("carried_out", [False, True])
async def test_a_lost_answer_has_it_asked_for_until_the_host_has_it(
    store: Store, tmp_path: Path, *, carried_out: bool
) -> None:
    async with redelivering(store, tmp_path, "GitHub") as harness:
        pushed = await away(harness, "2")
        harness.host.trouble("reset", "POST", acts=carried_out)
        await harness.look()
        await harness.advance(GRACE_SECONDS)
        assert len(harness.asked()) == (1 if carried_out else 2)
        assert await states(harness) == ["redelivered"]
        assert await commits(harness) == pushed


async def test_who_dies_before_the_request_asks_after_its_restart(store: Store, tmp_path: Path) -> None:
    async with site(store, tmp_path, "GitHub") as first:
        async with first.running():
            await first.begin()
            pushed = await away(first, "2")
            first.host.trouble("hang", "POST")
            store.clock.advance(LOOK_SECONDS)
            first.reconciler.wake()
            await eventually(first.asked)
        harness = first.reborn()
        async with harness.running():
            await harness.begin()
            await harness.look()
        assert len(harness.asked()) == 2
        assert await states(harness) == ["redelivered"]
        assert await commits(harness) == pushed


@pytest.mark.parametrize(("left", "asked", "pushes"), [(0, 0, "2"), (4, 1, "2"), (4, 1, "23")])
async def test_a_spent_quota_is_waited_for(
    store: Store, tmp_path: Path, left: int, asked: int, pushes: str
) -> None:
    async with redelivering(store, tmp_path, "GitHub") as harness:
        assert isinstance(harness.host, GitHubHooks)
        pushed = await away(harness, *pushes)
        # Two for the pages of webhooks, one for that of deliveries.
        harness.host.left, harness.host.resets_at = left, time.time() + 200
        await harness.look()
        assert len(harness.asked()) == asked
        assert len(harness.host.requests) == max(1, left)
        await harness.advance(GRACE_SECONDS)
        assert len(harness.host.requests) == max(1, left)
        harness.host.left = None
        for _ in range(3):
            await harness.advance(GRACE_SECONDS)
        assert await commits(harness) == pushed
        assert await states(harness) == ["redelivered"] * len(pushed)


async def test_a_quota_that_the_last_request_spent_is_waited_for(store: Store, tmp_path: Path) -> None:
    async with redelivering(store, tmp_path, "GitHub") as harness:
        assert isinstance(harness.host, GitHubHooks)
        await away(harness, "2")
        harness.away = True
        harness.host.left, harness.host.resets_at = 4, time.time() + 200
        await harness.look()
        await harness.advance(GRACE_SECONDS)
        assert len(harness.host.requests) == 4


async def test_more_than_the_host_sends_in_a_minute_is_sent_minute_by_minute(
    store: Store, tmp_path: Path
) -> None:
    async with redelivering(store, tmp_path, "GitLab") as harness:
        pushed = await away(harness, *"2345678")
        await harness.look()
        await harness.advance(GRACE_SECONDS)
        await harness.advance(GRACE_SECONDS)
        assert await commits(harness) == pushed
        assert await states(harness) == ["redelivered"] * 7


async def test_a_host_that_takes_no_requests_for_long_is_not_waited_for(store: Store, tmp_path: Path) -> None:
    async with redelivering(store, tmp_path, "GitHub") as harness:
        pushed = await away(harness, "2")
        harness.host.trouble(reply=json_reply({}, 429, Retry_After="3600"))
        await harness.look()
        assert await states(harness) == []
        for _ in range(int(ASKING_SECONDS // GRACE_SECONDS)):
            await harness.advance(GRACE_SECONDS)
        assert await states(harness) == ["built"]
        assert await commits(harness) == pushed
        assert len(harness.host.requests) == 1


@pytest.mark.parametrize(
    ("reply", "match", "event"),
    [
        (json_reply({"message": "down"}, 500), "GET", "redelivery.failed"),
        (json_reply({"message": "Bad credentials"}, 401), "GET", "redelivery.failed"),
        (json_reply({"message": "Not Found"}, 404), "/deliveries", "redelivery.failed"),
        (json_reply({}), "/deliveries", "redelivery.failed"),
        (json_reply({"message": "Validation Failed"}, 422), "POST", "redelivery.refused"),
    ],
)
async def test_what_the_host_does_not_send_again_is_missed(
    store: Store, tmp_path: Path, reply: Any, match: str, event: str
) -> None:
    async with redelivering(store, tmp_path, "GitHub") as harness:
        pushed = await away(harness, "2")
        harness.host.trouble(match=match, reply=reply, times=99)
        with capture_logs() as lines:
            await harness.look()
            for _ in range(int(ASKING_SECONDS // GRACE_SECONDS)):
                await harness.advance(GRACE_SECONDS)
        assert [line["event"] for line in lines if "redelivery" in line["event"]] == [event]
        assert await states(harness) == ["built"]
        assert await commits(harness) == pushed


def _forgotten(host: ResendingHooks) -> None:
    """The host has no webhook of ours."""
    host.hooks[REPOSITORY].remove(host.ours)


def _unsent(host: ResendingHooks) -> None:
    """The host has not even tried."""
    host.sent.clear()


@pytest.mark.parametrize("spoil", [_forgotten, _unsent])
async def test_what_was_never_sent_is_missed(
    store: Store, tmp_path: Path, spoil: Callable[[ResendingHooks], None]
) -> None:
    async with redelivering(store, tmp_path, "GitHub") as harness:
        await away(harness, "2")
        spoil(harness.host)
        await harness.look()
        assert (await states(harness), harness.asked()) == (["built"], [])


async def test_only_pushes_since_the_last_look_that_no_one_sent_again_are_asked_for(
    store: Store, tmp_path: Path
) -> None:
    async with redelivering(store, tmp_path, "GitHub") as harness:
        note, body = harness.host.note, json.dumps({"zen": "x"}).encode()
        note("before-the-last-look", "push", body, 503, again=False)
        await harness.look()
        note("for-others", "issues", body, 503, again=False)
        note("by-a-person", "push", body, 503, again=False)
        note("by-a-person", "push", body, 503, again=True)
        await store.deliveries.put(delivery_of("already-here", store.clock(), source="github"))
        note("already-here", "push", body, None, again=False)
        await away(harness, "2")
        for number in range(60):
            note(f"good-{number}", "push", body, 202, again=False)
        key = harness.host.sent[60].key
        await harness.look()
        assert harness.host.sent_again()[1:] == [key]


async def test_deliveries_of_the_last_three_days_are_asked_for(store: Store, tmp_path: Path) -> None:
    async with redelivering(store, tmp_path, "GitHub") as harness:
        harness.host.days = 7  # as an Enterprise Server
        await away(harness, "2")
        store.clock.advance(4 * DAY)
        await away(harness, "3")
        await harness.look()
        assert len(harness.asked()) == 1


async def test_of_gitlab_only_what_led_to_the_missed_moves_is_asked_for(store: Store, tmp_path: Path) -> None:
    async with redelivering(store, tmp_path, "GitLab") as harness:
        note, body = harness.host.note, harness.body
        for ref in (MAIN, "refs/heads/release/0"):
            note(f"known-{ref}", "Push Hook", body(ref, NONE, "c" * 40), 503, again=False)
        await harness.commit("2")
        await eventually(harness.all_are_decided)
        await harness.look()
        for number in range(60):
            note(f"good-{number}", "Push Hook", body("refs/heads/x", "a" * 40, "b" * 40), 200, again=False)
        pushed = await away(harness, "3", "4")
        note("elsewhere", "Push Hook", body("refs/heads/release/0", "c" * 40, NONE), 503, again=False)
        keys = [one.key for one in harness.host.sent[1:3]]
        await harness.look()
        assert harness.host.sent_again() == keys[::-1]
        assert (await commits(harness))[-2:] == pushed
        # Two for the pages of webhooks, and one for that of deliveries, since what led there is on it.
        assert len(harness.host.requests) == 2 + 1 + len(harness.asked())


async def test_what_gitlab_has_not_kept_is_looked_for_until_the_last_push_that_arrived(
    store: Store, tmp_path: Path
) -> None:
    async with redelivering(store, tmp_path, "GitLab") as harness:
        note, body = harness.host.note, harness.body
        for number in range(60):
            note(f"good-{number}", "Push Hook", body("refs/heads/x", "a" * 40, "b" * 40), 200, again=False)
        await harness.commit("2")
        await eventually(harness.all_are_decided)
        await harness.look()
        await away(harness, "3")
        harness.host.sent.pop(0)
        await harness.look()
        assert await states(harness) == ["built"]
        assert len(harness.host.requests) == 2 + 1


async def test_what_was_found_when_the_time_is_over_is_asked_for(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redelivery, "_SEARCH_SECONDS", 0.5)
    async with redelivering(store, tmp_path, "GitLab") as harness:
        await away(harness, "2")
        for number in range(60):
            body = harness.body("refs/heads/x", "a" * 40, "b" * 40)
            harness.host.note(f"good-{number}", "Push Hook", body, 200, again=False)
        pushed = await away(harness, "3")
        key = harness.host.sent[0].key
        harness.host.trouble("hang", "20&page=2")
        await harness.look()
        assert harness.host.sent_again()[:1] == [key]
        assert set(pushed) <= set(await commits(harness))


async def test_a_search_without_a_result_is_not_waited_for(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redeliveries, "_SECONDS", 0.5)
    async with redelivering(store, tmp_path, "GitLab") as harness:
        pushed = await away(harness, "2")
        harness.host.trouble("hang", "/events", times=9)
        await harness.look()
        assert await states(harness) == ["built"]
        assert await commits(harness) == pushed


async def test_a_new_ref_is_looked_for_among_the_attempts_until_it_was_made(
    store: Store, tmp_path: Path
) -> None:
    async with redelivering(store, tmp_path, "GitLab") as harness:
        for number in range(60):
            body = harness.body("refs/heads/x", "a" * 40, "b" * 40)
            harness.host.note(f"good-{number}", "Push Hook", body, 200, again=False)
        harness.away = True
        commit = heads(harness.origin)[MAIN]
        harness.origin.push(f"{commit}:refs/heads/release/1")
        await harness.deliver(harness.body("refs/heads/release/1", NONE, commit))
        harness.away = False
        key = harness.host.sent[0].key
        await harness.look()
        assert harness.host.sent_again() == [key]
        assert len(harness.host.requests) == 2 + 1 + 1


async def test_a_delivery_that_is_too_large_to_be_read_is_passed_over(store: Store, tmp_path: Path) -> None:
    async with redelivering(store, tmp_path, "GitLab") as harness:
        pushed = await away(harness, "2")
        body = json.dumps({"ref": MAIN, "commits": ["x" * (5 << 20)]}).encode()
        harness.host.note("large", "Push Hook", body, 200, again=False)
        body = json.dumps({"ref": MAIN, "commits": ["x" * (3 << 20)]}).encode()
        harness.host.note("less", "Push Hook", body, 200, again=False)
        await harness.look()
        assert await states(harness) == ["redelivered"]
        assert await commits(harness) == pushed


async def test_what_a_person_had_gitlab_send_again_in_vain_is_not_asked_for(
    store: Store, tmp_path: Path
) -> None:
    async with redelivering(store, tmp_path, "GitLab") as harness:
        await away(harness, "2")
        first = harness.host.sent[0]
        harness.host.note(first.key, first.event, first.body, 503, again=True)
        await harness.look()
        assert (harness.asked(), await states(harness)) == ([], ["built"])


async def test_a_polled_source_is_asked_for_its_refs_alone(store: Store, tmp_path: Path) -> None:
    async with redelivering(store, tmp_path, "GitHub", poll=timedelta(minutes=1)) as harness:
        pushed = await away(harness, "2")
        await harness.look()
        assert await commits(harness) == pushed
        assert harness.host.requests == []
