"""One browser and one daemon, in which everything has happened, for all tests of pages of a process."""

from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import Browser
from support.browser import chromium
from support.seen import Seen, seen


@pytest.fixture(scope="session")
async def browser(site: Seen) -> AsyncIterator[Browser]:
    async with chromium() as opened:
        yield opened


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    with seen(tmp_path_factory.mktemp("seen")) as running:
        yield running
