"""Silences by the API: what can be, who may see and end them, and what is on the audit trail."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from support.answers import bad, good
from support.api import api_of, bearer, client_of, issue
from support.keeping import keeper_of
from support.scripted import START, Store

from bridge.model.access import Role
from bridge.runtime.clock import when
from bridge.store.schema_notices import silence

DAY = 86400.0
ENDED = {
    "created_at": START - DAY,
    "until": START - 60,
    "author": "ann",
    "reason": "over",
    "events": "[]",
    "held": 0,
}
NEW = {"repository": "acme/*", "until": when(START + 60), "reason": "the mirror moves"}


@pytest.fixture
async def client(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    keeper = await keeper_of(store, store.path.parent)
    async with client_of(api_of(store, keeper=keeper)) as opened:
        opened.headers["authorization"] = bearer(await issue(store, Role.ADMIN))["authorization"]
        yield opened


async def made_by(client: httpx.AsyncClient, **given: Any) -> Any:
    answer = await client.post("/v1/silences", json=NEW | given)
    assert answer.status_code == 201, answer.text
    return answer.json()["data"]


async def test_a_silence_is_made_listed_and_ended_and_the_trail_has_who(
    store: Store, client: httpx.AsyncClient
) -> None:
    made = await made_by(client, events=["buildJobFail"])
    assert made["state"] == "active"
    assert (made["repository"], made["events"], made["ref"], made["held"]) == (
        *("acme/*", ["buildJobFail"]),
        *(None, 0),
    )
    (kept,) = await store.silences.active()
    assert (kept.id, kept.until, kept.reason) == (made["id"], START + 60, "the mirror moves")
    assert good(await client.get("/v1/silences?state=active")) == [made]
    assert good(await client.get("/v1/silences?state=ended")) == []
    ended = good(await client.delete(f"/v1/silences/{made['id']}"))
    assert (ended["state"], ended["ended_at"], ended["ended_by"]) == (
        *("ended", when(START)),
        made["author"],
    )
    assert good(await client.get("/v1/silences")) == [ended]
    assert good(await client.get(f"/v1/silences/{made['id']}")) == ended
    assert bad(await client.delete(f"/v1/silences/{made['id']}"), 409) == (
        "the silence has ended before: there is nothing to end"
    )
    trail = good(await client.get("/v1/audit"))["results"]
    assert [(one["action"], one["subject"]) for one in trail] == [
        ("silence.ended", made["id"]),
        ("silence.added", made["id"]),
    ]


async def test_with_an_idempotency_key_it_is_made_once(store: Store, client: httpx.AsyncClient) -> None:
    client.headers["idempotency-key"] = "a"
    assert await made_by(client) == await made_by(client)
    assert len(await store.silences.active()) == 1


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"repository": None}, "repository: without repository, ref, events and channel it would hold ever"),
        ({"repository": "acme"}, "repository: acme is no NAMESPACE/REPO_NAME: NS/* is a namespace"),
        ({"ref": "refs/heads/main"}, "ref: write the short name, main"),
        ({"ref": "[x"}, "ref: [x cannot be a pattern: has a [ without its ]"),
        ({"channel": "message"}, "channel: messages in the app keep every event: name another channel"),
        ({"channel": "none"}, "channel: there is no channel none: there are "),
        ({"until": when(START)}, "until: is past: give a later time"),
        ({"until": when(START + 90 * DAY + 1)}, "until: is over 90 days ahead"),
        ({"until": "2026-11-27T08:00:00"}, "until: "),
        ({"until": "soon"}, "until: soon is no time with its offset"),
        ({"until": None}, "until: "),
        ({"reason": " "}, "reason: is to say why, in one line"),
        ({"reason": "a\nb"}, "reason: is to say why, in one line"),
        ({"reason": "a" * 501}, "reason: "),
        ({"events": ["none"]}, "events[0]: "),
    ],
)
async def test_what_cannot_be_is_refused_with_its_place(
    store: Store, client: httpx.AsyncClient, given: dict[str, Any], why: str
) -> None:
    answer = bad(await client.post("/v1/silences", json=NEW | given), 400)
    assert answer.startswith(why)
    assert await store.silences.active() == []


async def test_the_longest_silence_and_reason_are_taken(client: httpx.AsyncClient) -> None:
    await made_by(client, until=when(START + 90 * DAY), reason="长" * 500)


async def test_who_has_one_namespace_sees_and_ends_what_is_silenced_there_alone(
    store: Store, client: httpx.AsyncClient
) -> None:
    made = [
        (await made_by(client, repository=one))["id"]
        for one in ("acme/*", "acme/shop", "globex/*", "*/shop", "acm?/x")
    ]
    of_acme = bearer(await issue(store, Role.MEMBER, "acme"))
    seen = good(await client.get("/v1/silences", headers=of_acme))
    assert [one["id"] for one in seen] == [made[1], made[0]]
    for hidden in made[2:]:
        bad(await client.delete(f"/v1/silences/{hidden}", headers=of_acme), 404)
    good(await client.delete(f"/v1/silences/{made[0]}", headers=of_acme))
    bad(await client.post("/v1/silences", json=NEW | {"repository": "globex/x"}, headers=of_acme), 403)


async def test_only_an_admin_hides_that_the_bridge_itself_is_down(
    store: Store, client: httpx.AsyncClient
) -> None:
    member = bearer(await issue(store, Role.MEMBER))
    of_bridge = {"repository": None, "events": ["serviceDegraded", "buildJobFail"]}
    bad(await client.post("/v1/silences", json=NEW | of_bridge, headers=member), 403)
    of_acme = NEW | {"events": ["serviceDegraded"]}
    assert (await client.post("/v1/silences", json=of_acme, headers=member)).status_code == 201
    await made_by(client, **of_bridge)


async def test_one_in_force_is_listed_behind_a_thousand_that_have_ended(
    store: Store, client: httpx.AsyncClient
) -> None:
    made = await made_by(client)
    rows = [{**ended, "id": f"f{number:04}"} for number, ended in enumerate([ENDED] * 1000)]
    await store.database.write(lambda connection: connection.execute(silence.insert(), rows))
    assert good(await client.get("/v1/silences?state=active")) == [made]
