"""Lists of deliveries, notices and messages for each caller, and notices that are sent once more."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from sqlalchemy import update
from support.answers import bad, good
from support.api import api_of, bearer, client_of, issue
from support.harness import NotifierHarness
from support.keeping import keeper_of
from support.listed import add_notice, notice_about
from support.scripted import ScriptedChannel, Store, delivery_of, eventually, new_build, quiet
from support.trail import change_by

from bridge.channels.base import Dead
from bridge.model.access import Role
from bridge.model.delivery import DeliveryState
from bridge.model.notice import EventName, NoticeState
from bridge.model.silence import Silence
from bridge.planning.builds import plan
from bridge.runtime.clock import moment
from bridge.store.schema import notice
from bridge.store.values import Decision
from bridge.web.api.pages import PAGE_SIZE

WHY = "acme/shop (latest); globex/secret (latest)"
COMMIT = "abcdef1" + 33 * "0"
EVALUATION = {
    "event": "push",
    "repo": "acme/web",
    "ref_kind": "branch",
    "ref_name": "main",
    "sha": COMMIT,
    "author": "<b>Ann",
    "reason": "globex/secret: is not active",
    "matches": [{"namespace": "acme"}, {"namespace": "globex"}],
    "rejections": [{"namespace": "globex"}],
}


@pytest.fixture
async def client(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    keeper = await keeper_of(store, store.path.parent)
    async with client_of(api_of(store, keeper=keeper)) as opened:
        yield opened


async def decided(store: Store, key: str, *namespaces: str) -> str:
    """A delivery that made a build in each of these namespaces."""
    delivery = delivery_of(key, store.clock())
    await store.deliveries.put(delivery)
    new = [replace(new_build(delivery.id), namespace=one) for one in namespaces]
    state = DeliveryState.DISPATCHED if new else DeliveryState.IGNORED
    decision = Decision(state=state, detail=WHY, explanation=[EVALUATION], builds=new)
    await store.deliveries.record_decision(delivery.id, decision, quiet, plan)
    return delivery.id


async def listed(client: httpx.AsyncClient, path: str, headers: dict[str, str], key: str = "id") -> list[Any]:
    return [row[key] for row in good(await client.get(path, headers=headers))["results"]]


async def test_each_caller_gets_its_part_of_the_deliveries(store: Store, client: httpx.AsyncClient) -> None:
    for key, namespaces in {"a": ["acme"], "both": ["acme", "globex"], "none": [], "g": ["globex"]}.items():
        await decided(store, key, *namespaces)
    every, acme = bearer(await issue(store)), bearer(await issue(store, Role.VIEWER, "acme"))
    path = "/v1/deliveries"
    assert await listed(client, path, every, "key") == ["g", "none", "both", "a"]
    assert await listed(client, f"{path}?state=ignored", every, "key") == ["none"]
    assert await listed(client, f"{path}?namespace=globex&repo_name=shop", every, "key") == ["g", "both"]
    assert await listed(client, f"{path}?source=plain&state=ignored", every, "key") == ["none"]
    assert await listed(client, path, acme, "key") == ["both", "a"]
    assert await listed(client, f"{path}?namespace=globex", acme, "key") == []


async def test_deliveries_of_one_source_are_listed_only_for_all_namespaces_at_once(
    store: Store, client: httpx.AsyncClient
) -> None:
    every, acme = bearer(await issue(store)), bearer(await issue(store, Role.VIEWER, "acme"))
    for query, headers in (("source=plain&namespace=acme", every), ("source=plain", acme)):
        why = bad(await client.get(f"/v1/deliveries?{query}", headers=headers), 400)
        assert "leave out namespace and repo_name, and use a token for all namespaces" in why


async def test_what_was_pushed_is_found_by_callers_of_all_namespaces_only(
    store: Store, client: httpx.AsyncClient
) -> None:
    every, acme = bearer(await issue(store)), bearer(await issue(store, Role.VIEWER, "acme"))
    first = await decided(store, "first", "acme")
    began = moment(store.clock())
    store.clock.advance(60)
    second = await decided(store, "second", "globex")
    path = "/v1/deliveries"
    for query in (
        "repo=Acme/Web",
        "ref=main",
        "ref=refs/heads/main",
        "repo=acme/web&ref=main&state=dispatched",
    ):
        assert await listed(client, f"{path}?{query}", every) == [second, first], query
    assert await listed(client, f"{path}?sha=ABCDEF1", every) == [second, first]
    assert await listed(client, f"{path}?until={quote(began)}", every) == [first]
    assert await listed(client, f"{path}?until={quote(began)}&repo=acme/web", every) == [first]
    assert await listed(client, f"{path}?until={quote(began)}&after={first}", every) == [second]
    for query in ("repo=acme/web", "ref=main", "sha=abcdef1", "ref=main&namespace=acme"):
        assert "or list builds by" in bad(await client.get(f"{path}?{query}", headers=acme), 400)
    for query, why in {
        "sha=abc": "abc is no commit: give at least the first 7 hexadecimal digits of its id",
        "until=noon": "noon is no time: write it as 2026-11-21T08:00:00Z",
        "until=2026-11-21T08:00:00Z&page=2": "has its other pages behind `next`",
        "ref=main&source=plain": "leave out source",
        f"ref={'x' * 1200}": "ref: ",
    }.items():
        assert why in bad(await client.get(f"{path}?{query}", headers=every), 400)


async def test_a_list_shows_what_was_pushed_by_whom(store: Store, client: httpx.AsyncClient) -> None:
    delivery_id = await decided(store, "both", "acme")
    wanted = {"repo": "acme/web", "ref_kind": "branch", "ref_name": "main", "sha": COMMIT, "author": "<b>Ann"}
    for path in ("/v1/deliveries", f"/v1/deliveries/{delivery_id}"):
        for caller in (await issue(store), await issue(store, Role.VIEWER, "acme")):
            shown = good(await client.get(path, headers=bearer(caller)))
            row = shown["results"][0] if "results" in shown else shown
            assert {**wanted, "other_refs": 0}.items() <= row.items()


async def test_what_a_delivery_is_to_others_is_not_told(store: Store, client: httpx.AsyncClient) -> None:
    delivery_id = await decided(store, "both", "acme", "globex")
    acme = bearer(await issue(store, Role.VIEWER, "acme"))
    for path in ("/v1/deliveries", f"/v1/deliveries/{delivery_id}"):
        assert "globex" in (await client.get(path, headers=bearer(await issue(store)))).text
        assert "globex" not in (await client.get(path, headers=acme)).text
    (evaluation,) = good(await client.get(f"/v1/deliveries/{delivery_id}", headers=acme))["explanation"]
    assert (evaluation["matches"], evaluation["rejections"]) == ([{"namespace": "acme"}], [])


@pytest.mark.parametrize("name", ["deliveries", "notices", "messages"])
async def test_pages_lead_to_each_other_and_stand_still(
    store: Store, client: httpx.AsyncClient, name: str
) -> None:
    async def add(number: int) -> None:
        await store.deliveries.put(delivery_of(f"{number:03}", store.clock()))
        await add_notice(store, f"{number:03}")
        await store.messages.add_message(notice_about(f"{number:03}", None, store.clock()))

    for number in range(2 * PAGE_SIZE + 3):
        await add(number)
    key = {"deliveries": "key", "notices": "id", "messages": "notice_id"}[name]
    client.headers.update(bearer(await issue(store)))
    pages = [good(await client.get(f"/v1/{name}"))]
    await add(900)
    while pages[-1]["next"]:
        pages.append(good(await client.get(pages[-1]["next"])))
    assert [len(page["results"]) for page in pages] == [PAGE_SIZE, PAGE_SIZE, 3]
    assert [page["count"] for page in pages] == [43, 44, 44]
    rows = [row[key] for page in pages for row in page["results"]]
    assert rows == [f"{number:03}" for number in reversed(range(43))]
    assert good(await client.get(pages[2]["previous"]))["results"] == pages[1]["results"]
    (newest,) = good(await client.get(good(await client.get(pages[1]["previous"]))["previous"]))["results"]
    assert newest[key] == "900"
    assert good(await client.get(f"/v1/{name}?page=3"))["results"][0][key] == "003"


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("deliveries?repo_name=shop", "repo_name: one name may be in many namespaces: give namespace, too"),
        ("notices?repo_name=shop", "repo_name: one name"),
        ("messages?repo_name=shop", "repo_name: one name"),
        ("deliveries?state=ignord", "ignored"),
        ("deliveries?forge=Gitee", "forge"),
        ("notices?chanel=team", "channel"),
        ("messages?after=x", "after"),
        ("messages?before=99999999999999999999", "before"),
    ],
)
async def test_what_is_not_understood_is_refused_with_a_hint(
    store: Store, client: httpx.AsyncClient, query: str, why: str
) -> None:
    assert why in bad(await client.get(f"/v1/{query}", headers=bearer(await issue(store))), 400)


async def test_each_caller_gets_its_part_of_notices_and_messages(
    store: Store, client: httpx.AsyncClient
) -> None:
    here = await store.add_build("1", namespace="acme", is_public=True)
    there = await store.add_build("2", namespace="globex")
    for name, build in {"a": here, "g": there, "service": None}.items():
        await add_notice(store, name, build)
        await store.messages.add_message(notice_about(name, build, store.clock()))
    every, acme = bearer(await issue(store)), bearer(await issue(store, Role.ADMIN, "acme"))
    assert await listed(client, "/v1/notices", every) == ["service", "g", "a"]
    assert await listed(client, "/v1/messages", every, "notice_id") == ["service", "g", "a"]
    assert await listed(client, "/v1/notices", acme) == await listed(
        client, "/v1/messages", acme, "notice_id"
    )
    assert await listed(client, "/v1/notices", acme) == ["a"]
    assert await listed(client, f"/v1/notices?build_id={there.id}&channel=team&state=pending", every) == ["g"]
    assert await listed(client, f"/v1/notices?build_id={there.id}", acme) == []
    assert await listed(client, "/v1/messages?event=buildJobFail&namespace=globex", every, "id") == [2]
    for name in ("g", "service"):
        bad(await client.get(f"/v1/notices/{name}", headers=acme), 404)
        good(await client.get(f"/v1/notices/{name}", headers=every))


async def test_a_message_says_all_that_its_notice_tells(store: Store, client: httpx.AsyncClient) -> None:
    build = await store.add_build("1", namespace="acme")
    notice = notice_about("n", build, store.clock())
    await store.messages.add_message(notice)
    (message,) = good(await client.get("/v1/messages", headers=bearer(await issue(store))))["results"]
    assert (message["about"], message["event"]) == ("acme/shop #128 main: failed", "buildJobFail")
    assert (message["facts"]["log_tail"], message["facts"]["author"]["name"]) == (
        "step 3/9\nerror: no such file\n",
        "张三",
    )


async def test_a_notice_that_could_not_be_sent_is_sent_once_more(store: Store) -> None:
    channel = ScriptedChannel()
    channel.answers.append(Dead("content", "the text is rejected"))
    build = await store.add_build("1", namespace="acme")
    await add_notice(store, "n", build)
    harness = NotifierHarness(store, channel)
    keeper = await keeper_of(store, store.path.parent)
    member = await issue(store, Role.MEMBER, "acme")
    api = api_of(store, keeper=keeper, wake=harness.notifier.wake)
    async with harness.running(), client_of(api) as client:
        client.headers.update(bearer(member))
        assert good(await client.get("/v1/notices/n"))["state"] == "dead"
        store.clock.advance(30 * 24 * 3600)
        answer = await client.post("/v1/notices/n/replay")
        assert answer.status_code == 201, answer.text
        new = answer.json()["data"]
        assert (new["build_id"], new["about"]) == (build.id, "acme/shop #128 main: failed")
        await eventually(lambda: len(channel.attempts) > 1)  # nothing but the call has woken it
        await harness.settled()
        story = good(await client.get(f"/v1/notices/{new['id']}"))
        assert (story["state"], story["attempts"]) == ("sent", 1)
        assert story["timeline"][0]["detail"] == "replay of n"
        client.headers.update(bearer(await issue(store, Role.ADMIN)))
        (entry,) = good(await client.get("/v1/audit"))["results"]
    assert [one.id for one in channel.attempts] == ["n", new["id"]]
    assert (entry["action"], entry["subject"], entry["after"]) == (
        "notice.replayed",
        "n",
        {"notice_id": new["id"]},
    )
    assert (entry["name"], entry["token_id"], entry["origin"]) == ("the member", member.id, "192.0.2.7")


async def test_what_cannot_be_sent_again_is_refused(store: Store, client: httpx.AsyncClient) -> None:
    await add_notice(store, "waits")
    await add_notice(store, "gone", channel="gone", ended=NoticeState.DEAD)
    await add_notice(store, "service", ended=NoticeState.SENT)
    everywhere = bearer(await issue(store, Role.MEMBER))
    assert "still to be sent" in bad(await client.post("/v1/notices/waits/replay", headers=everywhere), 409)
    assert "no channel gone" in bad(await client.post("/v1/notices/gone/replay", headers=everywhere), 409)
    bad(await client.post("/v1/notices/none/replay", headers=everywhere), 404)
    viewer = bearer(await issue(store))
    assert "takes the role member" in bad(
        await client.post("/v1/notices/service/replay", headers=viewer), 403
    )
    assert (await client.post("/v1/notices/service/replay", headers=everywhere)).status_code == 201
    trail = good(await client.get("/v1/audit", headers=bearer(await issue(store, Role.ADMIN))))
    assert [entry["subject"] for entry in trail["results"]] == ["service"]


async def test_a_notice_that_waits_is_dropped_once(store: Store, client: httpx.AsyncClient) -> None:
    build = await store.add_build("1", namespace="acme")
    await add_notice(store, "waits", build)
    client.headers.update(bearer(await issue(store, Role.MEMBER, "acme")))
    dropped = good(await client.post("/v1/notices/waits/drop"))
    assert (dropped["state"], dropped["reason"], dropped["detail"]) == (
        "dead",
        "dropped",
        "dropped by the member",
    )
    assert bad(await client.post("/v1/notices/waits/drop"), 409) == "waits does not wait: it is dead"
    trail = good(await client.get("/v1/audit", headers=bearer(await issue(store, Role.ADMIN))))["results"]
    assert [(one["action"], one["subject"], one["before"]) for one in trail] == [
        ("notice.dropped", "waits", {"channel": "team"})
    ]


async def test_a_notice_that_is_being_sent_or_goes_with_others_is_not_dropped(
    store: Store, client: httpx.AsyncClient
) -> None:
    for name in ("sending", "folded"):
        await add_notice(store, name)
    await store.database.write(
        lambda connection: [
            connection.execute(update(notice).where(notice.c.id == name).values(**values))
            for name, values in {
                "sending": {"state": "sending"},
                "folded": {"digest_id": "d"},
            }.items()
        ]
    )
    client.headers.update(bearer(await issue(store, Role.MEMBER)))
    said = [bad(await client.post(f"/v1/notices/{name}/drop"), 409) for name in ("sending", "folded")]
    assert said == [
        "sending does not wait: it is sending",
        "folded goes with others in the notice d: drop that",
    ]
    bad(await client.post("/v1/notices/none/drop"), 404)
    assert good(await client.get("/v1/notices/folded"))["state"] == "pending"


async def test_a_notice_that_a_silence_holds_again_says_so_when_it_is_replayed(
    store: Store, client: httpx.AsyncClient
) -> None:
    now = store.clock()
    known = Silence(
        id="s-1",
        created_at=now,
        until=now + 3600,
        author="li",
        reason="known",
        channel="team",
        events=frozenset(EventName),
    )
    await add_notice(store, "n", ended=NoticeState.DEAD)
    await store.silences.add(known, change_by())
    client.headers.update(bearer(await issue(store, Role.MEMBER)))
    answer = await client.post("/v1/notices/n/replay")
    assert answer.status_code == 201
    assert answer.json()["data"]["detail"] == (
        f"silence s-1 of li holds it until {moment(now + 3600)}: end that, then replay it"
    )
    await store.silences.end("s-1", change_by())
    await add_notice(store, "m", ended=NoticeState.DEAD)
    assert "silence" not in (await client.post("/v1/notices/m/replay")).json()["data"]["detail"]


class _KilledError(BaseException):
    """The end of the process."""


async def test_a_replay_under_a_key_is_done_once_whenever_the_daemon_is_killed(
    store: Store, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def killed(*_: object) -> None:
        raise _KilledError

    await add_notice(store, "n", ended=NoticeState.DEAD)
    client.headers.update(bearer(await issue(store, Role.MEMBER)) | {"idempotency-key": "once"})
    with monkeypatch.context() as patch:
        patch.setattr(store.idempotency_keys, "answer", killed)
        with pytest.raises(_KilledError):
            await client.post("/v1/notices/n/replay")
    answers = [await client.post("/v1/notices/n/replay") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].content == answers[1].content
    assert len(good(await client.get("/v1/notices"))["results"]) == 2
