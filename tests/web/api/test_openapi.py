"""The OpenAPI document: what it says is what the API does."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import anyio
import httpx
import jsonschema
import pytest
from support.api import KEY as KEY_OF_SERVER
from support.api import api_of, client_of, issue
from support.commands import command
from support.keeping import keeper_of
from support.listed import add_notice, notice_about
from support.scripted import START, Store, delivery_of, quiet
from support.signing import signed
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
from bridge.web.api.credentials import Credentials
from bridge.web.api.openapi import openapi
from bridge.web.api.operation import Dialect

TOKEN = "a-token-of-the-tests"
DOCUMENT = openapi(DIALECTS)
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
AFTER_THE_END = {"drone_restart", "own_retry_build"}
"""What can be done only with a build that has ended."""
OPERATIONS = [
    (path, method, entry) for path, found in DOCUMENT["paths"].items() for method, entry in found.items()
]


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
    validator = jsonschema.Draft202012Validator({**schema, "components": DOCUMENT["components"]})
    validator.validate(answer.json())


async def test_it_is_served_and_printed_alike(store: Store) -> None:
    served = api_of(store, tokens=[TOKEN])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(served), base_url="http://x") as client:
        answer = await client.get("/openapi.json")
    printed = json.loads(command("schema", "openapi").stdout)
    assert answer.json() == printed == DOCUMENT
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
    assert [answer.json() == DOCUMENT for answer in answers] == [True] * 5


@pytest.mark.parametrize(("path", "method", "entry"), OPERATIONS)
def test_each_operation_says_in_a_sentence_what_it_does(path: str, method: str, entry: Any) -> None:
    assert entry["summary"].endswith("."), (path, method)
    assert all("description" in one for one in entry["parameters"] if one["in"] == "query")


def test_ids_of_operations_are_unique() -> None:
    ids = [entry["operationId"] for _, _, entry in OPERATIONS]
    assert len(ids) == len(set(ids))


PRIVATE = {
    "own": "/v1/repositories/{namespace}/{repo_name}",
    "alauda": "/alauda/v1/repositories/{namespace}/{repo_name}",
    "drone": "/api/builds",
    "codearts": "/v1/job/list",
}
"""A path in each dialect that takes a token."""
SCHEMES = [
    (dialect, scheme)
    for dialect, path in PRIVATE.items()
    for one in DOCUMENT["paths"][path]["get"]["security"]
    for scheme in one
]


def test_each_dialect_names_the_ways_of_its_clients() -> None:
    found = {dialect: [scheme for of, scheme in SCHEMES if of == dialect] for dialect in PRIVATE}
    assert found == {
        "own": ["bearer", "auth-token"],
        "alauda": ["word-token", "bearer", "auth-token"],
        "drone": ["bare", "bearer"],
        "codearts": ["auth-token", "signature", "bearer"],
    }


@pytest.mark.parametrize(("dialect", "scheme"), SCHEMES)
async def test_each_way_of_showing_who_calls_opens(store: Store, dialect: str, scheme: str) -> None:
    path = PRIVATE[dialect].format(namespace="acme", repo_name="tool")
    await store.repositories.take({}, [], [], put(document("tool")))
    way = DOCUMENT["components"]["securitySchemes"][scheme]
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
        case "apiKey", "word-token":
            headers = {way["name"]: f"Token {Credentials([KEY_OF_SERVER]).token(issued)}"}
        case _:
            headers = {way["name"]: Credentials([KEY_OF_SERVER]).token(issued)}
    async with client_of(api_of(store, keeper=await keeper_of(store, store.path.parent))) as client:
        shown = await client.get(path, headers=headers)
        hidden = await client.get(path)
    assert (shown.status_code, hidden.status_code in {401, 404}) == (200, True), shown.text


@pytest.mark.parametrize("token", [TOKEN, "wrong", None])
@pytest.mark.parametrize(("path", "method", "entry"), OPERATIONS)
async def test_what_is_answered_has_the_type_that_the_document_gives(
    store: Store, path: str, method: str, entry: Any, token: str | None
) -> None:
    name = entry["operationId"]
    build = await store.add_build("1", repo_name="tool", is_public=True)
    await store.builds.append_log(build.id, "a line\n", 7, restarted=False)
    if name in AFTER_THE_END:
        await store.builds.transition(build.run_id, BuildState.FAILED, quiet)
    delivery = delivery_of("k", store.clock())
    await store.deliveries.put(delivery)
    await add_notice(store, "n", build, ended=NoticeState.DEAD)
    await add_notice(store, "in-app", build, channel="message", ended=NoticeState.SENT)
    await store.silences.add(
        Silence(
            id="s", created_at=START, until=START + 9, author="li", reason="known", repository="acme/tool"
        ),
        change_by(),
    )
    await store.messages.add_message(notice_about("m", build, store.clock()))
    known = {
        "notice_id": "n",
        "silence_id": "s",
        "build_id": build.id,
        "delivery_id": delivery.id,
        "number": build.number,
        "job": 1,
    }
    known |= {"namespace": "acme", "repo_name": "tool", "owner": "acme", "name": "tool"}
    known |= JOB | {"project_id": project_id_of("acme"), "build_project_id": build_project_id_of(KEY)}
    known |= {"record_id": build.id, "build_no": build.number, "build_number": build.number}
    await store.repositories.take({}, [], [], put(REPOSITORY))
    served = api_of(store, tokens=[TOKEN], keeper=await keeper_of(store, store.path.parent))
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(served), base_url="http://x") as client:
        body = BODIES_OF.get(name, BODIES.get(method)) if "requestBody" in entry else None
        needed = {one["name"] for one in entry["parameters"] if one["in"] == "query" and one["required"]}
        answer = await client.request(
            method,
            path.format(**known),
            headers=headers,
            json=body,
            params={one: QUERY[one] for one in needed},
        )
    # A wrong token is 401 for all, a missing one where the operation needs one or changes something.
    public = {} in entry["security"] and method == "get"
    good = token == TOKEN or (token is None and (public or name == SIGNS_IN))
    (done,) = entry["responses"].keys() - {"default", "304"}
    status = 409 if name in UNKNOWN_CODE else int(done)
    assert answer.status_code == (status if good else 401), answer.text
    checked(entry, answer)
    has_tag = answer.status_code == 200 and "If-None-Match" in headers_of(entry)
    assert ("etag" in answer.headers) == has_tag


READS_BY_POST = {
    SIGNS_IN,
    "own_explain",
    "own_test_builder",
    "own_test_channel",
    "codearts_list_brief_record",
    "codearts_check_webhook_url",
}


def test_each_post_that_changes_something_takes_a_key() -> None:
    keyed = {
        entry["operationId"]
        for _, _, entry in OPERATIONS
        if any(one["name"] == "Idempotency-Key" for one in entry["parameters"])
    }
    posts = {entry["operationId"] for _, method, entry in OPERATIONS if method == "post"}
    assert keyed == posts - READS_BY_POST
    assert posts >= READS_BY_POST


def test_what_is_accepted_of_repositories_is_in_the_document() -> None:
    def body(path: str, method: str) -> jsonschema.Draft202012Validator:
        schema = DOCUMENT["paths"][path][method]["requestBody"]["content"]["application/json"]["schema"]
        return jsonschema.Draft202012Validator({**schema, "components": DOCUMENT["components"]})

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
        name: [entry["operationId"] for _, _, entry in OPERATIONS if name in headers_of(entry)]
        for name in ("If-Match", "Last-Event-ID", "If-None-Match")
    }
    assert taking["If-Match"] == ["own_replace_build_config"]
    assert taking["Last-Event-ID"] == ["own_stream_events"]
    assert taking["If-None-Match"] == [
        entry["operationId"] for _, _, entry in OPERATIONS if "304" in entry["responses"]
    ]


SCHEMAS = DOCUMENT["components"]["schemas"]


def test_no_name_of_a_schema_says_where_it_stands_in_the_code() -> None:
    assert [name for name in SCHEMAS if "bridge" in name] == []


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
    found = SCHEMAS[schema]["properties"][key]
    found = SCHEMAS[found["$ref"].rpartition("/")[2]] if "$ref" in found else found
    assert set(found["enum"]) == words


def test_what_stands_below_a_field_in_the_code_describes_it() -> None:
    page = SCHEMAS["ListPage_BuildDocument_"]["properties"]
    assert page["count"]["description"].startswith("How many rows there are in all")
    assert page["next"]["description"] == "The page after this one; null on the last one."
    # What a document has of another one is described as there.
    for name in ("BuildDocument", "BuildStory"):
        assert SCHEMAS[name]["properties"]["step_at"]["description"].startswith("How far it is")
