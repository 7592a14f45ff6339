"""What people read where a build or a notice itself holds no reason."""

import re
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from support.commands import Done, command
from support.daemon import SECRET, Daemon
from support.engines import opened
from support.notices import FACTS
from support.records import filled
from support.scripted import START, Store

from bridge.model.build import BuildState
from bridge.model.notice import BuildFacts, EventName, Notice, ServiceFacts
from bridge.store.sql import notices


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    """A configuration with an empty store; nothing serves it."""
    sources = {"plain": {"kind": "Simple", "secrets": [SECRET]}}
    found = Daemon(tmp_path, {"sources": sources}, {})
    opened(found.database).close()
    return found


def run(daemon: Daemon, line: str) -> Done:
    done = command("--config", daemon.config, *line.split())
    assert done.status == 0
    return done


def test_a_build_that_never_had_its_turn_waits_for_a_reason(daemon: Daemon) -> None:
    async def fill(store: Store) -> None:
        await store.add_build()
        moved = await store.add_build("2")
        await store.builds.transition(moved.id, BuildState.FAILED, lambda *_: [])

    filled(daemon, fill)
    for build in run(daemon, "builds list --json").documents:
        assert not build["detail"]

    async def fall(store: Store) -> None:
        (build,) = await store.builds.in_state("here", BuildState.WAITING)
        await store.health.degrade(f"builder:{build.builder}", "it refuses connections")

    filled(daemon, fall)
    failed, waiting = run(daemon, "builds list --json").documents
    why = "here down since 2023-11-14T22:13:20.000Z: it refuses connections"
    assert (failed["detail"], waiting["detail"]) == ("", why)
    shown = run(daemon, "builds show acme/shop#1").stdout
    (since,) = re.findall(r"here down since (\S+): it refuses connections", shown)
    assert since == datetime.fromtimestamp(START, UTC).astimezone().isoformat(timespec="seconds")


def test_a_build_behind_another_says_which_one(daemon: Daemon) -> None:
    async def fill(store: Store) -> None:
        for delivery in ("1", "2"):
            await store.add_build(delivery, tags=("latest",))

    filled(daemon, fill)
    second, first = run(daemon, "builds list --json").documents
    assert (second["detail"], first["detail"]) == ("behind #1, which writes the same tag", "")
    assert second["detail"] in run(daemon, "builds show acme/shop#2").stdout


def test_an_empty_log_says_how_far_the_build_is(daemon: Daemon) -> None:
    async def fill(store: Store) -> None:
        await store.add_build()

    filled(daemon, fill)
    done = run(daemon, "builds log acme/shop#1")
    assert (done.stdout, done.complaint) == (
        "",
        "the daemon has read no log of acme/shop #1; the build is waiting",
    )


def test_a_notice_shows_what_it_was_about(daemon: Daemon) -> None:
    async def fill(store: Store) -> None:
        service = ServiceFacts(subject="rules", detail="the rules are faulty")
        facts_shown: list[BuildFacts | ServiceFacts] = [service, FACTS]
        for number, facts in enumerate(facts_shown):
            notice = Notice(
                id=str(number), channel="team", event=EventName.FAIL, facts=facts, created_at=store.clock()
            )
            await store.database.write(partial(notices.add, notice=notice, dedupe=notice.id))

    filled(daemon, fill)
    build = f"{FACTS.namespace}/{FACTS.repo_name} #{FACTS.number} {FACTS.ref_name}: {FACTS.state}"
    for number, about in enumerate(("rules: the rules are faulty", build)):
        assert about in run(daemon, "notices list").stdout
        assert about in run(daemon, f"notices show {number}").stdout
