"""Who may call what: every call of every dialect, by everyone, for public and for private builds.

A call that is added needs a line in `CALLS`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from enum import Enum, auto
from itertools import count
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import httpx
import pytest
from support.api import api_of, bearer, client_of, issue
from support.engines import copied
from support.keeping import keeper_of
from support.listed import add_notice
from support.scripted import START, Store, open_store, quiet
from support.stored import document, put
from support.trail import change_by

from bridge.model.access import IssuedToken, Role
from bridge.model.build import BuildState
from bridge.model.notice import NoticeState
from bridge.model.silence import Silence
from bridge.runtime.clock import when
from bridge.web.api.app import DIALECTS
from bridge.web.api.codearts.ids import build_project_id_of, job_id_of, project_id_of
from bridge.web.api.core.sessions import SessionAccess, session_id_of

NO_TOKEN, EXPIRED, REVOKED = "no token", "expired", "revoked"
OTHER = "member of another namespace"
VIEWER, MEMBER, ADMIN = "viewer", "member", "admin"
CALLERS = (NO_TOKEN, EXPIRED, REVOKED, OTHER, VIEWER, MEMBER, ADMIN)


class Needs(Enum):
    """What a call takes: each kind has one row of answers for public things, and one for private ones."""

    ANYTHING = auto()
    """A list, of which each caller gets what it may see."""
    OWN = auto()
    """A list, of which each caller with a token gets what it may see."""
    READ = auto()
    """To read one thing."""
    READ_WITH_TOKEN = auto()
    """To read one thing that is not shown without a token, public or not."""
    READ_SIGNED_IN = auto()
    """To read one thing, also a public one of another namespace, but only with a token."""
    CHANGE = auto()
    """To change one thing."""
    CHANGE_SIGNED_IN = auto()
    """The same where nothing is told without a token."""
    CHANGE_WITH_TOKEN = auto()
    """To change one thing that is not shown without a token, public or not."""
    MAKE = auto()
    """To make something in a namespace."""
    RULE_OF_MEMBERS = auto()
    """What concerns the whole bridge, and takes no admin."""
    RULE_OF_ONE = auto()
    """What concerns the whole bridge, about one thing that not everyone may see."""
    RULE = auto()
    """What concerns the whole bridge."""
    ONE_OF_ANOTHER = auto()
    """One thing that only its owner and admins see."""


OK = 200
_ROWS: Mapping[tuple[Needs, bool], tuple[int, ...]] = {
    # In the order of CALLERS; whoever is let through gets OK here.
    (Needs.ANYTHING, True): (OK, 401, 401, OK, OK, OK, OK),
    (Needs.ANYTHING, False): (OK, 401, 401, OK, OK, OK, OK),
    (Needs.OWN, True): (401, 401, 401, OK, OK, OK, OK),
    (Needs.OWN, False): (401, 401, 401, OK, OK, OK, OK),
    (Needs.READ, True): (OK, 401, 401, OK, OK, OK, OK),
    (Needs.READ, False): (404, 401, 401, 404, OK, OK, OK),
    (Needs.READ_WITH_TOKEN, True): (401, 401, 401, 404, OK, OK, OK),
    (Needs.READ_WITH_TOKEN, False): (401, 401, 401, 404, OK, OK, OK),
    (Needs.READ_SIGNED_IN, True): (401, 401, 401, OK, OK, OK, OK),
    (Needs.READ_SIGNED_IN, False): (401, 401, 401, 404, OK, OK, OK),
    (Needs.CHANGE_SIGNED_IN, True): (401, 401, 401, 403, 403, OK, OK),
    (Needs.CHANGE_SIGNED_IN, False): (401, 401, 401, 404, 403, OK, OK),
    (Needs.CHANGE_WITH_TOKEN, True): (401, 401, 401, 404, 403, OK, OK),
    (Needs.CHANGE_WITH_TOKEN, False): (401, 401, 401, 404, 403, OK, OK),
    (Needs.CHANGE, True): (401, 401, 401, 403, 403, OK, OK),
    (Needs.CHANGE, False): (404, 401, 401, 404, 403, OK, OK),
    (Needs.MAKE, True): (401, 401, 401, 403, 403, OK, OK),
    (Needs.MAKE, False): (401, 401, 401, 403, 403, OK, OK),
    (Needs.RULE_OF_MEMBERS, True): (401, 401, 401, 403, 403, 403, OK),
    (Needs.RULE_OF_MEMBERS, False): (401, 401, 401, 403, 403, 403, OK),
    (Needs.RULE_OF_ONE, True): (401, 401, 401, 404, 403, 403, OK),
    (Needs.RULE_OF_ONE, False): (401, 401, 401, 404, 403, 403, OK),
    (Needs.ONE_OF_ANOTHER, True): (401, 401, 401, 404, 404, 404, OK),
    (Needs.ONE_OF_ANOTHER, False): (401, 401, 401, 404, 404, 404, OK),
    (Needs.RULE, True): (401, 401, 401, 403, 403, 403, OK),
    (Needs.RULE, False): (401, 401, 401, 403, 403, 403, OK),
}


@dataclass(frozen=True)
class Line:
    """A call, and what it takes; `status` is the answer to who may."""

    method: str
    path: str
    needs: Needs
    status: int = 200
    body: Any = None
    ended: bool = False
    """Whether the build has to have ended."""
    waits: bool = False
    """Whether the notice has to wait."""
    query: str = ""

    def expected(self, caller: str, *, is_public: bool) -> int:
        answer = _ROWS[self.needs, is_public][CALLERS.index(caller)]
        return self.status if answer == OK else answer


SILENCE = {"repository": "acme/*", "until": when(START + 60), "reason": "known"}
ORDER = {"namespace": "acme", "repo_name": "tool", "tag": "latest"}
PUSH = {"code_repo_client": "Gitee", "repository": "acme/tool", "branch": "master"}
JOB = job_id_of(("acme", "tool"))
DAYS = "start_time=2023-11-01&end_time=2023-11-20"
RUN = {"job_id": JOB}
SIGN_IN = {
    "auth": {"identity": {"methods": ["password"], "password": {"user": {"name": "x", "password": "y"}}}}
}


def _codearts() -> Iterator[Line]:
    """The calls of CodeArts, all of which take a token, but for the one that is about tokens."""
    of_build, own, read, change = (
        "{job_id}/{build_no:number}",
        Needs.OWN,
        Needs.READ_SIGNED_IN,
        Needs.CHANGE_SIGNED_IN,
    )
    # What may not be done is refused first; nobody knows the code of this job, so it cannot be run.
    yield Line("POST", "/v3/auth/tokens", Needs.ANYTHING, 401, SIGN_IN)
    yield Line("POST", "/v3/jobs/build", change, 409, RUN)
    yield Line("POST", "/v1/job/execute", change, 409, RUN)
    yield Line("POST", f"/v3/jobs/{of_build}/stop", change)
    yield Line("POST", "/v1/job/{job_id}/stop", change)
    yield Line("POST", "/v3/jobs/stop", change, body=RUN | {"build_no": "1"})
    scms = [{"scm_type": "Gitee", "group_name": "acme", "repo_name": "new"}]
    steps = [{"properties": {"ref_type": "branch", "ref": "main", "tag": "latest"}}]
    made = {"project_id": project_id_of("acme"), "scms": scms, "steps": steps}
    for path in ("/v3/jobs/create", "/v1/job/create"):
        yield Line("POST", path, Needs.MAKE, body=made | {"job_name": "acme-new"})
    for path in ("/v3/jobs/update", "/v1/job/update"):
        yield Line("POST", path, change, body=made | RUN | {"job_name": "acme-tool"})
    yield Line("POST", "/v3/jobs/{job_id}/delete", change)
    yield Line("DELETE", "/v1/job/{job_id}/delete", change)
    yield Line("POST", "/v3/jobs/{job_id}/disable", change)
    yield Line("POST", "/v3/jobs/{job_id}/recover", change)
    yield Line("POST", "/v1/job/{job_id}/disable", change, body={"disabled": True})
    notice = {"notice_type": "DING_TALK", "enabled_event_type_names": []}
    yield Line("POST", "/v3/jobs/notice/{job_id}/update", change, body=notice)
    yield Line("PUT", "/v1/job/{job_id}/notice", change, body=notice)
    yield Line("POST", "/v3/jobs/notice/{job_id}/disable", change, query="notice_type=mail&")
    robot = {"notice_type": "WECOM", "webhook_url": "https://qyapi.weixin.qq.com/x?key=y"}
    yield Line("POST", "/v1/job/check/webhook-url", read, body=RUN | robot)
    brief = [build_project_id_of(("acme", "tool"))]
    yield Line("POST", "/v1/record/brief", read, body=brief)
    for path in (
        *("/v3/projects?name=x", "/v1/job/list", "/v1/job/check/count", "/v1/job/system-parameters"),
        *("/v1/job/default-parameters", "/v1/domain/job-summary"),
        *("/v2/resource/spec?project_id=x&arch=arm", "/v1/job/check/exist?project_id=x&job_name=y"),
    ):
        yield Line("GET", path.partition("?")[0], own, query=path.partition("?")[2])
    for path in (
        *("/v3/{project_id}/jobs", "/v1/job/{project_id}/list", "/v1/job/{job_id}/info"),
        *("/v1/job/{job_id}/check/disable", "/v3/jobs/{job_id}/query", "/v1/job/{job_id}/config"),
        *("/v1/job/{job_id}/pipeline-info", "/v3/jobs/notice/{job_id}/query", "/v1/job/{job_id}/notice"),
        *("/v4/{record_id}/download-log", "/v3/{record_id}/download-log", "/v1/log/{record_id}/download-log"),
        *("/v4/{record_id}/task-log?task_name=build", f"/v3/jobs/{of_build}/real-time-log?offset=0"),
        *("/v3/jobs/{job_id}/status", "/v1/job/{job_id}/running-status", f"/v4/jobs/{of_build}/record-info"),
        *(f"/v1/record/{of_build}/record-info", f"/v3/jobs/{of_build}/record-info"),
        *("/v1/record/{record_id}/info", f"/v1/record/{of_build}/build-info-record"),
        *(f"/v1/job/{of_build}/build-info", "/v3/jobs/{job_id}/{build_number:number}/history-details"),
        *(f"/v1/job/{of_build}/history-parameters", f"/v3/jobs/{of_build}/output-info"),
        *("/v1/record/{record_id}/full-stages", "/v3/jobs/{job_id}/history"),
        *(f"/v3/jobs/{{job_id}}/period-history?{DAYS}", f"/v3/jobs/{{job_id}}/success-ratio?{DAYS}"),
        *(f"/v3/jobs/{{job_id}}/build-info-records?{DAYS}", f"/v1/record/{{job_id}}/list?{DAYS}"),
        *("/v1/record/{build_project_id}/records", "/v1/record/{build_project_id}/statistics"),
    ):
        yield Line("GET", path.partition("?")[0], read, query=path.partition("?")[2])


CODEARTS = tuple(_codearts())
CALLS = (
    Line("GET", "/v1/builds", Needs.ANYTHING),
    Line("GET", "/v1/builds/{build_id}", Needs.READ),
    Line("GET", "/v1/builds/{build_id}/logs", Needs.READ),
    Line("GET", "/v1/builds/{build_id}/previews", Needs.RULE, 409),
    Line("GET", "/v1/deliveries", Needs.OWN),
    Line("GET", "/v1/deliveries/{delivery_id}", Needs.READ_WITH_TOKEN),
    Line("GET", "/v1/deliveries/{delivery_id}/body", Needs.READ_WITH_TOKEN),
    Line("GET", "/v1/deliveries/{delivery_id}/headers", Needs.READ_WITH_TOKEN),
    Line("POST", "/v1/deliveries/{delivery_id}/redeliver", Needs.RULE_OF_ONE, 201),
    Line("POST", "/v1/builds", Needs.CHANGE, 409, ORDER),
    Line("DELETE", "/v1/builds/{build_id}", Needs.CHANGE),
    Line("POST", "/v1/builds/{build_id}/retry", Needs.CHANGE, ended=True),
    # It waits, so that no one may say how it ended: what may not be done is refused first.
    Line("POST", "/v1/builds/{build_id}/resolve", Needs.CHANGE, 409, {"state": "failed", "reason": "x"}),
    Line("GET", "/v1/notices", Needs.OWN),
    Line("GET", "/v1/notices/{notice_id}", Needs.READ_WITH_TOKEN),
    Line("POST", "/v1/notices/{notice_id}/replay", Needs.CHANGE_WITH_TOKEN, 201),
    Line("POST", "/v1/notices/{notice_id}/drop", Needs.CHANGE_WITH_TOKEN, waits=True),
    Line("GET", "/v1/messages", Needs.OWN),
    Line("GET", "/v1/silences", Needs.OWN),
    Line("POST", "/v1/silences", Needs.MAKE, 201, SILENCE),
    Line("POST", "/v1/silences", Needs.RULE_OF_MEMBERS, 201, SILENCE | {"repository": "*/tool"}),
    Line("GET", "/v1/silences/{silence_id}", Needs.READ_WITH_TOKEN),
    Line("DELETE", "/v1/silences/{silence_id}", Needs.CHANGE_WITH_TOKEN),
    Line("GET", "/v1/tokens", Needs.RULE),
    Line("POST", "/v1/tokens", Needs.RULE, 201, {"name": "ci", "role": "viewer"}),
    Line("DELETE", "/v1/tokens/{token_id}", Needs.RULE),
    Line("GET", "/v1/sessions", Needs.OWN),
    Line("DELETE", "/v1/sessions/{session_id}", Needs.ONE_OF_ANOTHER),
    Line("GET", "/v1/health", Needs.OWN),
    Line("GET", "/v1/nodes", Needs.RULE),
    Line("GET", "/v1/events", Needs.ANYTHING),
    Line("POST", "/v1/explain", Needs.OWN, body={"push": PUSH}),
    Line("POST", "/v1/explain", Needs.READ_WITH_TOKEN, body={"delivery_id": "{delivery_id}"}),
    Line("POST", "/v1/explain", Needs.MAKE, body={"push": PUSH, "rules": document("new")}),
    Line("POST", "/v1/builders/{name}/test", Needs.RULE),
    Line("POST", "/v1/channels/{name}/test", Needs.RULE),
    Line("POST", "/v1/reload", Needs.RULE),
    Line("GET", "/v1/audit", Needs.RULE),
    Line("GET", "/v1/missed", Needs.OWN),
    Line("POST", "/v1/repositories/{namespace}", Needs.MAKE, 201, document("new")),
    Line("GET", "/v1/repositories", Needs.ANYTHING),
    Line("GET", "/v1/repositories/{namespace}/{repo_name}", Needs.READ),
    Line("PUT", "/v1/repositories/{namespace}/{repo_name}/build-config", Needs.CHANGE, body={}),
    Line("DELETE", "/v1/repositories/{namespace}/{repo_name}", Needs.CHANGE),
    Line("POST", "/alauda/v1/repositories/{namespace}", Needs.MAKE, 201, document("new")),
    Line("GET", "/alauda/v1/repositories", Needs.ANYTHING),
    Line("GET", "/alauda/v1/repositories/{namespace}/{repo_name}", Needs.READ),
    Line("PUT", "/alauda/v1/repositories/{namespace}/{repo_name}/build-config", Needs.CHANGE, body={}),
    Line("DELETE", "/alauda/v1/repositories/{namespace}/{repo_name}", Needs.CHANGE, 204),
    Line("GET", "/alauda/v1/builds", Needs.ANYTHING),
    # Nobody knows the code of this repository, so it cannot be built: what may not be done is refused first.
    Line("POST", "/alauda/v1/builds", Needs.CHANGE, 409, ORDER),
    Line("GET", "/alauda/v1/builds/{build_id}", Needs.READ),
    Line("DELETE", "/alauda/v1/builds/{build_id}", Needs.CHANGE, 204),
    Line("GET", "/alauda/v1/builds/{build_id}/logs", Needs.READ),
    Line("GET", "/api/builds", Needs.OWN),
    Line("GET", "/api/repos/{owner}/{name}/builds", Needs.READ),
    Line("GET", "/api/repos/{owner}/{name}/builds/latest", Needs.READ),
    Line("GET", "/api/repos/{owner}/{name}/builds/{number:number}", Needs.READ),
    Line("POST", "/api/repos/{owner}/{name}/builds/{number:number}/{job:number}", Needs.CHANGE, 204),
    Line("POST", "/api/repos/{owner}/{name}/builds/{number:number}", Needs.CHANGE, ended=True),
    Line("GET", "/api/repos/{owner}/{name}/logs/{number:number}/{job:number}", Needs.READ),
    Line("DELETE", "/api/repos/{owner}/{name}/builds/{number:number}/{job:number}", Needs.CHANGE, 204),
    *CODEARTS,
)


def test_every_call_has_a_line() -> None:
    known = {(operation.method, operation.path) for dialect in DIALECTS for operation in dialect.operations}
    assert {(line.method, line.path) for line in CALLS} == known


async def shown_by(store: Store, caller: str) -> dict[str, str]:
    """The headers of a caller."""
    match caller:
        case "no token":
            return {}
        case "expired":
            return bearer(await issue(store, Role.ADMIN, expires_at=START))
        case "revoked":
            return bearer(await issue(store, Role.ADMIN, revoked_at=START))
        case "member of another namespace":
            return bearer(await issue(store, Role.MEMBER, "globex"))
        case "admin":
            return bearer(await issue(store, Role.ADMIN))
        case _:
            return bearer(await issue(store, Role(caller), "acme"))


async def signed_in(store: Store, token: IssuedToken) -> str:
    """The id of a session of this token."""
    access = SessionAccess(store, store.clock)
    return session_id_of(await access.start(token.principal, "", origin="192.0.2.9", agent="a browser"))


@pytest.fixture
async def client(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(api_of(store)) as opened:
        yield opened


PARTS = {"builders": "here", "channels": "team"}
"""What has a name there, where it is no repository."""


@dataclass(frozen=True)
class Filled:
    """A closed store with one thing of each kind, and their ids by the names that they have in paths."""

    folder: Path
    ids: Mapping[str, object]


async def fill(folder: Path, *, is_public: bool, ended: bool, waits: bool) -> Filled:
    async with open_store(folder) as store:
        build = await store.add_build(namespace="acme", repo_name="tool", is_public=is_public)
        await add_notice(store, "n", build, ended=None if waits else NoticeState.DEAD)
        await store.silences.add(
            Silence(
                id="s", created_at=START, until=START + 9, author="li", reason="known", repository="acme/tool"
            ),
            change_by(),
        )
        if ended:
            await store.builds.transition(build.run_id, BuildState.FAILED, quiet)
        await store.repositories.take({}, [], [], put(document() | {"is_public": is_public}))
        token = await issue(store)
        ids = {
            **dict.fromkeys(("build_id", "record_id"), build.id),
            **dict.fromkeys(("number", "build_no", "build_number"), build.number),
            **dict.fromkeys(("namespace", "owner"), "acme"),
            "repo_name": "tool",
            "delivery_id": build.origin.delivery_id,
            "job": 1,
            "job_id": JOB,
            "project_id": project_id_of("acme"),
            "build_project_id": build_project_id_of(("acme", "tool")),
            "notice_id": "n",
            "silence_id": "s",
            "token_id": token.id,
            "session_id": await signed_in(store, token),
        }
    return Filled(folder, ids)


Call = Callable[[Line, str], Awaitable[int]]
"""Makes a call as a caller; the status of the answer."""


@asynccontextmanager
async def calls_over(filled: Filled, folder: Path) -> AsyncIterator[Call]:
    """Over a copy of the store in this folder."""
    await anyio.to_thread.run_sync(copied, filled.folder, folder)
    async with open_store(folder) as store:
        api, headers, places = api_of(store, keeper=await keeper_of(store, folder)), {}, count(1)

        async def call(line: Line, caller: str) -> int:
            if caller not in headers:
                headers[caller] = await shown_by(store, caller)
            name = PARTS.get(line.path.split("/")[2], "tool")
            path = line.path.replace(":number", "").format(**filled.ids, name=name)
            about_delivery = isinstance(line.body, dict) and "delivery_id" in line.body
            body = {"delivery_id": filled.ids["delivery_id"]} if about_delivery else line.body
            # Wrong tokens are taken of one network only so many times a minute.
            async with client_of(api, address=f"2001:db8:{next(places):x}::1") as client:
                url = f"{path}?{line.query}"
                answer = await client.request(line.method, url, headers=headers[caller], json=body)
            return answer.status_code

        yield call


class Stores:
    """Stores of one kind each, filled once: a copy for calls that change nothing, others for one call."""

    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._filled: dict[str, Filled] = {}
        self._shared: dict[str, Call] = {}

    async def _of(self, line: Line, *, is_public: bool) -> tuple[str, Filled]:
        kind = f"{is_public=} {line.ended=} {line.waits=}"
        if kind not in self._filled:
            folder = self._folder / f"filled {kind}"
            self._filled[kind] = await fill(folder, is_public=is_public, ended=line.ended, waits=line.waits)
        return kind, self._filled[kind]

    async def shared(self, line: Line, *, is_public: bool) -> Call:
        kind, filled = await self._of(line, is_public=is_public)
        if kind not in self._shared:
            calls = calls_over(filled, self._folder / f"shared {kind}")
            self._shared[kind] = await self._stack.enter_async_context(calls)
        return self._shared[kind]

    @asynccontextmanager
    async def own(self, line: Line, folder: Path, *, is_public: bool) -> AsyncIterator[Call]:
        _, filled = await self._of(line, is_public=is_public)
        async with calls_over(filled, folder) as call:
            yield call


@pytest.fixture(scope="module")
async def stores(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stores]:
    async with AsyncExitStack() as stack:
        yield Stores(tmp_path_factory.mktemp("access"), stack)


@pytest.mark.parametrize("is_public", [True, False], ids=["public", "private"])
@pytest.mark.parametrize("line", CALLS, ids=[f"{line.method} {line.path}" for line in CALLS])
async def test_who_may_call_what(line: Line, stores: Stores, tmp_path: Path, *, is_public: bool) -> None:
    expected = {caller: line.expected(caller, is_public=is_public) for caller in CALLERS}
    admitted = [caller for caller in CALLERS if _ROWS[line.needs, is_public][CALLERS.index(caller)] == OK]
    answers: dict[str, int] = {}
    call = await stores.shared(line, is_public=is_public)
    for caller in CALLERS:
        if line.method == "GET" or caller not in admitted:
            answers[caller] = await call(line, caller)
    # What changes something is changed once in each store.
    for caller in admitted if line.method != "GET" else ():
        async with stores.own(line, tmp_path / caller, is_public=is_public) as call:
            answers[caller] = await call(line, caller)
    assert answers == expected


async def test_who_may_not_do_what_is_told_which_role_it_takes(
    store: Store, client: httpx.AsyncClient
) -> None:
    answer = await client.post("/v1/reload", headers=bearer(await issue(store, Role.MEMBER, "acme")))
    assert answer.json()["msg"] == (
        "this takes the role admin, and yours is member: ask an admin for a token with it"
    )


async def test_an_admin_of_some_namespaces_does_not_rule_the_others(
    store: Store, client: httpx.AsyncClient
) -> None:
    answer = await client.post("/v1/reload", headers=bearer(await issue(store, Role.ADMIN, "acme")))
    assert answer.status_code == 403
    assert answer.json()["msg"].startswith("this takes the role admin, and yours is admin in some namespaces")


async def test_of_a_delivery_only_what_concerns_visible_namespaces_is_shown(
    store: Store, client: httpx.AsyncClient
) -> None:
    build = await store.add_build(namespace="acme", is_public=True)
    path = f"/v1/deliveries/{build.origin.delivery_id}"
    seen = {}
    for name, token in {
        "all": await issue(store),
        "acme": await issue(store, Role.VIEWER, "acme", "x"),
        "globex": await issue(store, Role.ADMIN, "globex"),
    }.items():
        seen[name] = await client.get(path, headers=bearer(token))
    assert seen["all"].json() == seen["acme"].json()
    assert [one["build_id"] for one in seen["acme"].json()["data"]["builds"]] == [build.id]
    absent = await client.get("/v1/deliveries/none", headers=bearer(await issue(store)))
    assert seen["globex"].json() == absent.json(), "what may not be seen does not seem to exist"


async def test_a_reload_is_on_the_trail_and_a_rejected_one_is_not(
    store: Store, client: httpx.AsyncClient
) -> None:
    admin = await issue(store, Role.ADMIN)
    for token in (admin, await issue(store, Role.MEMBER)):
        await client.post("/v1/reload", headers=bearer(token))
    page = (await client.get("/v1/audit", headers=bearer(admin))).json()["data"]
    (entry,) = page["results"]
    assert (page["count"], page["next"], page["previous"]) == (1, None, None)
    assert entry == {
        "id": entry["id"],
        "at": "2023-11-14T22:13:20.000Z",
        "name": "the admin",
        "token_id": admin.id,
        "action": "rules.reloaded",
        "subject": "rules",
        "origin": "192.0.2.7",
        "before": None,
        "after": entry["after"],
    }
    assert set(entry["after"]) >= {"changed"}


async def test_the_trail_is_paged_and_its_pages_stand_still(store: Store, client: httpx.AsyncClient) -> None:
    admin = bearer(await issue(store, Role.ADMIN))
    for _ in range(25):
        await client.post("/v1/reload", headers=admin)
    first = (await client.get("/v1/audit", headers=admin)).json()["data"]
    await client.post("/v1/reload", headers=admin)
    second = (await client.get(first["next"], headers=admin)).json()["data"]
    ids = [entry["id"] for page in (first, second) for entry in page["results"]]
    assert len(ids) == len(set(ids)) == 25
    assert ids == sorted(ids, reverse=True)
    assert second["next"] is None
