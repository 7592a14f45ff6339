"""The pages of repositories: what stands now, what may be done, and that strangers' texts are only shown."""

import html
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from xml.etree import ElementTree as ET

import httpx
import pytest
from support.api import api_of, bearer, client_of, issue
from support.harness import DispatcherHarness
from support.keeping import keeper_of
from support.scripted import Store, new_build, quiet
from support.shown import shown, words
from support.stored import document, put, tag_config_document
from support.trail import change_by, earlier_repositories

from bridge.model.access import Role
from bridge.model.build import Build, BuildState
from bridge.model.event import Person, RefMove
from bridge.registry import FORGES
from bridge.store.sql import history
from bridge.web.pages import badge as badges
from bridge.web.pages.badge import MAX_LABEL, badge
from bridge.web.pages.repositories import BADGE_SECONDS

HOSTILE: Final = "<script>alert(1)</script>\"'{{ 7*7 }}\u202e" + "x" * 10_000
KEY: Final = ("acme", "tool")
PATH: Final = "/repositories/acme/tool"
TOKEN: Final = {"once": "x", "role": "viewer", "lifetime": "7", "kind": "token"}


@pytest.fixture
async def client(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    async with opened(store, "tool") as client:
        yield client


@asynccontextmanager
async def opened(store: Store, *names: str, **more: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the pages of a daemon with these repositories, which decides what is asked for."""
    for name in names:
        await earlier_repositories(store).take({}, [], [], put(document(name) | more))
    keeper = await keeper_of(store, store.path.parent)
    harness = DispatcherHarness(store, keeper.rules, FORGES)
    app = api_of(store, keeper=keeper, public_url="https://bridge.example.com", wake=harness.dispatcher.wake)
    async with harness.running(), client_of(app) as client:
        client.headers["accept-language"] = "en"
        yield client


async def ended(store: Store, build: Build, to: BuildState, **change: Any) -> Build:
    for state in (BuildState.TRIGGERING, BuildState.QUEUED):
        await store.builds.transition(build.run_id, state, quiet)
    store.clock.advance(60)
    assert await store.builds.transition(build.run_id, to, quiet, ended_at=store.clock(), **change)
    return await store.build(build.id)


async def built(store: Store, key: str, to: BuildState = BuildState.SUCCEEDED, **changes: Any) -> Build:
    facts = {"repo_name": "tool", "tags": ("latest",), "pushed": (key * 40)[:40], **changes}
    return await ended(store, await store.add_build(key, **facts), to, digest=f"sha256:{key * 64}")


async def test_a_repository_shows_what_stands_now(store: Store, client: httpx.AsyncClient) -> None:
    older = await built(store, "1")
    await built(store, "2")
    await built(store, "3", BuildState.FAILED)
    await built(store, "4", BuildState.FAILED, ref="refs/heads/other", tag_set="other")
    client.headers.update(bearer(await issue(store, Role.VIEWER, "acme")))
    page = await shown(client, PATH)
    read = words(page)
    assert "What stands now" in read
    assert "The last 4 builds: 2 succeeded, 2 failed" in read
    assert "made by" not in read.lower() or "#2" in read
    row = next(one for one in page.split("<tr") if ">latest<" in one and "sha256:2222" in one)
    assert "moved back" not in row.lower()
    assert [int(n) for n in re.findall(r"tool</bdi> #(\d)", page) or re.findall(r"tool #(\d)", read)][:2] == [
        4,
        3,
    ]
    move = RefMove(new_build("").code, "refs/heads/main", "1" * 40, "2" * 40, {})
    await store.database.write(lambda connection: history.record_move(connection, move, store.clock()))
    await store.builds.retry(older.id, change_by("ann"), "once more")
    await ended(store, await store.build(older.id), BuildState.SUCCEEDED, digest="sha256:back")
    row = next(one for one in (await shown(client, PATH)).split("<tr") if "sha256:back" in one)
    assert "Moved back to older code: that of #2 (" in words(f"<tr{row}")


async def test_the_rule_is_shown_with_its_place_to_who_may_see_its_namespace(
    store: Store, client: httpx.AsyncClient
) -> None:
    client.headers.update(bearer(await issue(store, Role.VIEWER, "acme")))
    read = words(await shown(client, PATH))
    assert "made by API, by alice at 11-14 22:13:20" in read
    assert "code_repo_name: tool" in read
    assert "Build now" not in read, "a viewer builds nothing"


async def test_everyone_sees_a_public_repository_and_its_public_builds_only(store: Store) -> None:
    async with opened(store, "tool", is_public=True) as client:
        await built(store, "1", is_public=True, tags=("seen",))
        await built(store, "2", tags=("inner",))
        page = await shown(client, PATH)
        assert ">seen<" in page
        assert "inner" not in page
        assert "#2" not in page
        assert "alice" not in page, "who made it is for those of the namespace"
        assert "code_repo_name" not in page


async def test_of_a_private_repository_strangers_see_the_sign_in_only(
    store: Store, client: httpx.AsyncClient
) -> None:
    answers = [await client.get(path) for path in (PATH, "/repositories/acme/none")]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert answers[0].headers["location"] == "/sign-in?next=%2Frepositories%2Facme%2Ftool"
    assert "acme/tool" not in await shown(client, "/repositories")
    client.headers.update(bearer(await issue(store, Role.ADMIN, "globex")))
    assert await shown(client, PATH, 404) == (await shown(client, "/repositories/acme/none", 404)).replace(
        "/none", "/tool"
    )


async def test_a_member_builds_a_branch_once_however_often_the_form_is_sent(store: Store) -> None:
    where = {"code_repo_clone_url": "https://git.example.com/tool.git"}
    async with opened(store, "tool", build_config=document("tool", **where)["build_config"]) as client:
        client.headers.update(bearer(await issue(store, Role.MEMBER, "acme")))
        page = await shown(client, PATH)
        assert 'value="master"' in page, "the form proposes the branch of the rule"
        once = re.findall(r'name="once" value="([^"]+)"', page)[0]
        form = {"once": once, "kind": "branch", "name": "master", "commit": "A" * 40}
        answers = [await client.post(f"{PATH}/build", data=form) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [303, 303], answers[0].text
        build = await store.builds.by_number(*KEY, 1)
        assert build is not None
        assert {answer.headers["location"] for answer in answers} == {f"/builds/{build.id}"}
        assert (build.request.commit, build.origin.by) == ("a" * 40, "the member")
        assert await store.builds.by_number(*KEY, 2) is None
        refused = await client.post(
            f"{PATH}/build", data=form | {"once": "another", "name": "", "page": PATH}
        )
        assert refused.status_code == 400
        # The reader goes back, corrects the form that is still there, and sends it again.
        assert 'value="' + "A" * 40 + '"' in refused.text, "what was typed stays"
        assert f'name="page" value="{PATH}"' in refused.text
        corrected = await client.post(f"{PATH}/build", data=form | {"once": "another", "commit": "B" * 40})
        assert corrected.status_code == 303
        again = await store.builds.by_number(*KEY, 2)
        assert again is not None
        assert again.request.commit == "b" * 40
        client.headers.update(bearer(await issue(store, Role.VIEWER, "acme")))
        assert (await client.post(f"{PATH}/build", data=form | {"once": "third"})).status_code == 403


async def test_a_member_disables_and_enables_it_and_is_named(store: Store, client: httpx.AsyncClient) -> None:
    client.headers.update(bearer(await issue(store, Role.MEMBER, "acme")))
    answer = await client.post(f"{PATH}/disable", data={"reason": HOSTILE[:100]})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PATH}?done=disabled")
    page = await shown(client, f"{PATH}?done=disabled")
    assert "<script>alert" not in page
    assert "Disabled: pushes and schedules build nothing" in words(page)
    assert "the member disabled it at" in words(page)
    assert "master" in page, "the rule is shown as it was written"
    assert "disabled" in words(await shown(client, "/repositories"))
    answer = await client.post(f"{PATH}/enable", data={"once": ""})
    assert answer.headers["location"] == f"{PATH}?done=enabled"
    admin = bearer(await issue(store, Role.ADMIN))
    trail = (await client.get("/v1/audit", headers=admin)).json()["data"]["results"]
    assert [(one["action"], one["subject"], one["after"]["disabled"]) for one in trail] == [
        ("repository.changed", "acme/tool", False),
        ("repository.changed", "acme/tool", True),
    ]
    client.headers.update(bearer(await issue(store, Role.VIEWER, "acme")))
    assert (await client.post(f"{PATH}/disable", data={"once": ""})).status_code == 403


@pytest.mark.parametrize(
    ("sent", "given", "label"),
    [
        ("GET /deliveries", {"state": "odd"}, '"#state">Outcome<'),
        ("GET /builds", {"state": "odd"}, '"#state">State<'),
        ("GET /admin/audit", {"name": "x" * 1000}, '"#name">Who<'),
        ("POST /admin/tokens", TOKEN | {"name": "x" * 1000}, '"#name">Name<'),
        (f"POST {PATH}/disable", {"reason": "x" * 1000}, '"#reason">Why<'),
    ],
)
async def test_what_is_wrong_is_said_of_the_field_as_its_own_page_labels_it(
    store: Store, client: httpx.AsyncClient, sent: str, given: dict[str, str], label: str
) -> None:
    client.headers.update(bearer(await issue(store, Role.ADMIN)))
    method, _, path = sent.partition(" ")
    as_form = method == "POST"
    answer = await client.request(
        method, path, params=None if as_form else given, data=given if as_form else None
    )
    assert answer.status_code == 400
    assert f"<a href={label}/a>" in answer.text


@pytest.mark.parametrize(
    "clone_url",
    [
        "https://git.example.com/acme/tool.git",
        "https://git.example.com/acme/tool/",
        "ssh://git@git.example.com:2222/acme/tool.git",
        "git@git.example.com:acme/tool.git",
    ],
)
async def test_the_pushes_to_a_repository_are_those_that_its_host_names_so(
    store: Store, clone_url: str
) -> None:
    code = {"code_repo_client": "Simple", "code_repo_clone_url": clone_url}
    async with opened(store, "tool", build_config=code | {"tag_configs": [tag_config_document()]}) as client:
        client.headers.update(bearer(await issue(store)))
        assert 'href="/deliveries?repo=acme/tool"' in await shown(client, PATH)


async def test_a_repository_without_a_push_says_where_the_hook_has_to_call(
    store: Store, client: httpx.AsyncClient
) -> None:
    client.headers.update(bearer(await issue(store)))
    read = words(await shown(client, PATH))
    assert "The rule is known, no push yet." in read
    assert (
        "https://bridge.example.com/hooks/" in read or "No source, or several, are of the kind Gitee" in read
    )


async def test_the_list_shows_the_newest_build_and_is_searched_by_text(store: Store) -> None:
    async with opened(store, "tool", "shop") as client:
        await built(store, "1", BuildState.FAILED)
        client.headers.update(bearer(await issue(store)))
        read = words(await shown(client, "/repositories"))
        assert "2 repositories that you may see." in read
        assert "failed #1 acme/tool" in read
        assert "not built yet acme/shop" in read.replace("acme/shop", "acme/shop", 1)
        found = words(await shown(client, "/repositories?text=TOO"))
        assert "acme/tool" in found
        assert "acme/shop" not in found
        listed = (await client.get("/v1/repositories?text=TOO")).json()["data"]
        assert [one["repo_name"] for one in listed["results"]] == ["tool"]
        assert "No repository is like that." in words(await shown(client, "/repositories?text=zzz"))


async def test_more_repositories_than_a_page_has_are_reached_by_links(store: Store) -> None:
    async with opened(store, *(f"r{number:02}" for number in range(45))) as client:
        client.headers.update(bearer(await issue(store)))
        seen, path, page = [], "/repositories?namespace=acme", ""
        for _ in range(3):
            page = await shown(client, path)
            seen += re.findall(r'href="/repositories/acme/(r\d\d)"', page)
            if more := re.search(r'href="([^"]+)" rel="next"', page):
                path = more[1].replace("&amp;", "&")
        assert seen == [f"r{number:02}" for number in range(45)]
        assert re.search(r'rel="prev"', page)


@pytest.mark.parametrize("language", ["en", "zh-CN"])
async def test_what_strangers_write_is_shown_and_never_obeyed(store: Store, language: str) -> None:
    async with opened(store, "tool", description=HOSTILE[:900]) as client:
        build = await store.add_build(
            "1",
            repo_name="tool",
            tags=("latest",),
            author=Person(HOSTILE, HOSTILE),
            ref=f"refs/heads/{HOSTILE}",
        )
        await ended(store, build, BuildState.SUCCEEDED, digest=HOSTILE)
        client.headers.update(bearer(await issue(store)) | {"accept-language": language})
        for path in (PATH, "/repositories", f"{PATH}?done=<script>", "/repositories?text=<script>alert(1)"):
            page = await shown(client, path)
            assert "<script>alert" not in page
            assert "49" not in re.findall(r"x{3}49|\b49\b", page)
            assert len(page) < 60_000


# The badge.


def texts_of(image: str) -> list[str]:
    tree = ET.fromstring(image)  # our own
    return ["".join(one.itertext()) for one in tree.iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize(
    ("to", "word"),
    [
        (None, "waiting"),
        (BuildState.RUNNING, "running"),
        (BuildState.SUCCEEDED, "passing"),
        (BuildState.FAILED, "failing"),
        (BuildState.UNKNOWN, "unknown"),
    ],
)
async def test_a_badge_says_how_a_branch_is(store: Store, to: BuildState | None, word: str) -> None:
    async with opened(store, "tool", is_public=True) as client:
        build = await store.add_build("1", repo_name="tool", is_public=True, ref="refs/heads/main")
        if to is not None:
            await ended(store, build, to)
        answer = await client.get("/badge/acme/tool.svg?ref=main")
        assert answer.headers["content-type"].startswith("image/svg+xml")
        assert texts_of(answer.text) == ["main", word]
        assert answer.headers["cache-control"] == f"public, max-age={BADGE_SECONDS}"
        again = await client.get(
            "/badge/acme/tool.svg?ref=main", headers={"if-none-match": answer.headers["etag"]}
        )
        assert (again.status_code, again.content) == (304, b"")
        assert texts_of((await client.get("/badge/acme/tool.svg")).text) == ["build", word]
        assert texts_of((await client.get("/badge/acme/tool.svg?ref=none")).text) == ["none", "unknown"]


async def test_the_page_gives_the_address_of_the_badge_and_shows_it_as_it_is_now(
    store: Store, client: httpx.AsyncClient
) -> None:
    client.headers.update(bearer(await issue(store)))
    first = html.unescape(await shown(client, PATH))
    at = "https://bridge.example.com"
    image = "/badge/acme/tool.svg?ref=master"
    assert f'value="[![acme/tool]({at}{image})]({at}{PATH})"' in first
    await built(store, "1", ref="refs/heads/master")
    second = html.unescape(await shown(client, PATH))
    sources = [re.findall(r'<img src="([^"]+)"', page)[0] for page in (first, second)]
    assert all(source.startswith(f"{image}&") for source in sources)
    assert sources[0] != sources[1], "a browser would show the one that it has kept"
    assert texts_of((await client.get(sources[1])).text) == ["master", "passing"]


async def test_a_badge_of_a_private_repository_is_that_of_none_at_all(
    store: Store, client: httpx.AsyncClient
) -> None:
    await built(store, "1", ref="refs/heads/main")
    secret, absent = [await client.get(f"/badge/acme/{name}.svg?ref=main") for name in ("tool", "none")]
    assert (secret.status_code, texts_of(secret.text)) == (404, ["main", "unknown"])
    assert (secret.content, secret.status_code) == (absent.content, absent.status_code)
    names = set(secret.headers) - {"date"}
    assert {name: secret.headers[name] for name in names} == {name: absent.headers[name] for name in names}
    seen = await client.get("/badge/acme/tool.svg?ref=main", headers=bearer(await issue(store)))
    assert (seen.status_code, texts_of(seen.text)) == (200, ["main", "passing"])
    assert seen.headers["cache-control"].startswith("private, ")


async def test_a_badge_speaks_chinese_where_it_is_asked_to(store: Store) -> None:
    async with opened(store, "tool", is_public=True) as client:
        await built(store, "1", is_public=True)
        answer = await client.get("/badge/acme/tool.svg?language=zh-CN")
        assert texts_of(answer.text) == ["构建", "通过"]


@pytest.mark.parametrize("label", [HOSTILE, "", "\x00\ud800\uffff", "<>&\"'", "分支", "]]>"])
def test_a_badge_is_good_xml_whatever_the_words_are(label: str) -> None:
    image = badge(label, label, "#000")
    title, *_ = ET.fromstring(image)  # our own
    shown_label = texts_of(image)[0]
    assert len(shown_label) <= MAX_LABEL
    assert title.text == f"{shown_label}: {texts_of(image)[1]}"
    assert "\u202e" not in image


def test_white_can_be_read_on_every_badge() -> None:
    for look in [*badges._LOOKS.values(), badges._UNKNOWN]:
        channels = [int(look.colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
        light = sum(part * weight for part, weight in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))
        assert 1.05 / (light + 0.05) >= 4.5, look


async def test_the_overview_names_what_fails_until_it_is_built_again(store: Store) -> None:
    """The health of builders and channels says nothing of the code."""
    async with opened(store, "tool") as client:
        reader = bearer(await issue(store, Role.VIEWER))
        build = await built(store, "a", BuildState.FAILED)
        await built(store, "b", BuildState.FAILED, repo_name="gone")
        assert "<title>1 thing is wrong" in (await client.get("/", headers=reader)).text
        wrong = await wrong_now(client, reader)
        assert "main of acme/tool has been failing since" in wrong
        assert "#1" in wrong
        assert "gone" not in wrong, "no rule builds that one any more"
        assert f'href="/builds/{build.id}"' in (await client.get("/", headers=reader)).text
        again = await built(store, "c")
        assert "Everything works." in await wrong_now(client, reader)
        assert again.number == 2


@pytest.mark.parametrize("path", ["/", "/builds"])
async def test_strangers_read_that_there_may_be_more(
    store: Store, client: httpx.AsyncClient, path: str
) -> None:
    said = "Without sign-in you see public repositories only. Sign in"
    assert said in words(await shown(client, path))
    client.headers.update(bearer(await issue(store, Role.VIEWER, "acme")))
    assert said not in words(await shown(client, path))


async def wrong_now(client: httpx.AsyncClient, headers: dict[str, str]) -> str:
    page = (await client.get("/", headers=headers)).text
    return words(page.partition('<section id="wrong"')[2].partition("</section>")[0])
