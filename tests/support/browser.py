"""A real browser, which reports all that a page does wrong."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from axe_playwright_python.base import AXE_FILE_PATH
from playwright.async_api import Browser, BrowserContext, Page, ViewportSize, async_playwright
from support.needs import needs

_AXE: Final = AXE_FILE_PATH.read_text()
_RUN_AXE: Final = """
async () => (await axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}))
    .violations.map(one => `${one.id}: ${one.nodes.slice(0, 3).map(node => node.html).join(" | ")}`)
"""
_QUIET: Final = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
PHONE: Final[ViewportSize] = {"width": 360, "height": 740}
DESK: Final[ViewportSize] = {"width": 1280, "height": 900}


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """The browser of the system."""
    async with async_playwright() as playwright:
        path = needs("chromium")
        browser = await playwright.chromium.launch(executable_path=path, args=[*_QUIET, "--no-sandbox"])
        try:
            yield browser
        finally:
            await browser.close()


@dataclass
class Faults:
    """What the pages of a context did wrong: errors of scripts and policies, and calls to other servers."""

    origin: str
    found: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.on("console", lambda one: self._note(one.type == "error", f"console: {one.text}"))
        page.on("pageerror", lambda error: self.found.append(f"script: {error}"))
        page.on("request", lambda one: self._note(not self._ours(one.url), f"request: {one.url}"))

    def _note(self, wrong: bool, text: str) -> None:  # the first of two parts of one fact
        if wrong:
            self.found.append(text)

    def _ours(self, url: str) -> bool:
        parts = urlsplit(url)
        return parts.scheme in {"data", "blob"} or f"{parts.scheme}://{parts.netloc}" == self.origin


@asynccontextmanager
async def reading(browser: Browser, origin: str, **options: Any) -> AsyncIterator[tuple[Page, Faults]]:
    """A page of a reader of its own; `options` are those of a context of Playwright."""
    context: BrowserContext = await browser.new_context(base_url=origin, **{"viewport": DESK, **options})
    context.set_default_timeout(10_000)
    faults = Faults(origin)
    try:
        page = await context.new_page()
        faults.watch(page)
        yield page, faults
    finally:
        await context.close()


async def inaccessible(page: Page, *sizes: ViewportSize) -> list[str]:
    """What of the page breaks WCAG 2.2 AA in windows of these sizes, as far as a program can see.

    The program runs in a world of its own, to which the policy of the page does not apply.
    """
    session = await page.context.new_cdp_session(page)
    found: list[str] = []
    try:
        frame = (await session.send("Page.getFrameTree"))["frameTree"]["frame"]["id"]
        world = await session.send("Page.createIsolatedWorld", {"frameId": frame, "worldName": "axe"})
        context = {"contextId": world["executionContextId"], "returnByValue": True, "awaitPromise": True}
        await session.send("Runtime.evaluate", {"expression": f"{_AXE};0", **context})
        for size in sizes or (page.viewport_size,):
            await page.set_viewport_size(size or DESK)
            answer = await session.send("Runtime.evaluate", {"expression": f"({_RUN_AXE})()", **context})
            assert "exceptionDetails" not in answer, answer
            found += answer["result"]["value"]
    finally:
        await session.detach()
    return found
