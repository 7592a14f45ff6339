"""The page of a build: how it stands, what a reader may do, and any part of its log, long or strange."""

import html
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlencode

import anyio
import httpx
import pytest
from support.api import api_of, bearer, client_of, issue
from support.held_writer import held_writer
from support.keeping import keeper_of
from support.listed import add_notice
from support.scripted import SHA, START, Store
from support.stored import document, put
from support.trail import change_by, earlier_repositories

from bridge.model.access import Role
from bridge.model.build import Build, BuildState, Origin
from bridge.store.sql.builds import Builds
from bridge.store.values import Cursor, no_notices, unchanged
from bridge.web.pages.log_html import MAX_HTML, MAX_STYLED

MARKUP = "<script>alert(1)</script>{{ 7 * 7 }}"
LINE = re.compile(
    r'<code(?: id="L(\d+)")?(?: class="([a-z ]+)")?><a href="#L\d+" tabindex="-1">\d+</a>(.*?)</code>'
)


@pytest.fixture
async def client(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    (store.path.parent / "rules").mkdir()
    await earlier_repositories(store).take({}, [], [], put(document("tool")))
    async with client_of(api_of(store, keeper=await keeper_of(store, store.path.parent))) as opened:
        opened.headers["accept-language"] = "en"
        yield opened


@pytest.fixture
async def member(store: Store) -> Mapping[str, str]:
    return bearer(await issue(store, Role.MEMBER, "acme"))


async def add(store: Store, text: str = "", *, key: str = "1", **changes: Any) -> Build:
    given: dict[str, Any] = {"repo_name": "tool", "is_public": True}
    build = await store.add_build(key, **(given | changes))
    await append(store, build, text)
    return build


async def append(store: Store, build: Build, text: str) -> None:
    for at in range(0, len(text), 1 << 18):
        part = text[at : at + (1 << 18)]
        await store.builds.append_log(build.run_id, part, at + len(part), restarted=False)


async def end(store: Store, build: Build, state: BuildState = BuildState.FAILED, **change: Any) -> None:
    await store.builds.transition(build.run_id, state, no_notices, ended_at=START + 90, **change)


async def page(client: httpx.AsyncClient, path: str, headers: Mapping[str, str] | None = None) -> str:
    answer = await client.get(path, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.text


def lines_of(text: str) -> dict[int, str]:
    """The lines of a log in a page, by their anchors."""
    return {int(number): html.unescape(line) for number, _, line in LINE.findall(text) if number}


def with_class(text: str, name: str) -> list[int]:
    return [int(number) for number, classes, _ in LINE.findall(text) if name in classes.split()]


def counted(count: int) -> str:
    return "".join(f"{number} of them\n" for number in range(1, count + 1))


def words(text: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split())


@pytest.mark.parametrize(
    ("stands_at", "referer", "back"),
    [
        ("/builds/7?run=2", "", "/builds/7?run=2"),
        ("/builds/7?run=2", "http://bridge.example.com/builds/7", "/builds/7?run=2"),
        pytest.param("/builds/7?" + "x" * 2000, "", "/builds/7", id="too long"),
        ("//evil.example/x", "http://bridge.example.com/builds", "/builds"),
        (None, "http://bridge.example.com/builds/7?run=2", "/builds/7?run=2"),
        (None, "http://bridge.example.com//evil.example/x", "/builds/7"),
        (None, "http://bridge.example.com/builds/7/cancel", "/builds/7"),
        (None, "http://[no address", "/builds/7"),
        (None, "", "/builds/7"),
    ],
)
async def test_a_form_that_is_sent_after_the_session_has_ended_leads_back_to_its_page(
    client: httpx.AsyncClient, stands_at: str | None, referer: str, back: str
) -> None:
    form = {"once": "x"} | ({"page": stands_at} if stands_at else {})
    headers = {"referer": referer} if referer else {}
    answer = await client.post("/builds/7/retry", data=form, headers=headers)
    wanted = urlencode({"next": back, "undone": "1"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/sign-in?{wanted}")
    page = await client.get(answer.headers["location"])
    assert "What you asked for was not done" in page.text


async def test_a_failed_build_says_where_it_failed_and_shows_its_first_error(
    store: Store, client: httpx.AsyncClient
) -> None:
    build = await add(store, counted(3000) + "error: no such file\nits stack\n" + "bye\n" * 700)
    await end(store, build, url="https://ci.example.com/7", stage="test", started_at=START)
    found = await page(client, f"/builds/{build.id}")
    said = words(found)
    assert "The build failed. It took 1 min 30 s." in said
    assert "It failed in the step test" in said
    assert f'href="/builds/{build.id}?lines=3001#L3001"' in found
    excerpt = re.search(r'<pre class="excerpt">.*?</pre>', found, re.DOTALL)
    assert excerpt is not None
    assert "error: no such file" in excerpt[0]
    assert (min(lines_of(found)), max(lines_of(found))) == (2501, 3500)
    assert with_class(found, "failed") == [3001]
    assert 'href="https://ci.example.com/7"' in found
    assert "<title>✗ acme/tool #1 · Buildbridge</title>" in found


async def test_any_other_build_shows_its_last_thousand_lines(store: Store, client: httpx.AsyncClient) -> None:
    build = await add(store, counted(2345))
    found = await page(client, f"/builds/{build.id}")
    lines = lines_of(found)
    assert (min(lines), max(lines), len(lines)) == (1346, 2345, 1000)
    assert lines[2000] == "2000 of them"
    assert found.count('<pre class="block">') == 2
    earlier = re.search(r'href="([^"]+)" id="earlier"', found)
    assert earlier is not None
    assert html.unescape(earlier[1]) == f"/builds/{build.id}?from=846#L1346"
    before = await page(client, html.unescape(earlier[1]).partition("#")[0])
    assert (min(lines_of(before)), max(lines_of(before))) == (846, 1845)
    later = re.search(r'href="([^"]+)" id="later"', before)
    assert later is not None
    assert "from=1846" in later[1]
    first = await page(client, f"/builds/{build.id}?from=1")
    assert 'id="earlier" data-count="500" hidden>' in first


async def test_a_link_to_lines_shows_them_among_those_before_and_after(
    store: Store, client: httpx.AsyncClient
) -> None:
    build = await add(store, counted(3000))
    found = await page(client, f"/builds/{build.id}?lines=1500-1503")
    assert with_class(found, "picked") == [1500, 1501, 1502, 1503]
    assert (min(lines_of(found)), max(lines_of(found))) == (1300, 2299)
    assert with_class(await page(client, f"/builds/{build.id}?lines=7"), "picked") == [7]
    assert with_class(await page(client, f"/builds/{build.id}?lines=9-5"), "picked") == [9]
    beyond = await page(client, f"/builds/{build.id}?lines=99999")
    assert lines_of(beyond) == {}
    for wrong in ("lines=x", "lines=5-", "from=0", "from=x", "run=0", "q=" + "x" * 201, "other=1"):
        answer = await client.get(f"/builds/{build.id}?{wrong}")
        assert answer.status_code == 400, wrong


async def test_a_script_gets_parts_of_the_log_and_what_is_new(
    store: Store, client: httpx.AsyncClient
) -> None:
    build = await add(store, counted(700) + "half a li")
    path = f"/builds/{build.id}/log"
    part = await page(client, f"{path}?from=201&count=500")
    assert (min(lines_of(part)), max(lines_of(part))) == (201, 700)
    assert 'data-next="701"' in part
    assert "<html" not in part
    part = await page(client, f"{path}?from=701")
    assert lines_of(part) == {701: "half a li"}
    assert with_class(part, "open") == [701], "it may grow: the script puts the whole one in its place"
    assert 'data-next="701"' in part
    await append(store, build, "ne\nnew\n")
    await end(store, build)
    part = await page(client, f"{path}?from=701")
    assert lines_of(part) == {701: "half a line", 702: "new"}
    assert 'data-next="703" data-ended' in part
    nothing = await page(client, f"{path}?from=703")
    assert (lines_of(nothing), 'data-next="703"' in nothing) == ({}, True)
    assert (await client.get(f"{path}?count=1001")).status_code == 400


async def test_a_search_finds_lines_of_the_whole_log(store: Store, client: httpx.AsyncClient) -> None:
    build = await add(store, counted(2500) + f"the Needle {MARKUP}\n")
    found = await page(client, f"/builds/{build.id}?q=needle")
    assert "1 line was found" in found
    assert f'href="/builds/{build.id}?q=needle&amp;lines=2501#L2501"' in found
    assert MARKUP not in found
    assert "Needle &lt;script&gt;" in found
    many = await page(client, f"/builds/{build.id}?q=of+them")
    assert "2500 lines were found" in many
    assert "The first 200 are shown" in many
    assert "0 lines were found" in await page(client, f"/builds/{build.id}?q=%3Cb%3E")


async def test_the_whole_log_is_a_file_and_never_a_page(store: Store, client: httpx.AsyncClient) -> None:
    text = f"{MARKUP} \x1b[31m构建\n" + counted(20_000)
    build = await add(store, text)
    answer = await client.get(f"/builds/{build.id}/raw")
    assert answer.text == text
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="tool-1.1.log"'
    assert answer.headers["x-content-type-options"] == "nosniff"


HOSTILE = {
    "markup": f"{MARKUP}</code></pre><img src=x onerror=alert(2)>",
    "turned": "\u202etxt.exe \u2066here\u200f",
    "codes": "\x1b]0;title\x07\x1b[2J\x1b[31mred\x1b[0m\x9b31m\x00\x08",
    "long": "x" * 10_500,
    "drawn": "10 %\r50 %\r100 %",
}


async def test_what_strange_lines_say_is_shown_and_does_nothing(
    store: Store, client: httpx.AsyncClient
) -> None:
    build = await add(store, "\n".join(HOSTILE.values()) + "\n")
    found = await page(client, f"/builds/{build.id}")
    lines = lines_of(found)
    assert lines[1] == HOSTILE["markup"]
    assert "<script>alert" not in found
    assert "<img" not in found
    assert lines[2] == "txt.exe here"
    assert lines[3] == '<span class="f1">red</span>31m'
    assert len(lines[4]) < 10_400
    assert f'… <a class="cut" href="/builds/{build.id}/raw?run=1">' in lines[4].replace("x ", "… ")
    assert "the line has 10500 characters" in lines[4]
    assert lines[5] == "100 %"


async def test_what_strangers_wrote_into_a_commit_is_shown_and_does_nothing(
    store: Store, client: httpx.AsyncClient
) -> None:
    origin = Origin(
        delivery_id="",
        cause="push",
        ref_kind="branch",
        ref_name=f"dev-{MARKUP}",
        subject=f"{MARKUP}\u202e",
        commit_url="javascript:alert(1)",
    )
    build = await add(store, origin=origin)
    await end(store, build, detail=MARKUP, url="javascript:alert(2)", stage=MARKUP)
    found = await page(client, f"/builds/{build.id}")
    assert MARKUP not in found
    assert "javascript:" not in found
    assert "49" not in re.findall(r"<bdi[^>]*>(.*?)</bdi>", found)


async def test_what_was_left_out_of_a_long_log_is_marked(store: Store, client: httpx.AsyncClient) -> None:
    store.builds = Builds(store.database, store.clock, unchanged, store.audit, 16 << 10)
    build = await store.add_build(is_public=True)
    for number in range(1, 401):
        await store.builds.append_log(build.run_id, f"line {number:04} {'.' * 80}\n", number, restarted=False)
    found = await page(client, f"/builds/{build.id}?from=1")
    lines = lines_of(found)
    assert set(lines) < set(range(1, 401))
    assert '<code class="gap">Lines are left out here' in found
    assert all(text.startswith(f"line {number:04}") for number, text in lines.items() if len(text) > 50)
    assert max(lines) == 400
    last = max(number for number in lines if number + 1 not in lines and number < 400)
    behind = min(number for number in lines if number > last)
    tail = await page(client, f"/builds/{build.id}?from={behind - 1}")
    earlier = re.search(r'href="([^"#]+)[^"]*" id="earlier"', tail)
    assert earlier is not None
    assert html.unescape(earlier[1]).endswith("?from=1"), "what was left out is passed over"
    part = await page(client, f"/builds/{build.id}/log?before={behind}&count=1")
    assert f'data-first="{last + 1}"' in part
    assert '<code class="gap">' in part


async def test_earlier_lines_lead_to_the_first_one_over_what_was_left_out(
    store: Store, client: httpx.AsyncClient
) -> None:
    store.builds = Builds(store.database, store.clock, unchanged, store.audit, 200_000)
    build = await store.add_build(is_public=True)
    text = "".join(f"line {number:05} {'.' * 40}\n" for number in range(1, 20_001))
    for at in range(0, len(text), 10_000):
        await store.builds.append_log(build.run_id, text[at : at + 10_000], at, restarted=False)
    path, seen, begins = f"/builds/{build.id}", set[int](), [0]
    while path:
        found = await page(client, path)
        lines = lines_of(found)
        begins.append(min(lines))
        seen |= set(lines)
        earlier = re.search(r'href="([^"#]+)[^"]*" id="earlier"', found)
        path = html.unescape(earlier[1]) if earlier else ""
        assert begins[-1] != begins[-2], "no page is that of before"
        path = "" if len(begins) > 20 else path
    kept = {
        int(line)
        for line in re.findall(r"line (\d{5}) \.{40}\n", await page(client, f"/builds/{build.id}/raw"))
    }
    assert kept <= seen
    assert min(seen) == 1
    first, marks, known, requests = 20_001, 0, set[int](), 0
    while first > 1 and requests < 40:
        part = await page(client, f"/builds/{build.id}/log?before={first}&count=1000")
        shown = lines_of(part)
        assert known.isdisjoint(shown), "no line comes twice"
        known |= set(shown)
        marks += part.count('<code class="gap">')
        (begin,) = re.findall(r'data-first="(\d+)"', part)
        assert int(begin) < first
        first, requests = int(begin), requests + 1
    assert kept <= known
    assert marks == 1
    assert requests <= len(kept) // 1000 + 2


async def test_a_part_of_a_log_has_bounded_colours_and_length_whatever_its_lines_have(
    store: Store, client: httpx.AsyncClient
) -> None:
    colours = "".join(f"\x1b[3{number % 7 + 1}mx" for number in range(150))
    build = await add(store, f"{colours}\n" * 1000)
    found = await page(client, f"/builds/{build.id}")
    lines = lines_of(found)
    assert len(lines) == 1000
    assert len(found) < 1_000_000
    assert lines[1].count("<span") == 150
    assert lines[1000] == "x" * 150, "without colours, and with all of its text"
    assert MAX_STYLED - 300 < found.count("<span") < MAX_STYLED + 300
    quotes = await add(store, ('"' * 1000 + "\n") * 1000, key="2")
    found = await page(client, f"/builds/{quotes.id}")
    lines = lines_of(found)
    assert len(lines) == 1000
    assert len(found) < MAX_HTML + 2_000_000
    assert html.unescape(lines[1]) == '"' * 1000
    assert html.unescape(lines[1000]).startswith('"' * 200 + " <a class=")
    assert "characters" in lines[1000]


async def test_earlier_lines_that_are_too_much_for_one_part_come_in_several(
    store: Store, client: httpx.AsyncClient
) -> None:
    build = await add(store, "".join(f"{number:04} {'x' * 3000}\n" for number in range(1, 1001)))
    part = await page(client, f"/builds/{build.id}/log?before=1001&count=1000")
    lines = lines_of(part)
    begin = min(lines)
    assert 1 < begin < 1000
    assert sorted(lines) == list(range(begin, 1001)), "what is nearest comes first"
    assert f'data-first="{begin}"' in part
    part = await page(client, f"/builds/{build.id}/log?before={begin}&count=1000")
    assert max(lines_of(part)) == begin - 1


async def test_without_a_log_it_says_whether_one_will_come(store: Store, client: httpx.AsyncClient) -> None:
    build = await add(store)
    found = await page(client, f"/builds/{build.id}")
    assert "There is no log yet" in found
    assert '<div id="log-parts" hidden>' in found, "nothing to search or to download"
    await end(store, build)
    assert "the build did not reach its builder" in await page(client, f"/builds/{build.id}")
    await store.builds.update(build.run_id, handle="7", url="https://ci.example.com/7")
    found = words(await page(client, f"/builds/{build.id}"))
    assert "the builder gave none, or it was removed. Its page at the builder" in found


async def test_a_build_that_waits_says_why_and_how_many_go_first(
    store: Store, client: httpx.AsyncClient, member: Mapping[str, str]
) -> None:
    first, second = await add(store, key="1", image="acme/a"), await add(store, key="2", image="acme/a")
    await add(store, key="3", builder="there", image="acme/b")
    found = words(await page(client, f"/builds/{second.id}"))
    assert "The build waits to be started." in found
    assert "first." not in found, "those may be private"
    client.headers.update(member)
    found = words(await page(client, f"/builds/{second.id}"))
    assert "1 build goes first." in found
    assert f"behind #{first.number}, which writes the same tag" in found
    assert "Nothing goes before it." in words(await page(client, f"/builds/{first.id}"))


async def test_who_may_not_see_a_build_is_asked_to_sign_in(store: Store, client: httpx.AsyncClient) -> None:
    build = await add(store, "a secret line\n", is_public=False)
    for path in ("", "/log", "/raw"):
        answer = await client.get(f"/builds/{build.id}{path}")
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/sign-in?next=%2Fbuilds%2F")
        other = bearer(await issue(store, Role.MEMBER, "globex", name=f"other{path}"))
        assert (await client.get(f"/builds/{build.id}{path}", headers=other)).status_code == 404


async def sent(
    client: httpx.AsyncClient, build: Build, verb: str, headers: Mapping[str, str], **fields: str
) -> httpx.Response:
    """What a form of the page does, with the key that the page has put into it."""
    shown = await page(client, f"/builds/{build.id}", headers)
    form = re.search(rf'<form[^>]*action="/builds/{build.id}/{verb}">.*?name="once" value="([^"]+)"', shown)
    assert form is not None, f"there is no form for {verb}"
    path = f"/builds/{build.id}/{verb}"
    return await client.post(path, data={"once": form[1], **fields}, headers=headers)


async def test_a_build_is_run_again_once_and_leads_to_its_new_run(
    store: Store, client: httpx.AsyncClient, member: Mapping[str, str]
) -> None:
    build = await add(store, "one\n")
    await end(store, build)
    shown = await page(client, f"/builds/{build.id}", member)
    once = re.search(r'name="once" value="([^"]+)"', shown)
    assert once is not None
    path = f"/builds/{build.id}/retry"
    answers = [await client.post(path, data={"once": once[1]}, headers=member) for _ in range(2)]
    there = f"/builds/{build.id}?run=2&done=retry"
    assert [(one.status_code, one.headers["location"]) for one in answers] == [(303, there)] * 2
    again = await store.build(build.id)
    assert (again.run, again.state) == (2, BuildState.WAITING)
    found = words(await page(client, there, member))
    assert "The build was asked for again: this is its new run." in found
    assert "the member asked for this run" in found
    before = await page(client, f"/builds/{build.id}?run=1")
    assert lines_of(before) == {1: "one"}
    assert "This is run 1 of the build, an earlier one." in words(before)
    assert (await client.get(f"/builds/{build.id}?run=3", headers=member)).status_code == 404


async def test_two_clicks_at_once_lead_to_the_same_run(
    store: Store, client: httpx.AsyncClient, member: Mapping[str, str]
) -> None:
    build = await add(store)
    await end(store, build)
    once = re.search(r'name="once" value="([^"]+)"', await page(client, f"/builds/{build.id}", member))
    assert once is not None
    answers: list[httpx.Response] = []

    async def click() -> None:
        path = f"/builds/{build.id}/retry"
        answers.append(await client.post(path, data={"once": once[1]}, headers=member))

    async with held_writer(store.database) as release, anyio.create_task_group() as tasks:
        for _ in range(2):
            tasks.start_soon(click)
        await anyio.wait_all_tasks_blocked()
        assert answers == [], "one is being done, and the other waits for that"
        release()
    there = f"/builds/{build.id}?run=2&done=retry"
    assert [(one.status_code, one.headers["location"]) for one in answers] == [(303, there)] * 2
    assert (await store.build(build.id)).run == 2


async def test_a_build_is_cancelled_and_one_whose_end_is_unknown_resolved(
    store: Store, client: httpx.AsyncClient, member: Mapping[str, str]
) -> None:
    build = await add(store)
    answer = await sent(client, build, "cancel", member)
    assert answer.headers["location"] == f"/builds/{build.id}?done=cancel"
    assert (await store.build(build.id)).cancel_reason == "cancelled by the member"
    assert "The build is cancelled." in words(await page(client, answer.headers["location"], member))
    await end(store, build, BuildState.UNKNOWN)
    for fields in ({"state": "running", "reason": "x"}, {"state": "failed", "reason": " "}):
        assert (await sent(client, build, "resolve", member, **fields)).status_code == 400
    answer = await sent(client, build, "resolve", member, state="succeeded", reason="it is in the registry")
    assert answer.headers["location"] == f"/builds/{build.id}?done=resolve"
    resolved = await store.build(build.id)
    assert (resolved.state, resolved.detail) == (
        BuildState.SUCCEEDED,
        "resolved by the member: it is in the registry",
    )
    entries = (await store.audit.page(Cursor(), 10)).rows
    assert [entry.action for entry in entries] == ["build.resolved", "build.cancelled"]


async def test_the_timeline_says_once_that_a_build_was_cancelled(
    store: Store, client: httpx.AsyncClient
) -> None:
    build = await add(store)
    why = "cancelled by the member"
    assert await store.builds.request_cancel(build.id, why, change_by())
    await end(store, build, BuildState.CANCELLED, detail=why)
    found = await page(client, f"/builds/{build.id}")
    timeline = words(found.partition('id="timeline"')[2].partition("</ul>")[0])
    assert timeline.count(why) == 1
    assert f"cancelled {why}" in timeline


async def test_the_timeline_says_of_many_attempts_how_the_last_one_went(
    store: Store, client: httpx.AsyncClient
) -> None:
    build = await add(store)

    async def attempts(*numbers: int) -> str:
        for number in numbers:
            for state in BuildState.TRIGGERING, BuildState.WAITING:
                store.clock.advance(60)
                await store.builds.transition(build.run_id, state, no_notices, detail=f"refused {number}")
        found = await page(client, f"/builds/{build.id}")
        return words(found.partition('id="timeline"')[2].partition("</ul>")[0])

    few = await attempts(1, 2)
    assert [few.count(f"refused {number}") for number in (1, 2)] == [2, 2]
    many = await attempts(3, 4, 5)
    assert "waiting The push that made it" in many
    assert re.findall(r"refused \d", many) == ["refused 5"]
    assert "11-14 22:23:20 waiting refused 5 5 attempts since 11-14 22:14:20" in many


async def test_who_may_only_look_gets_no_forms_and_cannot_send_them(
    store: Store, client: httpx.AsyncClient
) -> None:
    build = await add(store)
    viewer = bearer(await issue(store, Role.VIEWER, "acme"))
    for headers in (None, viewer):
        assert f"/builds/{build.id}/cancel" not in await page(client, f"/builds/{build.id}", headers)
    for verb in ("cancel", "retry", "resolve"):
        path, data = (
            f"/builds/{build.id}/{verb}",
            {"once": f"{verb}-of-a-form-of-tests", "state": "failed", "reason": "x"},
        )
        assert (await client.post(path, data=data, headers=viewer)).status_code == 403
        answer = await client.post(path, data=data)
        assert (answer.status_code, answer.headers["location"][:9]) == (303, "/sign-in?")
    assert (await store.build(build.id)).cancel_reason is None


async def test_the_push_and_the_notices_of_a_build_are_for_who_has_signed_in(
    store: Store, client: httpx.AsyncClient, member: Mapping[str, str]
) -> None:
    build = await add(store)
    await add_notice(store, "n", build)
    shown = await page(client, f"/builds/{build.id}", member)
    assert f'href="/deliveries/{build.origin.delivery_id}"' in shown
    assert 'href="/notices/n"' in shown
    public = await page(client, f"/builds/{build.id}")
    assert "/notices/n" not in public
    assert build.origin.delivery_id not in public.partition('id="timeline"')[0]


async def test_the_page_speaks_chinese(store: Store, client: httpx.AsyncClient) -> None:
    build = await add(store, counted(3000))
    await end(store, build, stage="test", detail="failed in the stage test")
    found = words(await page(client, f"/builds/{build.id}", {"accept-language": "zh-CN"}))
    assert "构建失败。" in found
    assert "阶段 test 失败" in found
    assert SHA[:10] in found
