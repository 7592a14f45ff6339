"""The log of a build in a browser: long ones, ones that grow, links to lines; with scripts and without."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anyio.to_thread
import pytest
from playwright.async_api import Browser, Page, Route, expect
from support.browser import PHONE, Faults, inaccessible, reading
from support.daemon import TOKEN, Daemon, running
from support.engines import url_of
from support.rules import shop_rule
from support.sending import push_body, send
from support.waiting import eventually

from bridge.store.open import open_store

URL = "https://git.example.com/shop.git"
CONFIG = {
    "sources": {"plain": {"kind": "Simple", "secrets": ["a-shared-secret-of-the-tests"]}},
    "builders": {"here": {"kind": "dummy", "duration": "1h"}},
}
FAILS = '{DUMMY_RESULT: failed, DUMMY_DURATION: "0s"}'
TRUSTED = {"authorization": f"Bearer {TOKEN}"}
MARKUP = "<script>document.title = 'taken'</script><img src=x onerror=alert(1)>"


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    rules = {
        "shop.yaml": shop_rule(URL, public=True),
        "fails.yaml": shop_rule(f"{URL}2", name="fails", public=True, parameters=FAILS),
    }
    with running(tmp_path, CONFIG, rules) as started:
        yield started


@pytest.fixture
async def window(browser: Browser, daemon: Daemon) -> AsyncIterator[tuple[Page, Faults]]:
    async with reading(browser, daemon.url, locale="en", extra_http_headers=TRUSTED) as opened:
        yield opened
        assert opened[1].found == []


def _built(daemon: Daemon, url: str, state: str) -> str:
    send(daemon.url, push_body(url), f"push-{state}").raise_for_status()
    return str(eventually(lambda: daemon.builds(state=state))[0]["build_id"])


async def build_of(daemon: Daemon, *, failed: bool = False) -> str:
    """The id of a build that runs, or has failed."""
    url, state = (f"{URL}2", "failed") if failed else (URL, "running")
    build_id = await anyio.to_thread.run_sync(_built, daemon, url, state)
    await anyio.to_thread.run_sync(lambda: eventually(lambda: daemon.api(f"/v1/builds/{build_id}/logs")))
    return build_id


async def append(daemon: Daemon, build_id: str, text: str) -> None:
    """What the builder says now."""
    async with open_store(url_of(daemon.database), exclusive=False) as store:
        build = await store.builds.get(build_id)
        assert build is not None
        for at in range(0, len(text), 1 << 18):
            part = text[at : at + (1 << 18)]
            await store.builds.append_log(build.run_id, part, build.log_offset, restarted=False)


def lines(count: int, word: str = "line") -> str:
    return "".join(f"{word} {number} of {count}\n" for number in range(1, count + 1))


async def place(page: Page) -> int:
    """How far the page is scrolled, in pixels."""
    found: int = await page.evaluate("Math.round(window.pageYOffset)")
    return found


async def bottom(page: Page) -> int:
    """How far the end of the log is below the upper edge of the window."""
    found: int = await page.evaluate(
        "Math.round(document.getElementById('log').getBoundingClientRect().bottom)"
    )
    return found


async def test_a_log_that_grows_is_followed_by_who_sees_its_end_and_moves_no_one_else(
    daemon: Daemon, window: tuple[Page, Faults]
) -> None:
    page, _ = window
    build_id = await build_of(daemon)
    await append(daemon, build_id, lines(400, "old"))
    await page.goto(f"/builds/{build_id}")
    await page.evaluate("document.getElementById('end').scrollIntoView()")
    await append(daemon, build_id, lines(100, "new"))
    await expect(page.locator("#log")).to_contain_text("new 100 of 100")
    height: int = await page.evaluate("window.innerHeight")
    assert await bottom(page) <= height + 60, "the end stays in sight"
    await page.evaluate("window.scrollTo(0, 0)")
    await append(daemon, build_id, "half a li")
    await expect(page.locator("#log")).to_contain_text("half a li")
    await append(daemon, build_id, "ne\nthe last\n")
    await expect(page.locator("#log")).to_contain_text("the last")
    assert await place(page) == 0, "a reader of the beginning is not moved"
    shown = await page.locator("#log code").all_inner_texts()
    assert sum("half a" in one for one in shown) == 1, "the line that grew is there once"
    assert "half a line" in " ".join(shown)


async def test_who_follows_a_log_reads_which_lines_are_there_and_gets_those_that_went(
    daemon: Daemon, window: tuple[Page, Faults]
) -> None:
    """With a page that keeps fewer lines than ours, so that some go early."""
    page, _ = window

    async def keeping_fewer(route: Route) -> None:
        answer = await route.fetch()
        await route.fulfill(
            response=answer, body=(await answer.text()).replace("MOST_LINES = 20000", "MOST_LINES = 1200")
        )

    await page.route("**/static/log.*.js", keeping_fewer)
    build_id = await build_of(daemon)
    await page.goto(f"/builds/{build_id}")
    shown, earlier = page.locator("#shown"), page.locator("#earlier")
    await expect(earlier).to_be_hidden()
    await page.evaluate("document.getElementById('end').scrollIntoView()")
    await append(daemon, build_id, lines(2500))
    await expect(page.locator("#log")).to_contain_text("line 2500 of 2500")
    total = await page.locator("#log code[id]").last.get_attribute("id")
    first = await page.locator("#log code[id]").first.get_attribute("id")
    assert total is not None
    assert first is not None
    assert int(first[1:]) > 1000, "the first lines went"
    await expect(shown).to_have_text(f"Lines {first[1:]} to {total[1:]} of {total[1:]}.")
    await expect(earlier).to_have_attribute("href", re.compile(rf"[?]from={int(first[1:]) - 500}#{first}$"))
    await earlier.click()
    await expect(shown).to_have_text(f"Lines {int(first[1:]) - 500} to {total[1:]} of {total[1:]}.")


async def test_a_page_that_is_paused_gets_no_lines_until_it_goes_on(
    daemon: Daemon, window: tuple[Page, Faults]
) -> None:
    page, _ = window
    build_id = await build_of(daemon)
    await page.clock.install()
    await page.goto(f"/builds/{build_id}")
    await page.get_by_role("button", name="Pause").click()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await append(daemon, build_id, "while it was paused\n")
    await page.clock.run_for(30_000)
    assert [one for one in asked if "/log?" in one] == []
    await page.get_by_role("button", name="Go on").click()
    await expect(page.locator("#log")).to_contain_text("while it was paused")


async def test_a_log_that_begins_is_shown_without_a_reload(
    daemon: Daemon, window: tuple[Page, Faults]
) -> None:
    page, _ = window
    build_id = await build_of(daemon)
    await page.goto(f"/builds/{build_id}")
    before = await page.locator("#log code").count()
    await append(daemon, build_id, f"\x1b[31mred {MARKUP}\n")
    red = page.locator("#log .f1")
    await expect(red).to_have_text(f"red {MARKUP}")
    assert await page.locator("#log code").count() == before + 1
    assert await page.title() == "▶ acme/shop #1 · Buildbridge"


async def test_the_end_of_a_build_is_seen_without_a_reload_with_what_can_be_done_then(
    daemon: Daemon, window: tuple[Page, Faults]
) -> None:
    page, _ = window
    build_id = await build_of(daemon)
    await page.goto(f"/builds/{build_id}")
    await expect(page.locator("#live-state")).to_have_text("Live")
    await expect(page.get_by_role("button", name="Cancel the build")).to_be_visible()
    await append(daemon, build_id, "the last words\n")
    path = f"{daemon.url}/v1/builds/{build_id}"
    assert (await page.request.delete(path, headers=TRUSTED)).ok
    await expect(page.get_by_role("button", name="Build again")).to_be_visible()
    await expect(page.locator("#verdict")).to_contain_text("The build was cancelled.")
    await expect(page.locator("#log")).to_contain_text("the last words")
    assert await page.title() == "○ acme/shop #1 · Buildbridge"


async def test_earlier_lines_come_twice_as_many_each_time_and_move_nothing(
    daemon: Daemon, window: tuple[Page, Faults]
) -> None:
    page, _ = window
    build_id = await build_of(daemon)
    await append(daemon, build_id, lines(6000))
    await page.goto(f"/builds/{build_id}")
    counts = [await page.locator("#log code").count()]
    earlier = page.locator("#earlier")
    top = page.locator("#log code").first
    marked = await top.get_attribute("id")
    assert marked is not None
    for _ in range(2):
        await earlier.scroll_into_view_if_needed()
        line = page.locator(f"#{marked}")
        await line.scroll_into_view_if_needed()
        before = await line.bounding_box()
        await earlier.evaluate("one => one.click()")
        expected = counts[-1] + 500 * 2 ** (len(counts) - 1)
        await expect(page.locator("#log code")).to_have_count(expected)
        after = await line.bounding_box()
        assert before is not None
        assert after is not None
        assert abs(before["y"] - after["y"]) < 25, "what is read stays where it is"
        counts.append(await page.locator("#log code").count())
    assert counts == [1000, 1500, 2500]
    numbers = await page.locator("#log code[id]").evaluate_all(
        "all => all.map(one => Number(one.id.slice(1)))"
    )
    assert numbers == list(range(numbers[0], numbers[0] + 2500))


async def test_lines_are_picked_by_clicks_and_a_link_leads_back_to_them(
    daemon: Daemon, browser: Browser, window: tuple[Page, Faults]
) -> None:
    page, _ = window
    build_id = await build_of(daemon)
    await append(daemon, build_id, lines(5000))
    await page.goto(f"/builds/{build_id}?lines=2000#L2000")
    picked = page.locator("#log .picked")
    await expect(picked).to_have_count(1)
    await page.locator("#L2003 a").click()
    await page.locator("#L2006 a").click(modifiers=["Shift"])
    await expect(picked).to_have_count(4)
    assert page.url.endswith("#L2003-L2006")
    link = await page.locator("#picked-link").input_value()
    assert link == f"{daemon.url}/builds/{build_id}?run=1&lines=2003-2006#L2003-L2006"
    async with reading(browser, daemon.url, locale="en") as (other, faults):
        await other.set_viewport_size(PHONE)
        await other.goto(link)
        await expect(other.locator("#log .picked")).to_have_count(4)
        await expect(other.locator("#L2003")).to_be_in_viewport()
        await other.goto(f"/builds/{build_id}#L100-L101")
        await expect(other.locator("#log .picked")).to_have_count(2)
        await expect(other.locator("#L100")).to_be_in_viewport()
        assert faults.found == []


async def test_a_failed_build_leads_a_reader_on_a_phone_to_its_failing_line_in_two_taps(
    daemon: Daemon, browser: Browser
) -> None:
    build_id = await build_of(daemon, failed=True)
    await append(daemon, build_id, lines(3000) + "error: it broke\n" + lines(60, "cleaning"))
    async with reading(browser, daemon.url, locale="zh-CN") as (page, faults):
        await page.set_viewport_size(PHONE)
        await page.goto(f"/builds/{build_id}")
        await expect(page.locator(".excerpt")).to_contain_text("error: it broke")
        await page.locator("#verdict >> text=/查看失败处/").click()
        await page.wait_for_load_state()
        failing = page.locator("#log .failed")
        await expect(failing).to_contain_text("error: it broke")
        await expect(failing).to_be_in_viewport()
        assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        assert faults.found == []


@pytest.mark.parametrize("language", ["en", "zh-CN"])
async def test_everyone_can_read_it(daemon: Daemon, browser: Browser, language: str) -> None:
    """All colours on all backgrounds, a failure, picked lines, and what is found."""
    build_id = await build_of(daemon, failed=True)
    colours = "".join(
        f"\x1b[{front};{back}mfront {front} on {back}\x1b[0m \x1b[7;{front}mturned\x1b[0m\n"
        for front in (*range(30, 38), *range(90, 98), 39)
        for back in (40, 41, 42, 43, 44, 45, 46, 47, 49)
    )
    await append(daemon, build_id, f"{colours}\x1b[2mdim\x1b[0m\n{'x' * 11_000}\n\x1b[1;31merror: it broke\n")
    options = {"locale": language, "extra_http_headers": TRUSTED}
    async with reading(browser, daemon.url, **options) as (page, _):
        for query in ("", "?lines=20-30", "?q=front", "?from=1"):
            await page.goto(f"/builds/{build_id}{query}")
            assert await inaccessible(page) == []


async def test_without_scripts_every_part_is_reached_and_every_action_works(
    daemon: Daemon, browser: Browser
) -> None:
    build_id = await build_of(daemon)
    await append(daemon, build_id, lines(3000) + "the needle\n" + lines(2000, "more"))
    options = {"locale": "en", "java_script_enabled": False, "extra_http_headers": TRUSTED}
    async with reading(browser, daemon.url, **options) as (page, faults):
        await page.goto(f"/builds/{build_id}")
        seen = await page.locator("#log code[id]").first.get_attribute("id")
        await page.click("#earlier")
        assert await page.locator(f"#{seen}").count() == 1, "the lines of before are among them"
        assert await page.locator("#log code[id]").first.get_attribute("id") != seen
        await page.click("text=Later lines")
        await page.fill("#q", "NEEDLE")
        await page.get_by_role("button", name="Search").click()
        await expect(page.locator("#found-title")).to_have_text("1 line was found")
        await page.locator("#found a").click()
        await expect(page.locator("#log .picked")).to_contain_text("the needle")
        async with page.expect_download() as begun:
            await page.click("text=Download the log")
        assert (await begun.value).suggested_filename == "shop-1.1.log"
        await page.click("text=Cancel the build")
        # It may have ended before the page is made, which then says that, and not what was asked for.
        await expect(page.locator("main")).to_contain_text(re.compile("asked to end the build|cancelled by"))
        await anyio.to_thread.run_sync(lambda: eventually(lambda: daemon.builds(state="cancelled")))
        await page.goto(f"/builds/{build_id}")
        await page.click("text=Build again")
        assert re.search(rf"/builds/{build_id}\?run=2&done=retry$", page.url)
        await expect(page.locator("#verdict")).to_contain_text(re.compile("waits|runs|asked|queue"))
        assert faults.found == []
