"""Every page, for every reader, in both languages, on a desk and on a phone, in a real browser."""

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import pytest
from playwright.async_api import Browser, Page, ViewportSize
from support.browser import DESK, PHONE, Faults, inaccessible, reading
from support.seen import Seen
from support.whole_page import wrongs

from bridge.web.pages.app import SUBJECTS

PATHS: Final = (
    "/",
    "/builds",
    "/builds?state=failed",
    "/builds?state=none",
    "/builds/{build_shop}",
    "/builds/{build_shop}?lines=2-4",
    "/builds/{build_shop}?q=image",
    "/builds/{build_slow}",
    "/builds/{build_web}",
    "/builds/{build_lost}",
    "/nothing",
    "/repositories",
    "/repositories?text=shop",
    "/repositories/{namespace}/{shop}",
    "/repositories/{namespace}/{never}",
    "/notices",
    "/notices?state=pending",
    "/notices/{notice}",
    "/notices/chosen?do=replay&id={message}",
    "/messages",
    "/health",
    "/health/test?part=channel%3Ateam",
    "/health/answers/{answer}",
    "/sign-in",
    "/account",
    "/admin/tokens",
    "/admin/tokens/{token}",
    "/admin/sessions",
    "/admin/audit",
    "/help",
    "/help/{guide}",
    "/deliveries",
    "/deliveries?state=ignored&source=plain",
    "/deliveries?ref=none&until=2026-01-01T00%3A00",
    "/deliveries?sha=x",
    "/deliveries/{delivery_shop}",
    "/deliveries/{delivery_ignored}",
    "/deliveries/{delivery_strange}",
    "/deliveries/redeliver?id={delivery_ignored}&id={delivery_shop}&id=none",
    "/rules/test",
    "/rules/test?delivery={delivery_ignored}&repository=acme%2Fshop",
)
"""Each view of a page, with what it may show: `{name}` is one of `Seen.ids`."""
PUBLIC: Final = (
    *("/", "/builds", "/builds?state=failed", "/builds?state=none", "/nothing", "/sign-in"),
    *("/builds/{build_shop}", "/builds/{build_shop}?lines=2-4", "/builds/{build_shop}?q=image"),
    *("/builds/{build_slow}", "/repositories", "/repositories?text=shop", "/help", "/help/{guide}"),
    *("/repositories/{namespace}/{shop}", "/repositories/{namespace}/{never}"),
)
"""What a reader without sign-in may open; private builds are left out."""
NO_PAGES: Final = (".svg", "/log", "/raw")
"""How paths end of pictures, of parts of a page, and of files."""
ROLES: Final = ("stranger", "viewer", "member", "admin")
LANGUAGES: Final = ("zh-CN", "en")
_STATUS: Final = {
    "/nothing": 404,
    "/builds?state=none": 400,
    "/deliveries?sha=x": 400,
    "/health/answers/{answer}": 404,
}

_UNLABELLED: Final = """
() => [...document.querySelectorAll("table.rows")].flatMap(table => {
  const heads = [...table.querySelectorAll("th")].map(one => one.textContent);
  return [...table.querySelectorAll("tr")].flatMap(row => [...row.querySelectorAll("td")]
    .filter((cell, column) => cell.dataset.label !== heads[column]).map(cell => cell.outerHTML));
})
"""
"""Cells of tables that would not say on a phone, where they stand without their column, what they are."""
_CURRENT: Final = """
() => [...document.querySelectorAll("header [aria-current]")].map(one => {
  const place = one.getBoundingClientRect();
  return place.left >= 0 && place.right <= innerWidth;
})
"""
"""Whether the entries of the navigation at which the reader is can be seen."""


@dataclass(frozen=True)
class Reader:
    """A reader of a role, or a stranger without one, and a language, and a window."""

    role: str
    language: str
    page: Page
    faults: Faults

    @property
    def sizes(self) -> Sequence[ViewportSize]:
        """In which access is looked at, which takes longest.

        It is nearly the same in both languages, and admins see all that viewers and members see.
        """
        if self.language != LANGUAGES[0]:
            return (DESK,)
        return (PHONE,) if self.role in {"viewer", "member"} else (PHONE, DESK)

    def is_hidden(self, path: str) -> bool:
        """Whether such a reader is asked to sign in first."""
        return self.role == "stranger" and path not in PUBLIC

    def status(self, path: str) -> int:
        """That of the answer."""
        if path.startswith(("/admin", "/health/")) and self.role in {"viewer", "member"}:
            return 403
        if path.startswith("/deliveries/redeliver") and self.role == "viewer":
            return 403
        return _STATUS.get(path, 200)


@pytest.fixture(
    scope="module", params=[(role, language) for role in ROLES for language in LANGUAGES], ids="-".join
)
async def reader(request: pytest.FixtureRequest, browser: Browser, site: Seen) -> AsyncIterator[Reader]:
    role, language = request.param
    options: dict[str, Any] = {"locale": language}
    if role != "stranger":
        options["extra_http_headers"] = {"authorization": f"Bearer {site.tokens[role]}"}
    async with reading(browser, site.daemon.url, **options) as (page, faults):
        yield Reader(role, language, page, faults)


@pytest.mark.parametrize("path", PATHS)
async def test_every_page_is_whole(reader: Reader, site: Seen, path: str) -> None:
    page = reader.page
    reader.faults.found.clear()
    answer = await page.goto(site.fill(path))
    assert answer is not None
    if reader.is_hidden(path):
        # All of these lead to the one page that is looked at by itself.
        assert page.url == f"{site.daemon.url}/sign-in?{urlencode({'next': site.fill(path)})}"
        assert reader.faults.found == []
        return
    status = reader.status(path)
    assert answer.status == status
    assert await wrongs(page, reader.faults, reader.language, status) == []
    assert await inaccessible(page, *reader.sizes) == []
    assert await page.evaluate(_UNLABELLED) == []
    for size in (PHONE, DESK):
        await page.set_viewport_size(size)
        assert all(await page.evaluate(_CURRENT))


def test_every_page_is_among_them() -> None:
    """A page that is added is looked at, too."""
    known = {re.sub(r"\{[a-z_]+\}", "*", path.partition("?")[0]) for path in PATHS}
    shown = {
        re.sub(r"\{[a-z_:]+\}", "*", route.path)
        for subject in SUBJECTS
        for route in subject.routes
        if route.method == "GET" and not route.path.endswith(NO_PAGES)
    }
    assert shown - known == set()
