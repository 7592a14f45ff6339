"""`POST /v1/explain`: what the rules make of a delivery or a push, for who asks; nothing comes of it."""

import json
import threading
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest
import yaml
from support.answers import bad, good
from support.api import api_of, bearer, client_of, issue
from support.daemon import SECRET
from support.keeping import keeper_of
from support.listed import newest_deliveries
from support.scripted import Clock, Store, delivery_of, new_build, quiet
from support.sending import SHA, push_body, signed
from support.stored import tag_config_document

from bridge.config.forges import ForgeContext
from bridge.config.settings import SourceSettings
from bridge.model.access import Role
from bridge.model.delivery import DeliveryState
from bridge.planning.builds import plan
from bridge.registry import FORGES, KINDS
from bridge.store.values import Decision
from bridge.web.api import explain as views
from bridge.web.api.core import explain

URL = "https://git.example.com/shop.git"
PUSH = {"code_repo_client": "Simple", "repository": URL, "branch": "main"}
SOURCE = {"kind": "Simple", "secrets": [SECRET]}


def rule(namespace: str, branch: str = "main", **more: Any) -> dict[str, Any]:
    """A rule for the code at `URL`."""
    tag = tag_config_document(branch, docker_repo_tag=f"of-{namespace}")
    config = {"code_repo_client": "Simple", "code_repo_clone_url": URL, "tag_configs": [tag]}
    return {"namespace": namespace, "repo_name": "shop", "build_config": config | more}


@pytest.fixture
async def client(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a token; the rules of two namespaces build from one repository."""
    folder = store.path.parent / "rules"
    folder.mkdir()
    parameters = {"DEPLOY_TOKEN": "hunter2-hunter2", "WHAT": "{branch}"}
    rules = [rule("acme", parameters=parameters), rule("globex", "other"), rule("initech")]
    (folder / "rules.yaml").write_text(yaml.safe_dump_all(rules))
    source = SourceSettings.model_validate(SOURCE, context=ForgeContext(KINDS.forges))
    app = api_of(store, keeper=await keeper_of(store, folder), sources={"plain": source})
    async with client_of(app) as opened:
        yield opened


async def ask(client: httpx.AsyncClient, token: Mapping[str, str], **order: Any) -> httpx.Response:
    return await client.post("/v1/explain", headers=dict(token), json=order)


def pasted(body: bytes, clock: Clock) -> dict[str, Any]:
    return {"headers": signed(body, at=clock()), "body": body.decode()}


def built(documents: list[dict[str, Any]]) -> list[str]:
    return [tag for document in documents for match in document["matches"] for tag in match["tags"]]


async def test_an_admin_sees_what_every_rule_makes_of_a_pasted_delivery(
    store: Store, client: httpx.AsyncClient
) -> None:
    delivery = pasted(push_body(URL), store.clock)
    (found,) = good(await ask(client, bearer(await issue(store, Role.ADMIN)), delivery=delivery))
    assert (found["host"], found["signature"], found["sha"]) == ("simple", "valid", SHA)
    assert (found["event"], found["repo"], found["ref_name"]) == ("push", "acme/shop", "main")
    assert built([found]) == ["of-acme", "of-initech"]
    (rejection,) = found["rejections"]
    assert (rejection["namespace"], rejection["why"]) == ("globex", "main does not match other")
    assert rejection["place"].endswith("rules.yaml:22:1")
    assert await newest_deliveries(store, 10) == [], "nothing is stored"


@pytest.mark.parametrize(
    ("secret", "named", "expected"),
    [(SECRET, True, "valid"), ("x" * 20, False, "invalid"), (None, True, "absent")],
)
async def test_the_signature_is_checked_for_an_admin_and_for_nobody_else(
    store: Store, client: httpx.AsyncClient, secret: str | None, named: bool, expected: str
) -> None:
    body = push_body(URL)
    headers = signed(body, secret=secret, at=store.clock()) if secret else {}
    delivery = {"headers": headers, "body": body.decode()} | ({"source": "plain"} if named else {})
    for role, namespaces, signature in (
        (Role.ADMIN, (), expected),
        (Role.MEMBER, (), "unchecked"),
        (Role.ADMIN, ("acme",), "unchecked"),
    ):
        token = bearer(await issue(store, role, *namespaces))
        assert good(await ask(client, token, delivery=delivery))[0]["signature"] == signature


async def test_a_caller_sees_what_the_rules_of_its_namespaces_decide(
    store: Store, client: httpx.AsyncClient
) -> None:
    delivery = pasted(push_body(URL), store.clock)
    for namespace, tags, reason in (
        ("acme", ["of-acme"], None),
        ("globex", [], "globex/shop tag_configs[0]: main does not match other"),
        (
            "umbrella",
            [],
            f"no rule is for Simple acme/shop at {URL}; such a rule has code_repo_clone_url: {URL}",
        ),
    ):
        token = bearer(await issue(store, Role.VIEWER, namespace))
        for order in ({"delivery": delivery}, {"push": PUSH | {"repository": URL}}):
            answer = await ask(client, token, **order)
            (found,) = good(answer)
            assert built([found]) == tags
            assert "initech" not in answer.text
        (found,) = good(await ask(client, token, delivery=delivery))
        assert found["reason"] == reason


async def test_a_stored_delivery_is_explained_to_who_may_read_it(
    store: Store, client: httpx.AsyncClient
) -> None:
    delivery = delivery_of("k", store.clock(), body=push_body(URL))
    await store.deliveries.put(delivery)
    decision = Decision(
        state=DeliveryState.DISPATCHED, detail="", explanation=[], builds=[new_build(delivery.id)]
    )
    await store.deliveries.record_decision(delivery.id, decision, quiet, plan)
    every, acme = bearer(await issue(store)), bearer(await issue(store, Role.VIEWER, "acme"))
    (found,) = good(await ask(client, every, delivery_id=delivery.id))
    assert (found["signature"], built([found])) == ("valid", ["of-acme", "of-initech"])
    assert built(good(await ask(client, acme, delivery_id=delivery.id))) == ["of-acme"]
    globex = bearer(await issue(store, Role.ADMIN, "globex"))
    bad(await ask(client, globex, delivery_id=delivery.id), 404)
    given = good(
        await ask(client, bearer(await issue(store, Role.MEMBER)), delivery_id=delivery.id, rules=rule("new"))
    )
    assert built(given) == ["of-new"]
    for key, facts, why in (
        ("odd", {"body": b"{"}, "cannot be understood: the body is not JSON"),
        ("hand", {"forge": ""}, "came from no Git host"),
    ):
        other = delivery_of(key, store.clock(), **facts)
        await store.deliveries.put(other)
        assert why in bad(await ask(client, every, delivery_id=other.id), 409)


async def test_while_a_delivery_is_explained_the_daemon_goes_on(
    store: Store, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large one takes a moment to read, and so does an answer about many rules to be rid of secrets."""
    threads: dict[str, threading.Thread] = {}

    def noted(owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def work(*given: Any) -> Any:
            threads[name] = threading.current_thread()
            return real(*given)

        monkeypatch.setattr(owner, name, work)

    noted(type(FORGES["Simple"]), "parse")
    noted(views, "without_secrets")
    delivery = delivery_of("k", store.clock(), body=push_body(URL))
    await store.deliveries.put(delivery)
    good(await ask(client, bearer(await issue(store)), delivery_id=delivery.id))
    assert threads.keys() == {"parse", "without_secrets"}
    assert threading.current_thread() not in threads.values()


async def test_a_push_that_never_was_is_explained_with_its_files_and_its_message(
    store: Store, client: httpx.AsyncClient
) -> None:
    token = bearer(await issue(store, Role.MEMBER, "acme"))
    tags = [
        tag_config_document("main", docker_repo_tag="web", paths=["web/**"]),
        tag_config_document("v*", code_repo_type="tag", docker_repo_tag="{tag}"),
    ]
    config = {"code_repo_client": "Gitee", "code_repo_namespace": "acme", "code_repo_name": "shop"}
    rules = {"namespace": "acme", "repo_name": "shop", "build_config": config | {"tag_configs": tags}}
    here = {"code_repo_client": "OSChina", "repository": "acme/shop"}
    for push, expected in (
        ({"branch": "main"}, ["web"]),
        ({"branch": "main", "changed": ["doc/a"]}, []),
        ({"branch": "main", "changed": ["doc/a", "web/b"]}, ["web"]),
        ({"branch": "main", "message": "typo [skip ci]"}, []),
        ({"tag": "v1.2"}, ["v1.2"]),
        ({"branch": "v1.2"}, []),
    ):
        documents = good(await ask(client, token, push=here | push, rules=rules))
        assert (built(documents), documents[0]["signature"]) == (expected, "unchecked")


async def test_rules_that_are_given_take_the_place_of_those_in_force(
    store: Store, client: httpx.AsyncClient
) -> None:
    token = bearer(await issue(store, Role.MEMBER, "acme", "new"))
    text = yaml.safe_dump_all([rule("acme"), rule("new", "x")])
    (found,) = good(await ask(client, token, push=PUSH, rules=text))
    assert (built([found]), found["matches"][0]["place"]) == (["of-acme"], "rules:9:1")
    (by_mapping,) = good(await ask(client, token, push=PUSH, rules=rule("new")))
    assert (built([by_mapping]), by_mapping["matches"][0]["place"]) == (["of-new"], "rules")
    for rules, why in (
        (text.replace("of-new", "{brunch}"), "rules:"),
        ("a: [", "rules:"),
        (text.replace("new", "acme"), "acme/shop is defined twice"),
        ("#" * (1 << 18) + "\n", "over 256 KiB"),
        ("a: \x07", "control character"),
    ):
        answer = await ask(client, token, push=PUSH, rules=rules)
        assert (answer.status_code, why in answer.text) == (422, True), answer.text


async def test_rules_are_given_by_members_of_their_namespaces(
    store: Store, client: httpx.AsyncClient
) -> None:
    viewer, member = await issue(store, Role.VIEWER, "acme"), await issue(store, Role.MEMBER, "acme")
    why = bad(await ask(client, bearer(viewer), push=PUSH, rules=rule("acme")), 403)
    assert why.startswith("this takes the role member in acme, and yours is viewer")
    both = yaml.safe_dump_all([rule("acme"), rule("globex")])
    assert "member in globex" in bad(await ask(client, bearer(member), push=PUSH, rules=both), 403)


@pytest.mark.parametrize(
    ("order", "why"),
    [
        ({}, "give one of delivery, delivery_id and push"),
        ({"push": PUSH, "delivery_id": "x"}, "give one of delivery, delivery_id and push"),
        ({"push": PUSH | {"tag": "v1"}}, "push: give one of branch and tag"),
        (
            {"push": PUSH | {"code_repo_client": "Gite"}},
            "no kind Gite of Git host; did you mean Gitee?",
        ),
        ({"push": PUSH | {"code_repo_client": "Gitee"}}, "as its host calls it, not by an address"),
        ({"push": PUSH | {"branch": "a..b"}}, "push.branch: the ref name is one that Git does not allow"),
        ({"pushh": PUSH}, "push"),
        (
            {"delivery": {"headers": {}, "body": "{}"}},
            "no known Git host sends such a delivery: name one of yours",
        ),
        ({"delivery": {"headers": {}, "body": "{}", "source": "x"}}, "there is no source x"),
        (
            {"delivery": {"headers": {"X-GitHub-Event": "push"}, "body": "["}},
            "delivery: the body is not JSON",
        ),
        ({"push": PUSH, "rules": 7}, "rules"),
    ],
)
async def test_what_cannot_be_explained_is_said(
    store: Store, client: httpx.AsyncClient, order: dict[str, Any], why: str
) -> None:
    assert why in bad(await ask(client, bearer(await issue(store)), **order), 400)


async def test_nothing_secret_is_answered(store: Store, client: httpx.AsyncClient) -> None:
    token = bearer(await issue(store, Role.ADMIN))
    said = json.loads(push_body(URL))
    said["data"]["commit"]["author"]["name"] = "password=hunter3-hunter3"
    delivery = {"headers": {"webhook-id": "k"}, "body": json.dumps(said), "source": "plain"}
    answer = await ask(client, token, delivery=delivery)
    (found,) = good(answer)
    assert (found["author"], "hunter" in answer.text) == ("password=***", False)
    assert found["matches"][0]["parameters"] == {"DEPLOY_TOKEN": "***", "WHAT": "main"}


async def test_of_very_many_rules_only_those_for_the_code_are_told(
    store: Store, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = bearer(await issue(store))
    elsewhere = PUSH | {"repository": "https://git.example.com/other.git"}
    (found,) = good(await ask(client, token, push=elsewhere))
    assert {one["why"] for one in found["rejections"]} == {f"builds from Simple {URL}"}
    nothing, near, *_, cure = found["reason"].split("; ")
    assert nothing == "no rule is for Simple https://git.example.com/other.git"
    assert near.startswith("the nearest: ")
    assert near.endswith(f": builds from Simple {URL}")
    assert cure == "such a rule has code_repo_clone_url: https://git.example.com/other.git"
    monkeypatch.setattr(explain, "MAX_STORED", 2)
    (found,) = good(await ask(client, token, push=elsewhere))
    assert found["rejections"] == []
    assert found["reason"].startswith(f"{nothing}; the nearest: ")
    assert found["reason"].endswith(cure)


async def test_of_very_many_refs_and_rules_no_answer_is_made(
    store: Store, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred refs and a thousand rules made one of 16 MB, in 20 s and 200 MB of memory."""
    token = bearer(await issue(store, Role.MEMBER, "acme"))
    config = {
        "code_repo_client": "AzureDevOps",
        "code_repo_namespace": "acme",
        "code_repo_name": "shop",
        "tag_configs": [tag_config_document("*", docker_repo_tag="{branch}")],
    }
    rules = [
        {"namespace": "acme", "repo_name": f"shop-{number}", "build_config": config} for number in (1, 2)
    ]
    update = {"oldObjectId": "0" * 40, "newObjectId": SHA}
    resource = {
        "repository": {"name": "shop", "project": {"name": "acme"}},
        "refUpdates": [update | {"name": f"refs/heads/{name}"} for name in ("one", "two")],
    }
    body = json.dumps({"publisherId": "tfs", "eventType": "git.push", "id": "k", "resource": resource})
    order = {"delivery": {"headers": {}, "body": body}, "rules": yaml.safe_dump_all(rules)}
    monkeypatch.setattr(explain, "MAX_STORED", 2)
    assert built(good(await ask(client, token, **order))) == ["one", "one", "two", "two"]
    monkeypatch.setattr(explain, "MAX_STORED", 1)
    why = bad(await ask(client, token, **order), 400)
    assert why == "over 1 builds would be made: explain one ref at a time, as a push"
