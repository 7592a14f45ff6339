"""The daemon on a PostgreSQL database: the main job, a second one in its folder, kills, no server."""

import json
import signal
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.daemon import DUMMY, NO_TLS, Daemon, running
from support.every_branch import RULE, URL
from support.postgres import Server
from support.sending import push_body, send
from support.waiting import eventually

CONFIG: Mapping[str, Any] = {**DUMMY, "builders": {"here": {"kind": "dummy", "duration": "0s"}}}
MANY = 24


@pytest.fixture
def url(postgres: Server) -> str:
    return postgres.make_database()


@pytest.fixture
def daemon(tmp_path: Path, url: str) -> Iterator[Daemon]:
    store = {"url": url, "folder": str(tmp_path)}
    with running(tmp_path, {**CONFIG, "store": store}, {"shop.yaml": RULE}) as found:
        yield found


def push(daemon: Daemon, branch: str) -> int:
    """The status of the answer; 0 where there was none."""
    try:
        return send(daemon.url, push_body(URL, f"refs/heads/{branch}"), f"id-{branch}").status_code
    except httpx.TransportError:
        return 0


def listed(daemon: Daemon, what: str) -> list[dict[str, Any]]:
    done = daemon.command(what, "list", "--limit", "1000", "--json")
    assert done.status == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def ended(daemon: Daemon, count: int) -> list[dict[str, Any]]:
    """The builds, once so many have ended."""

    def look() -> list[dict[str, Any]]:
        found = listed(daemon, "builds")
        return found if sum(build["ended_at"] is not None for build in found) >= count else []

    return eventually(look, seconds=60)


def test_a_push_is_built_and_commands_and_pages_answer(daemon: Daemon) -> None:
    assert push(daemon, "main") == 202
    (build,) = ended(daemon, 1)
    assert build["state"] == "succeeded"
    for command in (["status"], ["doctor"], ["db", "check"], ["deliveries", "list"]):
        done = daemon.command(*command)
        assert done.status == 0, (command, done.stdout, done.stderr)
    health, metrics = (httpx.get(f"{daemon.url}/{path}", verify=NO_TLS) for path in ("healthz", "metrics"))
    assert health.json()["status"] == "ok"
    assert "\nbuildbridge_store_bytes " in metrics.text
    assert "buildbridge_store_wal" not in metrics.text, "that is the server's own affair"
    assert "buildbridge_store_free" not in metrics.text
    assert daemon.stop() == 0


def test_what_a_kill_interrupts_is_done_once(daemon: Daemon) -> None:
    branches = [f"b{number}" for number in range(MANY)]
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(push, daemon, branch) for branch in branches]
        eventually(lambda: sum(answer.done() for answer in answers) > MANY // 4)
        daemon.kill()
        statuses = [answer.result() for answer in answers]
    begun = time.monotonic()
    daemon.start()
    assert time.monotonic() - begun < 10, "the session of the first does not keep the second waiting"
    assert set(statuses) == {202, 0}
    # As a Git host does with what had no answer.
    again = [push(daemon, branch) for branch in branches]
    kept = [second for first, second in zip(statuses, again, strict=True) if first == 202]
    assert set(kept) == {200}, "what was answered is there"
    assert set(again) <= {200, 202}
    builds = ended(daemon, MANY)
    assert sorted(build["docker_repo_tag"] for build in builds) == sorted(branches)
    assert {build["state"] for build in builds} == {"succeeded"}
    sent = eventually(lambda: _all_sent(daemon), seconds=30)
    said = [(one["about"].split(" ")[1], one["event"]) for one in sent]
    assert len(said) == len(set(said)), "each notice is one"
    assert sum(event == "buildJobSuccess" for _, event in said) == MANY


def _all_sent(daemon: Daemon) -> list[dict[str, Any]]:
    found = listed(daemon, "notices")
    return found if all(one["state"] == "sent" for one in found) else []


def test_a_second_daemon_with_the_same_folder_is_refused(daemon: Daemon, tmp_path: Path) -> None:
    second = daemon.second()
    assert second.returncode == 1
    assert f"{tmp_path} is in use by another daemon: stop that one" in second.stderr
    assert push(daemon, "main") == 202


def test_a_daemon_that_starts_while_the_server_is_away_waits_for_it(daemon: Daemon, postgres: Server) -> None:
    assert daemon.stop() == 0
    before = daemon.process
    postgres.stop()
    with ThreadPoolExecutor() as pool:
        started = pool.submit(daemon.start)
        try:
            eventually(lambda: daemon.process is not before and daemon.said("store.away"))
        finally:
            postgres.start()
        started.result(60)
    reasons = [line["error"] for line in daemon.lines() if line["event"] == "store.away"]
    assert "refused" in reasons[0]
    assert len(reasons) == len({*reasons}), "each is logged once"
    assert push(daemon, "main") == 202


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT])
def test_deliveries_get_503_while_the_server_is_away(
    daemon: Daemon, postgres: Server, how: signal.Signals
) -> None:
    assert push(daemon, "before") == 202
    postgres.stop(how)
    assert push(daemon, "meanwhile") == 503
    postgres.start()
    assert eventually(lambda: push(daemon, "meanwhile") == 202)
    builds = ended(daemon, 2)
    assert [build["docker_repo_tag"] for build in builds] == ["meanwhile", "before"]
    assert daemon.stop() == 0
