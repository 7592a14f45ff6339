"""`check` warns of what triggers and `builders test` have seen of jobs."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import anyio
import pytest
from support.commands import command
from support.daemon import Daemon
from support.engines import execute, spoil, unmake, url_of
from support.fake_jenkins import fake_jenkins
from support.fake_jenkins_core import FakeJenkins
from support.jenkins_builds import DECLARED, JOB, declare, make
from support.rules import shop_rule
from support.scripted import open_store
from support.services import triggering

from bridge.model.build import BuildState
from bridge.store.open import is_made

URL: Final = "https://git.example.com/shop.git"
NO_ID: Final = (
    "does not declare BRIDGE_BUILD_ID: add a string parameter of that name, otherwise two pushes can share "
    "one build, and an interrupted trigger cannot be checked"
)
LACKING: Final = (
    "does not receive the commit to build (COMMIT, REF), the images to build (IMAGE, TAGS): add string "
    "parameters of these names, otherwise it builds the same for every push"
)
NO_FLAVOUR: Final = (
    "does not declare, and so does not get, FLAVOUR: add string parameters of these names to it, or remove "
    "them from `parameters`"
)
DAY: Final = 24 * 3600.0
AGAIN: Final = "; then `buildbridge builders test jenkins` sees it anew"


@pytest.fixture
def ci_server() -> Iterator[FakeJenkins]:
    with fake_jenkins() as server:
        yield server


@pytest.fixture
def daemon(tmp_path: Path, ci_server: FakeJenkins, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    """A configuration that nothing but the job is wrong with; no daemon runs."""
    monkeypatch.setenv("TOKEN", ci_server.token)
    settings = {"url": ci_server.url, "username": "ci", "token": {"env": "TOKEN"}, "job": JOB}
    config = {
        "sources": {"plain": {"kind": "Simple", "secrets": [{"env": "TOKEN"}]}},
        "builders": {"jenkins": {"kind": "jenkins"} | settings},
        "api": {},
    }
    return Daemon(tmp_path, config, {"shop.yaml": shop_rule(URL, parameters="{FLAVOUR: sweet}")})


def make_store(daemon: Daemon) -> None:
    async def work() -> None:
        daemon.database.parent.mkdir()
        async with open_store(daemon.database.parent):
            pass

    anyio.run(work)


def warnings(daemon: Daemon) -> list[str]:
    done = command("--config", daemon.config, "check")
    assert (done.status, done.stderr) == (0, ""), done
    return [line.replace(f"{daemon.folder}/", "") for line in done.stdout.splitlines()[:-1]]


def test_what_a_test_of_the_builder_has_seen_is_a_warning_with_place_time_and_cure_until_it_is_mended(
    daemon: Daemon, ci_server: FakeJenkins
) -> None:
    declare(ci_server, "OTHER")
    make_store(daemon)
    assert warnings(daemon) == []
    tested = command("--config", daemon.config, "builders", "test", "jenkins")
    assert tested.stdout.endswith(f"declares 1 parameters; it {NO_ID}; it {LACKING}\n")
    found = warnings(daemon)
    line = daemon.config.read_text().splitlines().index("  jenkins:") + 1
    begins = f"bridge.yaml:{line}:3: warning: builders.jenkins: the job '{JOB}', as it was seen at 20"
    assert [text.startswith(begins) for text in found] == [True, True, False]
    assert [text.partition(" UTC, ")[2] for text in found] == [
        f"{NO_ID}{AGAIN}",
        f"{LACKING}{AGAIN}",
        f"{NO_FLAVOUR}{AGAIN}",
    ]
    assert found[2].startswith("rules/shop.yaml:3:1: warning: build_config.parameters: the job ")
    declare(ci_server, *DECLARED, "FLAVOUR")
    assert command("--config", daemon.config, "builders", "test", "jenkins").status == 0
    assert warnings(daemon) == []


def test_what_a_trigger_has_seen_is_a_warning_with_its_time(daemon: Daemon, ci_server: FakeJenkins) -> None:
    declare(ci_server, *(name for name in DECLARED if name != "BRIDGE_BUILD_ID"), "FLAVOUR")

    async def work() -> None:
        daemon.database.parent.mkdir()
        async with open_store(daemon.database.parent) as store:
            ci = make(ci_server)
            build = await store.add_build(builder="jenkins")
            async with triggering(store, ci):
                assert (await store.build(build.id)).state is BuildState.QUEUED
            await ci.aclose()

    ci_server.advance(-30 * DAY)
    before = datetime.fromtimestamp(ci_server.clock(), UTC)
    anyio.run(work)
    (found,) = warnings(daemon)
    assert found.endswith(f" UTC, {NO_ID}{AGAIN}")
    assert f"as it was seen at {before:%Y-%m-%d }" in found


def test_a_job_that_is_no_longer_the_configured_one_is_no_matter(
    daemon: Daemon, ci_server: FakeJenkins
) -> None:
    declare(ci_server, "OTHER")
    make_store(daemon)
    assert command("--config", daemon.config, "builders", "test", "jenkins").status == 0
    daemon.config.write_text(daemon.config.read_text().replace(JOB, "docker/another"))
    assert warnings(daemon) == []


def test_a_row_that_is_damaged_is_left_out(daemon: Daemon, ci_server: FakeJenkins) -> None:
    declare(ci_server, "OTHER")
    make_store(daemon)
    assert command("--config", daemon.config, "builders", "test", "jenkins").status == 0
    execute(daemon.database, "UPDATE seen_job SET parameters = '{\"half'")
    assert warnings(daemon) == []


def test_without_a_store_check_and_test_say_what_they_can_and_make_none(
    daemon: Daemon, ci_server: FakeJenkins
) -> None:
    unmake(daemon.database)
    declare(ci_server, "OTHER")
    done = command("--config", daemon.config, "builders", "test", "jenkins")
    assert (done.status, done.stderr) == (0, ""), done
    assert warnings(daemon) == []
    assert not daemon.database.parent.exists()
    assert not is_made(url_of(daemon.database))


def test_a_store_that_cannot_be_read_is_a_warning_and_no_fault(
    daemon: Daemon, ci_server: FakeJenkins
) -> None:
    declare(ci_server, "OTHER")
    spoil(daemon.database)
    done = command("--config", daemon.config, "builders", "test", "jenkins")
    assert (done.status, done.stdout[:3]) == (0, "ok:")
    assert done.complaint.startswith("what was seen of the job is not kept for `check`: ")
    by_api, of_jobs = warnings(daemon)
    problem = "what was made by API is not known now, and left out: "
    assert by_api.startswith(f"bridge.yaml: warning: store: {problem}")
    problem = "what triggers and tests have seen of jobs is not known now: "
    assert of_jobs.startswith(f"bridge.yaml: warning: store: {problem}")
