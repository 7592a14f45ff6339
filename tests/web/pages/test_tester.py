# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""The rule tester: what it says of each kind of delivery, where rules are wrong; it writes nothing."""

import html
import re
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
import yaml
from support.api import bearer, issue
from support.daemon import SECRET
from support.listed import newest_deliveries
from support.pushed import URL, Pushes, pushing, rule, words
from support.scripted import Store
from support.sending import push_body, signed
from support.stored import tag_config_document

from bridge.model.access import Role
from bridge.store.values import Cursor

CHINESE: Final = {"accept-language": "zh-CN"}
PUSH: Final = {
    "what": "push",
    "code_repo_client": "Simple",
    "repository": URL,
    "kind": "branch",
    "ref": "main",
}


@pytest.fixture
async def pushes(store: Store) -> AsyncIterator[Pushes]:
    paths = tag_config_document("docs", paths=["web/**"])
    async with pushing(
        store, rule("acme", tag_config_document("main"), paths), rule("globex") | {"is_public": True}
    ) as opened:
        yield opened


async def as_role(store: Store, pushes: Pushes, role: Role, *namespaces: str) -> None:
    pushes.client.headers.update(bearer(await issue(store, role, *namespaces)))


async def result_of(pushes: Pushes, status: int = 200, /, **given: Any) -> str:
    """What a reader reads of the result."""
    answer = await pushes.form("/rules/test", given, status)
    return words(answer.text)


async def test_an_invented_push_is_explained_by_the_rules_in_force(store: Store, pushes: Pushes) -> None:
    await as_role(store, pushes, Role.VIEWER, "acme")
    read = await result_of(pushes, **PUSH)
    assert "Would trigger: 1 build" in read
    assert "entry 1 builds acme/shop:latest" in read
    assert "entry 2 does not build: main does not match docs" in read
    assert "globex" not in read, "a reader sees what the rules of its namespaces decide"
    read = await result_of(pushes, **PUSH | {"ref": "docs", "changed": "README.md\r\nweb/a.html\r\n"})
    assert "entry 2 builds" in read
    read = await result_of(pushes, **PUSH | {"ref": "docs", "changed": "README.md"})
    assert "Would trigger no build" in read
    assert "README.md does not count for the paths web/**" in read
    read = await result_of(pushes, **PUSH | {"message": "no [skip ci] please"})
    assert "the head commit's message holds [skip ci]" in read
    read = await result_of(pushes, **PUSH | {"kind": "tag", "ref": "v1"})
    assert "wants a branch, v1 is a tag" in read
    pushes.client.headers.update(CHINESE)
    assert "需要分支，v1 是标签" in await result_of(pushes, **PUSH | {"kind": "tag", "ref": "v1"})


async def test_a_stored_delivery_is_explained_by_a_rule_that_is_repaired_here(
    store: Store, pushes: Pushes
) -> None:
    """From a push that built nothing to a rule that would have built it."""
    await as_role(store, pushes, Role.MEMBER, "acme", "globex")
    built = await pushes.push("main")
    await as_role(store, pushes, Role.MEMBER)
    row = await pushes.push("dev")
    (path,) = re.findall(
        'href="(/rules/test[?]delivery=[^"]+)"', await pushes.page(f"/deliveries/{row.delivery.id}")
    )
    page = await pushes.page(html.unescape(path))
    rules = html.unescape(
        re.findall('<textarea id="rules"[^>]*>\n(.*?)</textarea>', page, flags=re.DOTALL)[0]
    )
    assert yaml.safe_load(rules)["repo_name"] == "shop"
    assert "entry 1 does not build: dev does not match main" in words(page), "the result is there at once"
    given = {"what": "delivery", "delivery_id": row.delivery.id}
    assert f'name="delivery_id" value="{row.delivery.id}"' in page
    read = await result_of(pushes, **given, rules=rules)
    assert "entry 1 does not build: dev does not match main" in read
    assert "Line" not in read
    read = await result_of(
        pushes, **given, rules=rules.replace("code_repo_type_value: main", "code_repo_type_value: dev")
    )
    assert "Would trigger: 1 build" in read
    read = await result_of(pushes, what="delivery", delivery_id=built.delivery.id)
    assert "Would trigger: 2 builds" in read, "without rules here those in force count"
    assert "no delivery has this id" in await result_of(pushes, 404, what="delivery", delivery_id="none")
    manual = await store.audit.page(Cursor(), 10)
    assert manual.rows == []
    assert len(await newest_deliveries(store, 10)) == 2, "nothing is written"


async def test_a_pasted_request_is_explained_and_its_proof_is_checked_for_admins(
    store: Store, pushes: Pushes
) -> None:
    await as_role(store, pushes, Role.ADMIN)
    body = push_body(URL)
    headers = "\n".join(
        f"{name}: {value}" for name, value in signed(body, at=store.clock(), secret=SECRET).items()
    )
    given = {"what": "pasted", "headers": headers, "body": body.decode()}
    read = await result_of(pushes, **given)
    assert "Would trigger: 2 builds" in read
    assert "Signature: valid" in read
    assert "Signature: invalid" in await result_of(
        pushes, **given | {"body": push_body(URL, sha="b" * 40).decode()}
    )
    await as_role(store, pushes, Role.VIEWER)
    assert "Signature: unchecked" in await result_of(pushes, **given)
    read = await result_of(pushes, 400, **given | {"headers": "no header\n"})
    assert "Headers : line 1 has no colon; write it as Name: value" in read
    assert "no header" in read, "what was typed stays"
    read = await result_of(pushes, 400, **given | {"headers": "x-unknown: 1"})
    assert "no known Git host sends such a delivery" in read
    pushes.client.headers.update(CHINESE)
    assert "请求头 ： 第 1 行没有冒号" in await result_of(pushes, 400, **given | {"headers": "no header"})


async def test_faults_of_rules_are_shown_with_line_and_column_and_the_line_itself(
    store: Store, pushes: Pushes
) -> None:
    await as_role(store, pushes, Role.MEMBER)
    rules = yaml.safe_dump(rule("acme"), sort_keys=False)
    wrong = rules.replace("docker_repo_tag: latest", "docker_repo_tag: a b").replace(
        "repo_name: shop", "repo_nam: shop"
    )
    line = next(n for n, text in enumerate(wrong.splitlines(), 1) if "a b" in text)
    read = await result_of(pushes, **PUSH, rules=wrong)
    assert "2 faults in the rules" in read
    assert f"Line {line}, column " in read
    assert "build_config.tag_configs[0].docker_repo_tag a tag cannot contain ' '" in read
    assert f"{line} | docker_repo_tag: a b" in read
    assert "repo_nam is not known; did you mean repo_name?" in read
    pushes.client.headers.update(CHINESE)
    read = await result_of(pushes, **PUSH, rules=wrong)
    assert f"第 {line} 行第 " in read
    assert "标签里不能有" in read
    pushes.client.headers.update({"accept-language": "en"})
    assert "1 fault in the rules Line " in await result_of(pushes, **PUSH, rules="a: [")


async def test_what_is_wrong_stands_beside_its_field_and_hides_no_fault_of_the_rules(
    store: Store, pushes: Pushes
) -> None:
    await as_role(store, pushes, Role.MEMBER)
    answer = await pushes.form("/rules/test", PUSH | {"ref": "", "message": "kept", "rules": "a: ["}, 400)
    assert re.search('<input id="ref"[^>]* aria-invalid="true" aria-describedby="ref-wrong"', answer.text)
    assert re.search('id="ref-wrong"><bdi class="said">is empty</bdi>', answer.text)
    read = words(answer.text)
    assert "push.branch" not in read
    assert 'value="kept"' in answer.text
    assert "1 fault in the rules Line " in read
    assert "mend them first" in read
    pushes.client.headers.update(CHINESE)
    read = await result_of(pushes, 400, **PUSH | {"ref": ""}, rules="a: [")
    assert "分支或标签 ： 为空" in read
    assert "YAML 写法不对" in read


async def test_rules_that_build_lead_to_their_file_and_what_was_made_up_has_no_commit(
    store: Store, pushes: Pushes
) -> None:
    await as_role(store, pushes, Role.MEMBER)
    rules = yaml.safe_dump(rule("acme"), sort_keys=False)
    answer = await pushes.form("/rules/test", PUSH | {"rules": rules}, 200)
    assert "Next, write the rules to rules/0.yaml and reload: Health" in words(answer.text)
    assert 'class="sha"' not in answer.text
    assert "Next," not in await result_of(pushes, **PUSH)


async def test_only_members_of_a_namespace_try_out_rules_for_it(store: Store, pushes: Pushes) -> None:
    rules = yaml.safe_dump(rule("globex"), sort_keys=False)
    await as_role(store, pushes, Role.VIEWER)
    page = await pushes.page("/rules/test?repository=acme/shop")
    assert 'name="rules"' not in page
    assert f'value="{URL}"' in page, "a push to the code of the repository"
    read = await result_of(pushes, 403, **PUSH, rules=rules)
    assert "this takes the role member in globex" in read
    await as_role(store, pushes, Role.MEMBER, "acme")
    assert "this takes the role member in globex" in await result_of(pushes, 403, **PUSH, rules=rules)
    page = await pushes.page("/rules/test?repository=globex/shop")
    assert "namespace: globex" not in page, "everyone sees the public repository, its own readers the rule"
    assert "namespace: acme" in await pushes.page("/rules/test?repository=acme/shop")
    await pushes.page("/rules/test?repository=globex/none", 404)
    pushes.client.headers.pop("authorization")
    answer = await pushes.form("/rules/test", PUSH)
    assert answer.headers["location"] == "/sign-in?next=%2Frules%2Ftest&undone=1"


async def test_what_cannot_be_understood_is_said_beside_what_was_typed(store: Store, pushes: Pushes) -> None:
    await as_role(store, pushes, Role.MEMBER)
    markup = "<script>alert(1)</script></textarea>\u202e{{7*7}}"
    for given, why in (
        ({"code_repo_client": markup[:40]}, "there is no kind"),
        ({"ref": f"a {markup}"}, "the ref name is one that Git does not allow"),
        ({"ref": ""}, "Branch or tag : is empty"),
        ({"source": "none"}, "there is no source none of the kind Simple"),
        ({"what": "delivery", "delivery_id": ""}, "Id of the delivery : is empty"),
        ({"what": "pasted"}, "paste the headers and the body"),
    ):
        answer = await pushes.form("/rules/test", PUSH | {"message": markup, "changed": markup, **given}, 400)
        assert why in words(answer.text)
        assert "<script>alert" not in answer.text
        assert html.escape(markup)[:20] in answer.text
        assert "49" not in words(answer.text).split()
    answer = await pushes.form(
        "/rules/test", PUSH | {"ref": "a<script>", "repository": f"{URL}/{markup}"}, 200
    )
    assert "<script>" not in answer.text
