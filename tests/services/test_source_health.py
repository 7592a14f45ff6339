"""A Git host that does not say its refs makes its source down, until it answers for all code again."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from support.git import serve_http
from support.ports import free_port
from support.reconciling import ReconcilerHarness, origins, without_addresses
from support.rules import NAMES
from support.scripted import Store

from bridge.model.notice import EventName
from bridge.planning.looked_code import LOOK_SECONDS
from bridge.planning.notice_policy import NoticePolicy
from bridge.rules.loader import load_rules
from bridge.runtime.metrics import REGISTRY
from bridge.services.housekeeper import recover

PART = "source:gitea"
UNREACHED = "cannot be looked for: the host does not say what its refs are: "


class Site(ReconcilerHarness):
    """Two repositories of one source, whose host loses them and has them again."""

    def __init__(self, store: Store, folder: Path, base: str, **source: Any) -> None:
        urls = {name: f"{base}/{name}/remote.git" for name in ("shop", "app")}
        super().__init__(store, folder, urls, **source)
        self.folder, self.base = folder, base

    def another_process(self) -> "Site":
        return Site(self.store, self.folder, self.base)

    def lose(self, *names: str) -> None:
        for name in names:
            remote = self.folder / "code" / name / "remote.git"
            remote.rename(remote.with_name("lost"))

    def find(self, *names: str) -> None:
        for name in names:
            lost = self.folder / "code" / name / "lost"
            lost.rename(lost.with_name("remote.git"))

    async def looks(self, count: int) -> None:
        """So many that fail, each twice as far from the last as the one before it."""
        for number in range(count):
            await self.advance(LOOK_SECONDS * 2**number)

    async def said(self) -> list[tuple[EventName, str]]:
        return [(event, detail) for event, part, detail in await self.service_notices("message")]


@pytest.fixture
async def site(store: Store, tmp_path: Path) -> AsyncIterator[Site]:
    origins(tmp_path / "code", ["shop", "app"])
    with serve_http(tmp_path / "code") as base:
        yield Site(store, tmp_path, base)


def failed() -> float:
    return (
        REGISTRY.get_sample_value("buildbridge_looks_total", {"source": "gitea", "outcome": "failed"}) or 0.0
    )


@asynccontextmanager
async def begun(site: Site) -> AsyncIterator[None]:
    async with site.running():
        await site.begin()
        yield


async def test_a_source_is_down_from_the_second_failing_look_on_and_says_so_once(site: Site) -> None:
    async with begun(site):
        site.lose("shop", "app")
        counted = failed()
        await site.looks(1)
        assert failed() == counted + 2
        assert not await site.is_down(PART)
        await site.looks(3)
        assert await site.is_down(PART)
        (notice,) = await site.said()
        assert notice[0] is EventName.DEGRADED
        assert notice[1].startswith(f"pushes of acme/app and 1 more {UNREACHED}")


async def test_what_differs_from_one_failure_to_the_next_is_left_out_so_that_each_is_logged_once(
    store: Store, tmp_path: Path
) -> None:
    site = Site(store, tmp_path, f"http://127.0.0.1:{free_port()}")
    with capture_logs() as lines:
        async with begun(site):
            await site.looks(3)
    assert sorted(line["repo"] for line in lines if line["event"] == "look.failed") == [
        "acme/app",
        "acme/shop",
    ]
    error = (await store.looks.last("Gitea acme/shop")).error
    assert "port" in error
    assert not re.search(r"after \d", error)


async def test_it_is_up_once_all_of_its_code_answers(site: Site) -> None:
    async with begun(site):
        site.lose("shop", "app")
        await site.looks(2)
        site.find("app")
        await site.advance(2**2 * LOOK_SECONDS)
        assert (await site.store.health.get(PART)).why.startswith(f"pushes of acme/shop {UNREACHED}")
        site.find("shop")
        await site.advance(2**3 * LOOK_SECONDS)
        assert not await site.is_down(PART)
        assert [event for event, _ in await site.said()] == [EventName.DEGRADED, EventName.RESTORED]


async def test_looks_that_go_well_write_nothing_of_health(site: Site) -> None:
    async with begun(site):
        await site.looks(3)
    assert await site.store.health.all() == []


async def test_the_next_process_goes_on_with_what_is_known(site: Site, store: Store) -> None:
    async with begun(site):
        site.lose("shop", "app")
        await site.looks(2)
    await recover(store, [], [], ["gitea"], NoticePolicy(store.clock))
    site = site.another_process()
    async with begun(site):
        assert await site.is_down(PART)
        await site.looks(2)
        site.find("shop", "app")
        await site.looks(4)
        assert not await site.is_down(PART)
    assert [event for event, _ in await site.said()] == [EventName.DEGRADED, EventName.RESTORED]


@pytest.mark.parametrize(("source", "is_down"), [({}, False), ({"poll": timedelta(minutes=1)}, True)])
async def test_private_code_for_which_a_source_with_webhooks_has_no_credential_is_no_fault(
    store: Store, tmp_path: Path, source: dict[str, Any], *, is_down: bool
) -> None:
    origins(tmp_path / "code", ["shop", "app"])
    with serve_http(tmp_path / "code", user="bot", password="a-long-token-of-the-bot") as base:
        site = Site(store, tmp_path, base, **source)
        async with begun(site):
            await site.looks(3)
            assert await site.is_down(PART) is is_down
    assert "give `sources.gitea.clone` a token" in (await store.looks.last("Gitea acme/shop")).error


async def test_a_polled_source_whose_code_has_no_address_is_down(store: Store, tmp_path: Path) -> None:
    site = Site(store, tmp_path, "http://127.0.0.1:1", poll=timedelta(minutes=1))
    site.in_force.rules = without_addresses(site.rules)
    async with begun(site):
        why = "pushes of acme/app and 1 more cannot be looked for: nothing says where it is: "
        assert (await store.health.get(PART)).why == f"{why}give its rule code_repo_clone_url"


async def test_what_no_push_has_named_yet_is_no_fault_beside_webhooks(store: Store, tmp_path: Path) -> None:
    site = Site(store, tmp_path, "http://127.0.0.1:1")
    site.in_force.rules = without_addresses(site.rules)
    async with begun(site):
        assert await store.health.all() == []


async def test_nothing_is_kept_of_a_source_that_is_gone(site: Site, store: Store) -> None:
    async with begun(site):
        site.lose("shop")
        await site.looks(2)
        site.in_force.kind = "Gogs"
        await site.advance(LOOK_SECONDS)
        assert await store.health.all() == []
        site.in_force.kind = "Gitea"
    assert [event for event, _ in await site.said()] == [EventName.DEGRADED]


async def test_a_source_of_which_no_code_is_wanted_any_more_does_not_answer_again(
    site: Site, store: Store
) -> None:
    async with begun(site):
        site.lose("shop")
        await site.looks(2)
        none = replace(load_rules([], NAMES), sources=site.in_force.rules.sources)
        site.rules = site.in_force.rules = none
        await site.advance(LOOK_SECONDS)
        assert await store.health.all() == []
    assert [event for event, _ in await site.said()] == [EventName.DEGRADED]
