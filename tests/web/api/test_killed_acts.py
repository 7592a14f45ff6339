"""A process that dies anywhere in an act leaves no act without its entry in the audit trail.

The act is asked for over HTTP, and the process dies before or after each of its commits.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import count
from typing import Any

import httpx
import pytest
from support.api import api_of, client_of, issue
from support.dying import Died, Fate, Mortal
from support.engines import execute
from support.keeping import NoRules, keeper_of, nothing_changed
from support.listed import add_notice
from support.rules import HEAD, SHA, tag_config
from support.scripted import START, Store, delivery_of, quiet
from support.signing_in import signed_in
from support.stored import document, put
from support.trail import earlier_repositories

from bridge.model.access import Role
from bridge.model.audit import AuditEntry
from bridge.model.build import BuildState
from bridge.model.notice import NoticeState
from bridge.rules.disk import Reloaded
from bridge.runtime.clock import when
from bridge.store.schema import metadata
from bridge.store.values import Cursor
from bridge.web.api.core import trigger

TOKEN = "a-token-of-the-tests"
BEARER = {"authorization": f"Bearer {TOKEN}"}
NOT_OF_ACTS = {"audit", "idempotency_key", "sqlite_sequence"}

Asked = tuple[str, str, Any]
"""Method, path and body of the call; a form is a body of bytes."""


async def of_build(store: Store, name: str, state: BuildState, way: str, body: Any = None) -> Asked:
    build = await store.add_build(name)
    if state is not BuildState.WAITING:
        await store.builds.transition(build.run_id, state, quiet)
    return ("POST" if way else "DELETE", f"/v1/builds/{build.id}{way}", body)


async def cancel(store: Store, name: str) -> Asked:
    return await of_build(store, name, BuildState.WAITING, "")


async def retry(store: Store, name: str) -> Asked:
    return await of_build(store, name, BuildState.FAILED, "/retry")


async def resolve(store: Store, name: str) -> Asked:
    said = {"state": "failed", "reason": "its log says so"}
    return await of_build(store, name, BuildState.UNKNOWN, "/resolve", said)


async def build(_store: Store, _name: str) -> Asked:
    order = {"namespace": "acme", "repo_name": "shop", "tag": "latest", "code_commit_id": SHA}
    return "POST", "/v1/builds", order


async def redeliver(store: Store, name: str) -> Asked:
    delivery = delivery_of(name, store.clock())
    await store.deliveries.put(delivery)
    return "POST", f"/v1/deliveries/{delivery.id}/redeliver", None


async def replay(store: Store, name: str) -> Asked:
    await add_notice(store, name, await store.add_build(name), ended=NoticeState.DEAD)
    return "POST", f"/v1/notices/{name}/replay", None


async def drop(store: Store, name: str) -> Asked:
    await add_notice(store, name, await store.add_build(name))
    return "POST", f"/v1/notices/{name}/drop", None


async def add_token(_store: Store, name: str) -> Asked:
    return "POST", "/v1/tokens", {"name": name, "role": "viewer"}


async def revoke_token(store: Store, _name: str) -> Asked:
    return "DELETE", f"/v1/tokens/{(await issue(store)).id}", None


async def sign_in(_store: Store, _name: str) -> Asked:
    return "POST", "/sign-in", f"token={TOKEN}".encode()


async def end_session(store: Store, _name: str) -> Asked:
    await signed_in(store, await issue(store, Role.VIEWER))
    (newest, *_) = await store.sessions.newest(1)
    return "DELETE", f"/v1/sessions/{newest.id}", None


async def add_silence(_store: Store, _name: str) -> Asked:
    new = {"repository": "acme/*", "until": when(START + 60), "reason": "the mirror moves"}
    return "POST", "/v1/silences", new


async def create_repository(_store: Store, name: str) -> Asked:
    return "POST", "/v1/repositories/acme", document(name)


async def made(store: Store, name: str) -> str:
    await earlier_repositories(store).take({}, [], [], put(document(name)))
    return f"/repositories/acme/{name}"


async def change_repository(store: Store, name: str) -> Asked:
    return "PUT", f"/v1{await made(store, name)}/build-config", {"concurrency": 2}


async def delete_repository(store: Store, name: str) -> Asked:
    return "DELETE", f"/v1{await made(store, name)}", None


async def disable_repository(store: Store, name: str) -> Asked:
    return "POST", f"{await made(store, name)}/disable", b"reason=cleanup"


ACTS: tuple[Callable[[Store, str], Awaitable[Asked]], ...] = (
    *(cancel, retry, resolve, build, redeliver, replay, drop),
    *(add_token, revoke_token, sign_in, end_session, add_silence),
    *(create_repository, change_repository, delete_repository, disable_repository),
)


def content(store: Store) -> dict[str, list[Any]]:
    """All that acts may change."""
    names = [name for name in metadata.tables if name not in NOT_OF_ACTS]
    return {name: execute(store.path, f"SELECT * FROM {name}") for name in names}


def mortal(store: Store, fate: Fate) -> Store:
    """The same for a process that dies before or after a commit."""
    database: Any = Mortal(store.database, ("write", "add"), fate)
    return Store(database, store.clock, store.path)


async def trail(store: Store) -> list[AuditEntry]:
    return list((await store.audit.page(Cursor(), 100)).rows)


async def ask(client: httpx.AsyncClient, asked: Asked) -> None:
    method, path, body = asked
    if isinstance(body, bytes):
        form = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin"}
        answer = await client.request(method, path, content=body, headers=form)
    else:
        answer = await client.request(method, path, json=body)
    assert answer.status_code < 400 or answer.status_code == 503, answer.text


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.__name__)
async def test_an_act_and_its_entry_are_one(
    store: Store, monkeypatch: pytest.MonkeyPatch, act: Callable[[Store, str], Awaitable[Asked]]
) -> None:
    monkeypatch.setattr(trigger, "DECIDE_SECONDS", 0.01)  # nothing dispatches
    (store.path.parent / "shop.yaml").write_text(
        HEAD.replace("  tag", "  code_repo_clone_url: https://gitee.com/acme/shop-web.git\n  tag")
        + tag_config()
    )
    acted = []
    for failpoint in count(1):
        asked = await act(store, f"a{failpoint}")
        fate = Fate(0)
        process = mortal(store, fate)
        keeper = await keeper_of(process, store.path.parent)
        app = api_of(process, tokens=[TOKEN], keeper=keeper)
        before, entries = content(store), await trail(store)
        fate.arm(failpoint)
        async with client_of(app) as client:
            client.headers.update({} if asked[1] == "/sign-in" else BEARER)
            with suppress(Died):
                await ask(client, asked)
        new = [entry for entry in await trail(store) if entry not in entries]
        acted.append(content(store) != before)
        assert len(new) == acted[-1], f"{act.__name__} died {fate.died_at}, failpoint {failpoint}"
        if not fate.died_at:
            break
    assert (acted[0], acted[-1]) == (False, True), acted


@pytest.mark.parametrize("path", ["/v1/channels/team/test", "/v1/reload"])
async def test_what_has_an_effect_outside_of_the_store_is_noted_before_it(store: Store, path: str) -> None:
    fate = Fate(0)

    async def test(part: str) -> tuple[bool, str]:
        reached.append(part)
        fate.point("in the call")
        return True, f"ok: {part}"

    async def reload() -> Reloaded:
        reached.append("rules")
        fate.point("in the reload")
        return await nothing_changed()

    seen = []
    for failpoint in count(1):
        reached: list[str] = []
        fate = Fate(failpoint)
        app = api_of(mortal(store, fate), tokens=[TOKEN], keeper=NoRules(reload), test=test)
        entries = len(await trail(store))
        async with client_of(app) as client:
            client.headers.update(BEARER)
            with suppress(Died):
                await ask(client, ("POST", path, None))
        new = (await trail(store))[: len(await trail(store)) - entries]
        assert len(new) >= len(reached), f"died {fate.died_at}"
        seen.append([(len(reached), entry.after is not None) for entry in new])
        if not fate.died_at:
            break
    assert seen == [[], [(0, False)], [(1, False)], [(1, False)], [(1, True)], [(1, True)]]
