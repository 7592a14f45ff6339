"""Repositories over HTTP: made, changed and deleted as the documents of Alauda's API write it."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from support.answers import bad
from support.api import api_of
from support.keeping import keeper_of
from support.rules import HEAD, tag_config
from support.scripted import START, Store

from bridge.runtime.clock import when
from bridge.services.reloader import Reloader

TOKEN = "a-token-of-the-tests"
TRUSTED = {"authorization": f"Bearer {TOKEN}"}
TAG = {
    "code_repo_type": "branch",
    "code_repo_type_value": "master",
    "docker_repo_tag": "latest",
    "build_context_path": "/",
    "dockerfile_location": "/",
    "is_active": False,
    "version_tagging": 1,
}
GITHUB: dict[str, Any] = {
    "repo_name": "docker_images_test",
    "description": "docker images",
    "full_description": "",
    "is_public": True,
    "build_config": {
        "code_repo_client": "GitHub",
        "code_repo_namespace": "yournamespace",
        "code_repo_name": "Docker-image",
        "build_node": "in",
        "email_enabled": False,
        "tag_configs": [TAG],
    },
}
SIMPLE = {
    "code_repo_client": "Simple",
    "code_repo_clone_url": "http://github.com/example/example.git",
    "tag_configs": [{name: value for name, value in TAG.items() if name != "build_context_path"}],
}
PATH = "/v1/repositories/alauda/docker_images_test"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "rules"
    made.mkdir()
    (made / "shop.yaml").write_text(HEAD.replace("repo_name", "is_public: true\nrepo_name", 1) + tag_config())
    return made


@pytest.fixture
async def keeper(store: Store, folder: Path) -> Reloader:
    return await keeper_of(store, folder)


@pytest.fixture
async def client(store: Store, keeper: Reloader) -> AsyncIterator[httpx.AsyncClient]:
    served = api_of(store, tokens=[TOKEN], keeper=keeper)
    transport = httpx.ASGITransport(served)
    async with httpx.AsyncClient(transport=transport, base_url="http://x", headers=TRUSTED) as opened:
        yield opened


def data(answer: httpx.Response, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    document = answer.json()
    assert (document["code"], document["msg"]) == (0, "ok")
    return document["data"]


async def made(client: httpx.AsyncClient, document: dict[str, Any] = GITHUB) -> Any:
    return data(await client.post("/v1/repositories/alauda", json=document), 201)


async def test_the_request_of_the_documents_makes_what_they_answer(
    client: httpx.AsyncClient, keeper: Reloader
) -> None:
    found = await made(client)
    number = found["build_config"]["id"]
    (tag,) = found["build_config"]["tag_configs"]
    assert tag == {"id": tag["id"], "docker_build_config_id": number, **TAG}
    assert {name: value for name, value in found.items() if name != "build_config"} == {
        "repo_starred_count": 0,
        "namespace": "alauda",
        "logo_file": None,
        "repo_path": "alauda/docker_images_test",
        "repo_name": "docker_images_test",
        "description": "docker images",
        "full_description": "",
        "created_by": "api.tokens",
        "created_at": when(START),
        "updated_at": when(START),
        "is_public": True,
        "is_automated": True,
        "download": 0,
        "upload": 0,
        "pulled_at": None,
        "pushed_at": None,
        "defined_at": "API (api.tokens, 2023-11-14T22:13:20Z)",
        "code_repo_source": None,
        "disabled": None,
        "notices": None,
        "notices_set": None,
    }
    assert {name: value for name, value in found["build_config"].items() if name != "tag_configs"} == {
        "id": number,
        "docker_repo_path": "alauda/docker_images_test",
        "code_repo_client": "GitHub",
        "code_repo_path": "yournamespace/Docker-image",
        "code_repo_webhook_code": None,
        "code_repo_public_key": None,
        "created_by": "api.tokens",
        "build_node": "in",
        "email_enabled": False,
        "code_repo_path_url": "https://github.com/yournamespace/Docker-image",
        "deploy_url": None,
    }
    assert ("alauda", "docker_images_test") in keeper.rules.repositories, "it is in force at once"
    assert data(await client.get(PATH)) == found


@pytest.mark.parametrize(("sent", "kind"), [("OSChina", "Gitee"), ("GitCafe", "Coding")])
async def test_hosts_under_their_former_names_are_those_of_today_and_keep_their_word(
    client: httpx.AsyncClient, keeper: Reloader, sent: str, kind: str
) -> None:
    config = GITHUB["build_config"] | {"code_repo_client": sent}
    assert (await made(client, GITHUB | {"build_config": config}))["build_config"]["code_repo_client"] == sent
    rule = keeper.rules.repositories["alauda", "docker_images_test"]
    assert rule.build_config.code_repo_client == kind


async def test_a_plain_server_is_named_by_its_clone_url(client: httpx.AsyncClient) -> None:
    config = (await made(client, {"repo_name": "plain", "build_config": SIMPLE}))["build_config"]
    assert (config["code_repo_client"], config["code_repo_path"]) == ("Simple", None)
    assert config["code_repo_path_url"] == "http://github.com/example/example"
    assert config["tag_configs"][0]["build_context_path"] == "/"


async def test_a_changed_config_keeps_the_ids_that_are_sent_and_never_uses_others_again(
    client: httpx.AsyncClient,
) -> None:
    before = (await made(client))["build_config"]
    (tag,) = before["tag_configs"]
    changed = {
        "build_node": "in",
        "tag_configs": [
            tag | {"docker_repo_tag": "release"},
            TAG | {"dockerfile_location": "/aa", "build_context_path": "/aa"},
        ],
    }
    config = data(await client.put(f"{PATH}/build-config", json=changed))
    kept, new = config["tag_configs"]
    assert (config["id"], kept["id"]) == (before["id"], tag["id"])
    assert (kept["docker_repo_tag"], new["dockerfile_location"]) == ("release", "/aa")
    assert config["code_repo_path"] == "yournamespace/Docker-image", "what was not sent stays"
    config = data(await client.put(f"{PATH}/build-config", json={"tag_configs": [kept]}))
    assert [one["id"] for one in config["tag_configs"]] == [tag["id"]]
    config = data(await client.put(f"{PATH}/build-config", json={"tag_configs": [TAG]}))
    assert config["tag_configs"][0]["id"] > new["id"]
    assert data(await client.put(f"{PATH}/build-config", json=config)) == config, "as it was answered"


async def test_an_id_that_is_not_of_this_repository_is_an_error(client: httpx.AsyncClient) -> None:
    (tag,) = (await made(client))["build_config"]["tag_configs"]
    other = (await made(client, GITHUB | {"repo_name": "other"}))["build_config"]["tag_configs"][0]
    for wrong in (other["id"], True, "1", [1], 1.5):
        answer = await client.put(f"{PATH}/build-config", json={"tag_configs": [TAG | {"id": wrong}]})
        why = f"is no tag_config of this repository: its ids are {tag['id']}"
        assert bad(answer, 400).endswith(why)
    twice = await client.put(f"{PATH}/build-config", json={"tag_configs": [tag, tag]})
    assert "build_config.tag_configs[1].id" in bad(twice, 400)
    config = GITHUB["build_config"] | {"tag_configs": [tag]}
    answer = await client.post("/v1/repositories/alauda", json={"repo_name": "x", "build_config": config})
    assert bad(answer, 400).endswith("leave the id out for a new one")


async def test_keys_of_ours_stay_when_a_client_that_does_not_know_them_changes_others(
    client: httpx.AsyncClient, keeper: Reloader
) -> None:
    config = GITHUB["build_config"] | {"tag_configs": [TAG | {"paths": ["web/**"]}], "concurrency": 2}
    found = (await made(client, GITHUB | {"build_config": config}))["build_config"]
    data(await client.put(f"{PATH}/build-config", json=found))
    rule = keeper.rules.repositories["alauda", "docker_images_test"].build_config
    assert (rule.tag_configs[0].paths, rule.concurrency) == (("web/**",), 2)


async def test_faults_are_those_that_check_would_print(client: httpx.AsyncClient, keeper: Reloader) -> None:
    config = GITHUB["build_config"] | {"tag_configs": [TAG | {"version_tagging": 3}], "biulder": "jenkins"}
    answer = await client.post("/v1/repositories/alauda", json=GITHUB | {"build_config": config})
    assert answer.status_code == 422
    assert answer.json()["data"]["faults"] == [
        "the request: build_config.biulder: is not known; did you mean builder?",
        (
            "the request: build_config.tag_configs[0].version_tagging: 3 is not 0, 1 or 2: 0 none, "
            "1 the time, 2 the commit id"
        ),
    ]
    level = GITHUB | {
        "build_config": GITHUB["build_config"] | {"is_public": True},
        "builder": "here",
        "paths": [],
    }
    answer = await client.post("/v1/repositories/alauda", json=level)
    assert answer.json()["data"]["faults"] == [
        "the request: build_config.is_public: is not known here: it belongs in the top level",
        "the request: builder: is not known here: it belongs in build_config",
        "the request: paths: is not known here: it belongs in an entry of build_config.tag_configs",
    ]
    assert answer.json()["msg"].startswith("nothing was changed, because of 3 faults: the request: ")
    deep: Any = []
    for _ in range(40):
        deep = [deep]
    for document in ({}, {"repo_name": 3}, {"repo_name": "x", "build_config": []}, {"repo_name": deep}):
        assert (await client.post("/v1/repositories/alauda", json=document)).status_code == 422
    long = GITHUB | {"build_config": GITHUB["build_config"] | {"build_node": "x" * 300_000}}
    answer = await client.post("/v1/repositories/alauda", json=long)
    assert answer.json()["data"]["faults"] == ["the request: is over 256 KiB"]
    await made(client)
    answer = await client.put(f"{PATH}/build-config", json={"tag_configs": "all"})
    assert answer.json()["data"]["faults"] == [
        (
            "the request: build_config.tag_configs: must be a list, but is text: write tag_configs: "
            "[{code_repo_type: branch, code_repo_type_value: all, docker_repo_tag: latest}]"
        )
    ]
    other = GITHUB | {"namespace": "acme", "repo_name": "other"}
    assert "the address says alauda" in bad(await client.post("/v1/repositories/alauda", json=other), 400)
    assert len(keeper.rules.repositories) == 2


@pytest.mark.parametrize(
    ("body", "given"), [("[]", "a JSON array"), ("1", "a single value"), ("null", "a single value")]
)
async def test_a_body_that_is_no_object_is_said_in_words_of_json(
    client: httpx.AsyncClient, body: str, given: str
) -> None:
    for path in ("/v1/repositories/alauda", "/v1/builds"):
        answer = await client.post(path, content=body)
        assert bad(answer, 400) == f"the body must be a JSON object, but is {given}"


async def test_what_a_token_may_not_see_is_told_apart_from_what_takes_one(client: httpx.AsyncClient) -> None:
    assert bad(await client.get(f"{PATH}x"), 404).endswith("or your token may not see it")
    answer = await client.get(f"{PATH}x", headers={"authorization": ""})
    assert bad(answer, 404).endswith("or it takes a token to see it")


async def test_a_name_is_taken_once(client: httpx.AsyncClient) -> None:
    await made(client)
    why = bad(await client.post("/v1/repositories/alauda", json=GITHUB), 409)
    assert why.startswith("alauda/docker_images_test was made already, by the API (api.tokens, 2023-")


async def test_of_two_at_once_one_is_made(client: httpx.AsyncClient, store: Store) -> None:
    statuses: list[int] = []

    async def create(description: str) -> None:
        document = GITHUB | {"description": description}
        statuses.append((await client.post("/v1/repositories/alauda", json=document)).status_code)

    async with anyio.create_task_group() as tasks:
        for description in "ab":
            tasks.start_soon(create, description)
    assert sorted(statuses) == [201, 409]
    (one,) = (await store.repositories.all()).repositories.values()
    assert json.loads(one.document)["description"] == data(await client.get(PATH))["description"]


async def test_what_is_in_a_file_is_changed_there(client: httpx.AsyncClient, folder: Path) -> None:
    place = f"{folder}/shop.yaml:4:1"
    shop = "/v1/repositories/acme/shop"
    document = data(await client.get(shop))
    assert (document["defined_at"], document["created_by"], document["created_at"]) == (place, None, None)
    answers = [
        await client.post("/v1/repositories/acme", json=GITHUB | {"repo_name": "shop"}),
        await client.put(f"{shop}/build-config", json=document["build_config"]),
        await client.delete(shop),
    ]
    assert all(place in bad(answer, 409) for answer in answers)


async def test_a_deleted_repository_is_gone_for_all(client: httpx.AsyncClient, keeper: Reloader) -> None:
    await made(client)
    assert data(await client.delete(PATH)) is None
    assert ("alauda", "docker_images_test") not in keeper.rules.repositories
    for answer in (await client.get(PATH), await client.delete(PATH)):
        bad(answer, 404)


async def test_pages_lead_to_each_other_in_the_order_of_names(client: httpx.AsyncClient) -> None:
    for number in range(45):
        await made(client, GITHUB | {"repo_name": f"r{number:02}"})
    pages = [data(await client.get("/v1/repositories?namespace=alauda"))]
    while pages[-1]["next"]:
        pages.append(data(await client.get(pages[-1]["next"])))
    names = [one["repo_name"] for page in pages for one in page["results"]]
    assert names == [f"r{number:02}" for number in range(45)]
    assert [page["count"] for page in pages] == [45] * 3
    assert pages[0]["previous"] is None
    assert data(await client.get(pages[2]["previous"])) == pages[1]
    assert (
        data(await client.get("/v1/repositories?page=3&namespace=alauda"))["results"] == pages[2]["results"]
    )
    await made(client, GITHUB | {"repo_name": "a-new-one"})
    assert data(await client.get(pages[0]["next"]))["results"] == pages[1]["results"]
    assert data(await client.get("/v1/repositories?page=9"))["previous"] is None


async def test_without_a_token_public_ones_are_seen_and_none_is_changed(client: httpx.AsyncClient) -> None:
    await made(client)
    await made(client, GITHUB | {"repo_name": "hidden", "is_public": False})
    client.headers.pop("authorization")
    listed = data(await client.get("/v1/repositories"))
    assert [one["repo_name"] for one in listed["results"]] == ["shop", "docker_images_test"]
    assert {one["defined_at"] for one in listed["results"]} == {None}
    hidden = "/v1/repositories/alauda/hidden"
    bad(await client.get(hidden), 404)
    bad(await client.delete(hidden), 404)
    bad(await client.put(f"{hidden}/build-config", json={}), 404)
    bad(await client.delete(PATH), 401)
    bad(await client.put(f"{PATH}/build-config", json={}), 401)
    bad(await client.post("/v1/repositories/alauda", json=GITHUB), 401)


async def test_each_change_is_on_the_trail_with_before_and_after(client: httpx.AsyncClient) -> None:
    """They are what a rule file would hold."""
    await made(client)
    data(await client.put(f"{PATH}/build-config", json={"build_node": "out"}))
    data(await client.delete(PATH))
    bad(await client.delete(PATH), 404)
    entries = data(await client.get("/v1/audit"))["results"]
    assert {entry["subject"] for entry in entries} == {"alauda/docker_images_test"}
    whole = GITHUB | {"namespace": "alauda"}
    config = GITHUB["build_config"] | {"build_node": "out"}
    assert [(entry["action"], entry["before"], entry["after"]) for entry in reversed(entries)] == [
        ("repository.created", None, whole),
        ("repository.changed", GITHUB["build_config"], config),
        ("repository.deleted", whole | {"build_config": config}, None),
    ]
