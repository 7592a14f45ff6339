"""The OpenAPI document: what it says is what the API does."""

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import anyio
import httpx
import jsonschema
import pytest
from starlette.types import ASGIApp
from support.api import KEY as KEY_OF_SERVER
from support.api import api_of, client_of, issue
from support.commands import command
from support.keeping import keeper_of
from support.listed import add_notice, notice_about
from support.scripted import START, Store, delivery_of, open_store, quiet
from support.signing import signed
from support.signing_in import signed_in
from support.stored import document, put
from support.trail import change_by

from bridge.model.access import Role
from bridge.model.build import BuildState
from bridge.model.delivery import DeliveryState
from bridge.model.notice import NoticeState
from bridge.model.silence import Silence
from bridge.runtime.clock import when
from bridge.web.api import app
from bridge.web.api.app import DIALECTS
from bridge.web.api.codearts.ids import build_project_id_of, job_id_of, project_id_of
from bridge.web.api.core.sessions import SessionAccess, session_id_of
from bridge.web.api.credentials import Credentials
from bridge.web.api.openapi import openapi
from bridge.web.api.operation import Dialect

TOKEN = "a-token-of-the-tests"
REPOSITORY = document() | {"is_public": True}
NEW = document("new")
BODIES = {"post": {"repo_name": "new", "build_config": NEW["build_config"]}, "put": NEW["build_config"]}
KEY = ("acme", "tool")
ORDER = {"namespace": "acme", "repo_name": "tool", "tag": "latest"}
JOB = {"job_id": job_id_of(KEY)}
NOTICE = {"notice_type": "DING_TALK", "enabled_event_type_names": ["buildJobFail"]}
SCMS = [{"scm_type": "Gitee", "group_name": "acme", "repo_name": "new"}]
STEPS = [{"properties": {"ref_type": "branch", "ref": "main", "tag": "latest"}}]
MADE = {"project_id": project_id_of("acme"), "job_name": "acme-new", "scms": SCMS, "steps": STEPS}
USER = {"name": "api.tokens", "password": TOKEN}
BODIES_OF = {
    "alauda_trigger": ORDER,
    "own_trigger": ORDER,
    "own_add_silence": {"channel": "team", "until": when(START + 60), "reason": "known"},
    "own_resolve_build": {"state": "failed", "reason": "its log says so"},
    "own_add_token": {"name": "ci", "role": "viewer"},
    "own_explain": {"push": {"code_repo_client": "Gitee", "repository": "acme/tool", "branch": "master"}},
    "codearts_create_token": {
        "auth": {"identity": {"methods": ["password"], "password": {"user": USER}}, "scope": {}}
    },
    "codearts_run_job": JOB,
    "codearts_execute_job": JOB,
    "codearts_create_build_job": MADE,
    "codearts_create_new_job": MADE,
    "codearts_update_build_job": MADE | JOB | {"job_name": "acme-tool"},
    "codearts_update_new_job": MADE | JOB | {"job_name": "acme-tool"},
    "codearts_stop_job": JOB | {"build_no": "1"},
    "codearts_disable_the_job": {"disabled": True, "reason": "why"},
    "codearts_update_notice": NOTICE,
    "codearts_update_new_notice_new": NOTICE,
    "codearts_check_webhook_url": JOB
    | {"notice_type": "DING_TALK", "webhook_url": "https://oapi.dingtalk.com/robot/send?access_token="},
    "codearts_list_brief_record": [build_project_id_of(KEY)],
}
"""What the body has to be."""
QUERY: Mapping[str, str | int] = {
    "name": "cn-north-4",
    "project_id": project_id_of("acme"),
    "job_name": "acme-tool",
    "arch": "arm",
    "offset": 0,
    "task_name": "build",
    "notice_type": "DING_TALK",
    "start_time": "2023-11-01",
    "end_time": "2023-11-20",
}
"""What is given in a query that needs it."""
SIGNS_IN = "codearts_create_token"
"""What takes no token, but a password."""
UNKNOWN_CODE = {"own_trigger", "alauda_trigger", "codearts_run_job", "codearts_execute_job"}
"""What builds: nobody knows where the code of this repository is."""
ON_WHAT_WAITS = {"own_drop_notice"}
"""What can be done only with a notice that waits."""
AFTER_THE_END = dict.fromkeys(("drone_restart", "own_retry_build"), BuildState.FAILED) | {
    "own_resolve_build": BuildState.UNKNOWN
}
"""What can be done only with a build that has ended, and how."""


@cache
def the_document() -> Any:
    """To make it takes a second, and workers import this module whether they run its tests or not."""
    return openapi(DIALECTS)


def operations() -> list[tuple[str, str, Any]]:
    """Their paths, methods and entries in the document."""
    paths = the_document()["paths"]
    return [(path, method, entry) for path, found in paths.items() for method, entry in found.items()]


def headers_of(entry: Mapping[str, Any]) -> list[str]:
    return [one["name"] for one in entry["parameters"] if one["in"] == "header"]


def checked(entry: Mapping[str, Any], answer: httpx.Response) -> None:
    """The answer is one of those that the document has for the operation."""
    found = entry["responses"].get(str(answer.status_code), entry["responses"]["default"])
    (kind, content), *more = found["content"].items()
    assert (answer.headers["content-type"].partition(";")[0], more) == (kind, [])
    if kind != "application/json":
        return
    schema = content["schema"]
    validator = jsonschema.Draft202012Validator({**schema, "components": the_document()["components"]})
    validator.validate(answer.json())


async def test_it_is_served_and_printed_alike(store: Store) -> None:
    served = api_of(store, tokens=[TOKEN])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(served), base_url="http://x") as client:
        answer = await client.get("/openapi.json")
    printed = json.loads(command("schema", "openapi").stdout)
    assert answer.json() == printed == the_document()
    assert printed["openapi"] == "3.1.0"


async def test_it_is_made_once_however_many_ask_for_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anyone may, and it takes a second."""
    made: list[dict[str, Any]] = []

    def noted(dialects: Iterable[type[Dialect]]) -> dict[str, Any]:
        made.append(openapi(dialects))
        return made[-1]

    monkeypatch.setattr(app, "openapi", noted)
    answers: list[httpx.Response] = []
    async with client_of(api_of(store)) as client, anyio.create_task_group() as tasks:

        async def ask() -> None:
            answers.append(await client.get("/openapi.json"))

        for _ in range(5):
            tasks.start_soon(ask)
    assert len(made) == 1
    assert [answer.json() == the_document() for answer in answers] == [True] * 5


def test_each_operation_says_in_a_sentence_what_it_does() -> None:
    for path, method, entry in operations():
        assert entry["summary"].endswith("."), (path, method)
        assert all("description" in one for one in entry["parameters"] if one["in"] == "query"), (
            path,
            method,
        )


def test_ids_of_operations_are_unique() -> None:
    ids = [entry["operationId"] for _, _, entry in operations()]
    assert len(ids) == len(set(ids))


PRIVATE = {
    "own": "/v1/repositories/{namespace}/{repo_name}",
    "alauda": "/alauda/v1/repositories/{namespace}/{repo_name}",
    "drone": "/api/builds",
    "codearts": "/v1/job/list",
}
"""A path in each dialect that takes a token."""
WAYS = {
    "own": ["bearer", "auth-token", "session"],
    "alauda": ["word-token", "bearer", "auth-token"],
    "drone": ["bare", "bearer"],
    "codearts": ["auth-token", "signature", "bearer"],
}


def test_each_dialect_names_the_ways_of_its_clients() -> None:
    found = {dialect: the_document()["paths"][path]["get"]["security"] for dialect, path in PRIVATE.items()}
    named = {dialect: [scheme for one in security for scheme in one] for dialect, security in found.items()}
    assert named == WAYS


@pytest.mark.parametrize(
    ("dialect", "scheme"), [(dialect, scheme) for dialect, schemes in WAYS.items() for scheme in schemes]
)
async def test_each_way_of_showing_who_calls_opens(store: Store, dialect: str, scheme: str) -> None:
    path = PRIVATE[dialect].format(namespace="acme", repo_name="tool")
    await store.repositories.take({}, [], [], put(document("tool")))
    way = the_document()["components"]["securitySchemes"][scheme]
    issued = await issue(store, Role.ADMIN, has_access_key=scheme == "signature")
    match way["type"], scheme:
        case "http", _:
            headers = {
                "authorization": f"{way['scheme'].title()} {Credentials([KEY_OF_SERVER]).token(issued)}"
            }
        case "apiKey", "signature":
            secret = Credentials([KEY_OF_SERVER]).secret_key(issued)
            assert issued.access_key is not None
            assert secret is not None
            headers = signed((issued.access_key, secret), "GET", path, b"", store.clock())
            assert way["name"] == "Authorization"
            assert headers["authorization"].startswith(way["description"].partition(" ")[0])
        case "apiKey", "session":
            headers = await signed_in(store, issued, name=way["name"])
            assert way["in"] == "cookie"
        case "apiKey", "word-token":
            headers = {way["name"]: f"Token {Credentials([KEY_OF_SERVER]).token(issued)}"}
        case _:
            headers = {way["name"]: Credentials([KEY_OF_SERVER]).token(issued)}
    async with client_of(api_of(store, keeper=await keeper_of(store, store.path.parent))) as client:
        shown = await client.get(path, headers=headers)
        hidden = await client.get(path)
    assert (shown.status_code, hidden.status_code in {401, 404}) == (200, True), shown.text


@dataclass(frozen=True)
class Served:
    """The API over a store that has one thing of each kind, and their ids by the names in paths."""

    app: ASGIApp
    ids: Mapping[str, object]


@asynccontextmanager
async def served(folder: Path, name: str) -> AsyncIterator[Served]:
    """In which the operation `name` can be done."""
    async with open_store(folder) as store:
        build = await store.add_build("1", repo_name="tool", is_public=True)
        await store.builds.append_log(build.id, "a line\n", 7, restarted=False)
        if name in AFTER_THE_END:
            await store.builds.transition(build.run_id, AFTER_THE_END[name], quiet)
        delivery = delivery_of("k", store.clock())
        await store.deliveries.put(delivery)
        await add_notice(store, "n", build, ended=None if name in ON_WHAT_WAITS else NoticeState.DEAD)
        await add_notice(store, "in-app", build, channel="message", ended=NoticeState.SENT)
        await store.silences.add(
            Silence(
                id="s", created_at=START, until=START + 9, author="li", reason="known", repository="acme/tool"
            ),
            change_by(),
        )
        await store.messages.add_message(notice_about("m", build, store.clock()))
        token_of = await issue(store)
        access = SessionAccess(store, store.clock)
        secret = await access.start(token_of.principal, "", origin="192.0.2.9", agent="a browser")
        await store.repositories.take({}, [], [], put(REPOSITORY))
        ids = JOB | {
            "token_id": token_of.id,
            "session_id": session_id_of(secret),
            "notice_id": "n",
            "silence_id": "s",
            "delivery_id": delivery.id,
            "job": 1,
            "namespace": "acme",
            "repo_name": "tool",
            "owner": "acme",
            "project_id": project_id_of("acme"),
            "build_project_id": build_project_id_of(KEY),
            **dict.fromkeys(("build_id", "record_id"), build.id),
            **dict.fromkeys(("number", "build_no", "build_number"), build.number),
        }
        yield Served(api_of(store, tokens=[TOKEN], keeper=await keeper_of(store, folder)), ids)


async def check(api: Served, path: str, method: str, entry: Any, *, token: str | None, address: str) -> None:
    name = entry["operationId"]
    part = {"own_test_builder": "here", "own_test_channel": "team"}.get(name, "tool")
    body = BODIES_OF.get(name, BODIES.get(method)) if "requestBody" in entry else None
    needed = {one["name"] for one in entry["parameters"] if one["in"] == "query" and one["required"]}
    async with client_of(api.app, address=address) as client:
        answer = await client.request(
            method,
            path.format(**api.ids, name=part),
            headers={} if token is None else {"authorization": f"Bearer {token}"},
            json=body,
            params={one: QUERY[one] for one in needed},
        )
    (done,) = entry["responses"].keys() - {"default", "304"}
    status = 409 if name in UNKNOWN_CODE else int(done)
    assert answer.status_code == (status if is_good(method, entry, token) else 401), answer.text
    checked(entry, answer)
    has_tag = answer.status_code == 200 and "If-None-Match" in headers_of(entry)
    assert ("etag" in answer.headers) == has_tag


def is_good(method: str, entry: Any, token: str | None) -> bool:
    """A wrong token is for no operation, none for those that need none and change nothing."""
    public = {} in entry["security"] and method == "get"
    return token == TOKEN or (token is None and (public or entry["operationId"] == SIGNS_IN))


async def test_what_is_answered_has_the_type_that_the_document_gives(tmp_path: Path) -> None:
    """What changes something has a store of its own."""
    async with served(tmp_path / "shared", "") as shared:
        for place, (path, method, entry) in enumerate(operations()):
            for token in (TOKEN, "wrong", None):
                # Wrong tokens are taken of one network only so many times a minute.
                asked: Any = {"token": token, "address": f"2001:db8:{place:x}::1"}
                try:
                    if method == "get" or not is_good(method, entry, token):
                        await check(shared, path, method, entry, **asked)
                        continue
                    async with served(tmp_path / f"{place} {token}", entry["operationId"]) as own:
                        await check(own, path, method, entry, **asked)
                except BaseException as error:
                    error.add_note(f"{method} {path} with {token}")
                    raise


WITHOUT_KEY = {
    SIGNS_IN,
    "own_explain",
    "own_test_builder",
    "own_add_token",
    "own_test_channel",
    "codearts_list_brief_record",
    "codearts_check_webhook_url",
}


def test_each_post_that_changes_something_takes_a_key() -> None:
    keyed = {
        entry["operationId"]
        for _, _, entry in operations()
        if any(one["name"] == "Idempotency-Key" for one in entry["parameters"])
    }
    posts = {entry["operationId"] for _, method, entry in operations() if method == "post"}
    assert keyed == posts - WITHOUT_KEY
    assert posts >= WITHOUT_KEY


def test_what_is_accepted_of_repositories_is_in_the_document() -> None:
    def body(path: str, method: str) -> jsonschema.Draft202012Validator:
        schema = the_document()["paths"][path][method]["requestBody"]["content"]["application/json"]["schema"]
        return jsonschema.Draft202012Validator({**schema, "components": the_document()["components"]})

    new = body("/v1/repositories/{namespace}", "post")
    assert new.is_valid(BODIES["post"])
    assert not new.is_valid({"repo_name": "new"})
    assert not new.is_valid(BODIES["post"] | {"repo-name": "new"})
    changed = body("/v1/repositories/{namespace}/{repo_name}/build-config", "put")
    tag = {"id": 4, "docker_build_config_id": 3, "is_active": True}
    assert changed.is_valid({"id": 3, "created_by": "ann", "tag_configs": [tag]})
    assert not changed.is_valid({"tag_configs": [tag | {"is_active": 1}]})


def test_headers_are_named_where_they_are_taken() -> None:
    taking = {
        name: [entry["operationId"] for _, _, entry in operations() if name in headers_of(entry)]
        for name in ("If-Match", "Last-Event-ID", "If-None-Match")
    }
    assert taking["If-Match"] == ["own_replace_build_config"]
    assert taking["Last-Event-ID"] == ["own_stream_events"]
    assert taking["If-None-Match"] == [
        entry["operationId"] for _, _, entry in operations() if "304" in entry["responses"]
    ]


def schemas() -> Any:
    return the_document()["components"]["schemas"]


def test_no_name_of_a_schema_says_where_it_stands_in_the_code() -> None:
    assert [name for name in schemas() if "bridge" in name] == []


@pytest.mark.parametrize(
    ("schema", "key", "words"),
    [
        ("BuildStory", "status", {"W", "I", "S", "F"}),
        ("BuildStory", "state", {one.value for one in BuildState}),
        ("RunDocument", "state", {one.value for one in BuildState}),
        ("DeliveryDocument", "state", {one.value for one in DeliveryState}),
        ("NoticeDocument", "state", {one.value for one in NoticeState}),
        ("PartDocument", "state", {"up", "down"}),
        ("AlaudaBuild", "status", {"W", "I", "S", "F"}),
        ("AlaudaBuildRow", "status", {"W", "I", "S", "F"}),
        ("AlaudaLogRow", "level", {"INFO", "WARNING", "ERROR"}),
        ("DroneBuild", "status", {"pending", "running", "success", "failure", "killed", "error"}),
        ("DroneJob", "status", {"pending", "running", "success", "failure", "killed", "error"}),
        ("Record", "status", {"QUEUED", "RUNNING", "SUCCESS", "FAILURE", "ABORTED"}),
    ],
)
def test_words_of_answers_are_all_in_the_document(schema: str, key: str, words: set[str]) -> None:
    found = schemas()[schema]["properties"][key]
    found = schemas()[found["$ref"].rpartition("/")[2]] if "$ref" in found else found
    assert set(found["enum"]) == words


def test_what_stands_below_a_field_in_the_code_describes_it() -> None:
    page = schemas()["ListPage_BuildDocument_"]["properties"]
    assert page["count"]["description"].startswith("How many rows there are in all")
    assert page["next"]["description"] == "The page after this one; null on the last one."
    # What a document has of another one is described as there.
    for name in ("BuildDocument", "BuildStory"):
        assert schemas()[name]["properties"]["step_at"]["description"].startswith("How far it is")
