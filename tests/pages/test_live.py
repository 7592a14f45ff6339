"""Pages that stay open: they follow what happens, and nothing on them moves under a reader's finger."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anyio.to_thread
import httpx
import pytest
from playwright.async_api import Browser, Page, expect
from support.browser import Faults, reading
from support.daemon import NO_TLS, TOKEN, Daemon, running
from support.rules import shop_rule
from support.sending import push_body, send
from support.waiting import eventually

URL = "https://git.example.com/shop.git"
BUILDERS = {"here": {"kind": "dummy", "duration": "1h"}}
CONFIG = {
    "sources": {"plain": {"kind": "Simple", "secrets": ["a-shared-secret-of-the-tests"]}},
    "builders": BUILDERS,
}
TRUSTED = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with running(tmp_path, CONFIG, {"shop.yaml": shop_rule(URL)}) as started:
        yield started


@pytest.fixture
async def window(browser: Browser, daemon: Daemon) -> AsyncIterator[tuple[Page, Faults]]:
    async with reading(browser, daemon.url, locale="en", extra_http_headers=TRUSTED) as opened:
        yield opened


def push(daemon: Daemon, number: int) -> str:
    """A push that builds; the id of its build once it runs."""
    sha = f"{number:040x}"
    send(daemon.url, push_body(URL, sha=sha), f"push-{number}").raise_for_status()

    def built() -> list[str]:
        return [one["build_id"] for one in daemon.builds() if one["code_head_commit"] == sha]

    return eventually(built)[0]


def cancel(daemon: Daemon, build_id: str) -> None:
    httpx.delete(f"{daemon.url}/v1/builds/{build_id}", headers=TRUSTED, verify=NO_TLS).raise_for_status()


def wait_for_the_end(daemon: Daemon) -> None:
    eventually(lambda: daemon.builds(state="cancelled"))


def wait_for_streams(daemon: Daemon, number: int) -> None:
    """Until so many streams are open."""
    eventually(lambda: _streams(daemon) == number)


def _streams(daemon: Daemon) -> float:
    text = httpx.get(f"{daemon.url}/metrics", headers=TRUSTED, verify=NO_TLS).text
    (line,) = [one for one in text.splitlines() if one.startswith("buildbridge_streams_open ")]
    return float(line.split()[1])


async def test_a_list_changes_in_place_and_new_rows_are_only_counted(
    daemon: Daemon, window: tuple[Page, Faults]
) -> None:
    page, faults = window
    first = await anyio.to_thread.run_sync(push, daemon, 1)
    await page.goto("/builds")
    row = page.locator(f"#build-{first}")
    await expect(row).to_contain_text("running")
    await expect(page.locator("#live-state")).to_have_text("Live")
    before = await row.bounding_box()
    second = await anyio.to_thread.run_sync(push, daemon, 2)
    bar = page.locator("#new-rows")
    await expect(bar).to_have_text("1 new: show them")
    assert await page.locator(f"#build-{second}").count() == 0
    await anyio.to_thread.run_sync(cancel, daemon, first)
    await expect(row).to_contain_text("cancelled")
    after = await row.bounding_box()
    assert before is not None
    assert after is not None
    assert (after["x"], after["y"]) == (before["x"], before["y"]), "no row moves under a finger"
    await bar.click()
    await expect(page.locator("tbody tr").first).to_have_id(f"build-{second}")
    assert faults.found == []


async def test_the_overview_follows_and_its_title_and_icon_say_how_things_are(
    daemon: Daemon, window: tuple[Page, Faults]
) -> None:
    page, faults = window
    await page.goto("/")
    icon = page.locator("#icon")
    before = await icon.get_attribute("href")
    build = await anyio.to_thread.run_sync(push, daemon, 1)
    await expect(page.locator(f"#running #build-{build}")).to_contain_text("running")
    assert await icon.get_attribute("href") != before
    elapsed = page.locator(f"#build-{build} .elapsed")
    shown = await elapsed.text_content()
    await expect(elapsed).not_to_have_text(shown or "")
    await anyio.to_thread.run_sync(cancel, daemon, build)
    await expect(page.locator(f"#ended #build-{build}")).to_contain_text("cancelled")
    await expect(page.locator("#running")).to_contain_text("No build waits or runs.")
    times = page.locator("#ended time").first
    await expect(times).to_have_text(re.compile(r"^\d\d-\d\d \d\d:\d\d:\d\d$"))
    await expect(page.locator("#zone")).to_have_text("Times are in your own time zone.")
    await expect(icon).to_have_attribute("href", before or "")
    assert faults.found == []


async def test_a_page_misses_nothing_while_the_daemon_restarts(
    daemon: Daemon, window: tuple[Page, Faults]
) -> None:
    page, _ = window
    first = await anyio.to_thread.run_sync(push, daemon, 1)
    await page.goto("/builds")
    await expect(page.locator("#live-state")).to_have_text("Live")
    assert await anyio.to_thread.run_sync(daemon.stop) == 0
    await expect(page.locator("#live-state")).to_have_text("Reconnecting")
    await anyio.to_thread.run_sync(daemon.start)
    await anyio.to_thread.run_sync(cancel, daemon, first)
    await expect(page.locator(f"#build-{first}")).to_contain_text("cancelled")
    await expect(page.locator("#live-state")).to_have_text("Live")


async def test_a_page_that_is_not_looked_at_or_paused_has_no_stream(
    daemon: Daemon, window: tuple[Page, Faults]
) -> None:
    page, faults = window
    first = await anyio.to_thread.run_sync(push, daemon, 1)
    await page.goto("/builds")
    await expect(page.locator("#live-state")).to_have_text("Live")
    await anyio.to_thread.run_sync(wait_for_streams, daemon, 1)
    for hidden, number in (("true", 0), ("false", 1)):
        await page.evaluate(
            f"Object.defineProperty(document, 'hidden', {{value: {hidden}, configurable: true}});"
            "document.dispatchEvent(new Event('visibilitychange'))"
        )
        await anyio.to_thread.run_sync(wait_for_streams, daemon, number)
    button = page.locator("#live-switch")
    await button.click()
    await expect(page.locator("#live-state")).to_have_text("Paused")
    await anyio.to_thread.run_sync(wait_for_streams, daemon, 0)
    await anyio.to_thread.run_sync(cancel, daemon, first)
    await anyio.to_thread.run_sync(wait_for_the_end, daemon)
    await expect(page.locator(f"#build-{first}")).to_contain_text("running")
    await button.click()
    await expect(page.locator(f"#build-{first}")).to_contain_text("cancelled")
    assert faults.found == []


def issue(daemon: Daemon) -> tuple[str, str]:
    """The id of a token that may look at all, and the token."""
    given = {"name": "wall", "role": "viewer"}
    answer = httpx.post(f"{daemon.url}/v1/tokens", headers=TRUSTED, json=given, verify=NO_TLS)
    made = answer.raise_for_status().json()["data"]
    return made["id"], made["token"]


def revoke(daemon: Daemon, token_id: str) -> None:
    httpx.delete(f"{daemon.url}/v1/tokens/{token_id}", headers=TRUSTED, verify=NO_TLS).raise_for_status()


@pytest.mark.parametrize("path", ["/deliveries", "/builds"])
async def test_a_page_says_that_its_reader_is_signed_out(browser: Browser, daemon: Daemon, path: str) -> None:
    token_id, token = await anyio.to_thread.run_sync(issue, daemon)
    async with reading(browser, daemon.url, locale="en") as (page, _):
        await page.goto(f"/sign-in?next={path}")
        await page.get_by_label("Token", exact=True).fill(token)
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.locator("#live-state")).to_have_text("Live")
        await anyio.to_thread.run_sync(revoke, daemon, token_id)
        # Also of pages that strangers see, where nothing happens any more.
        await expect(page.locator("#live-state")).to_have_text("Signed out: sign in again", timeout=15_000)
        await anyio.to_thread.run_sync(wait_for_streams, daemon, 0)


async def test_a_browser_without_streams_asks_again_and_again(browser: Browser, daemon: Daemon) -> None:
    first = await anyio.to_thread.run_sync(push, daemon, 1)
    async with reading(browser, daemon.url, locale="en", extra_http_headers=TRUSTED) as (page, faults):
        await page.clock.install()
        await page.add_init_script("delete window.EventSource")
        await page.goto("/builds")
        await expect(page.locator("#live-state")).to_have_text("Asks every 10 s")
        await anyio.to_thread.run_sync(cancel, daemon, first)
        await anyio.to_thread.run_sync(wait_for_the_end, daemon)
        await page.clock.fast_forward(10_000)
        await expect(page.locator(f"#build-{first}")).to_contain_text("cancelled")
    assert faults.found == []
