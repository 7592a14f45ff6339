# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""`doctor`: what is wrong around a daemon, each with its cure."""

import contextlib
import os
import re
import socketserver
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any, Final

import anyio
import httpx
import pytest
import yaml
from support.chinese import HAN, english_of
from support.daemon import NO_TLS, SECRET, Daemon, running
from support.engines import execute, opened, postgres
from support.listed import add_notice
from support.ports import free_port
from support.records import CONFIG, RULE, filled, run
from support.scripted import Store, delivery_of
from support.sending import push_body, send
from support.users import NOBODY, open_to_all, unprivileged
from support.waiting import eventually
from support.wrong_servers import answering, certified, http

from bridge import __version__
from bridge.cli.doctor import endpoints
from bridge.cli.doctor.finding import Check, State, findings_of
from bridge.model.build import Build, BuildState
from bridge.runtime.clock import system_clock
from bridge.runtime.home import node_name

URL: Final = "https://git.example.com/shop.git"
HOUR: Final = 3600.0
Found = dict[str, Any]


def looked(daemon: Daemon) -> tuple[int, dict[tuple[str, str | None], Found]]:
    """The exit status, and the findings by check and name."""
    done = run(daemon, "doctor --json")
    assert done.stderr == ""
    return done.status, {(one["check"], one["about"]): one for one in done.documents}


def of(daemon: Daemon, check: str, about: str | None = None) -> Found:
    return looked(daemon)[1][check, about]


def made(folder: Path, **changes: Any) -> Daemon:
    """A configuration with these sections beside the usual ones, and an empty store."""
    found = Daemon(folder, {**CONFIG, **changes}, {"shop.yaml": RULE.format(url=URL)})
    opened(found.database).close()
    return found


def hook(url: str, **changes: Any) -> dict[str, Any]:
    """The settings of a channel there."""
    secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
    return {"kind": "WEBHOOK", "url": url, "secrets": [secret], "allow_private": True} | changes


def dated(seconds: float) -> bytes:
    """An answer of a server whose clock is so much ahead."""
    return http(f"404 Not Found\r\nDate: {formatdate(time.time() + seconds, usegmt=True)}")


@contextmanager
def silent() -> Iterator[int]:
    """The port of a server that takes connections, and never answers."""
    done = threading.Event()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            done.wait(60)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield server.server_address[1]
        finally:
            done.set()
            server.shutdown()


def test_a_daemon_at_work_is_healthy_and_says_who_has_sent_what(tmp_path: Path) -> None:
    sources = {**CONFIG["sources"], "polled": {"kind": "Gitea", "poll": "1h"}}
    with running(tmp_path, {**CONFIG, "sources": sources}, {"shop.yaml": RULE.format(url=URL)}) as daemon:
        send(daemon.url, push_body(URL))
        eventually(lambda: daemon.builds(state="failed"))
        httpx.post(f"{daemon.url}/hooks/plain", content=b"{}", headers={"x": "y"}, verify=NO_TLS)
        status, found = looked(daemon)
        shown = run(daemon, "doctor")
        daemon.stop()
    assert status == shown.status == 0, found
    assert {one["state"] for one in found.values()} == {"ok", "warn", "skipped"}
    assert found["daemon", None]["what"] == f"it runs, of version {__version__}"
    assert found["health", None]["what"].startswith("it answers after ")
    assert found["store", None]["state"] == "ok"
    assert postgres() or found["integrity", None]["state"] == "ok"
    assert found["fsync", None]["what"].endswith(" ms (the median of 7)")
    assert found["builder", "here"] == {
        "check": "builder",
        "about": "here",
        "state": "ok",
        "what": "/usr/bin/true can be run",
        "cure": None,
    }
    assert ("webhook", "polled") not in found
    assert found["webhook", "plain"]["what"].startswith("the last well-signed delivery arrived ")
    assert found["public_url", None]["cure"].startswith("set server.public_url to the address")
    lines = shown.stdout.splitlines()
    assert len(lines) == len(found)
    assert f"ok      daemon: it runs, of version {__version__}" in lines
    assert SECRET not in shown.stdout
    status, found = looked(daemon)
    assert status == 1
    assert found["daemon", None]["cure"].startswith("start it: `systemctl start buildbridge`")
    assert found["rejected requests", "plain"]["what"].startswith("1 in the last hour: ")


def test_a_public_url_is_asked_for_as_hosts_reach_it(tmp_path: Path) -> None:
    port = free_port()
    server = {"port": port, "public_url": f"http://127.0.0.1:{port}"}
    with running(tmp_path, {**CONFIG, "server": server}, {}) as daemon:
        found = of(daemon, "public_url")
        assert (found["state"], "is without TLS" in found["what"]) == ("warn", True)
        daemon.stop()
    found = of(daemon, "public_url")
    assert f"127.0.0.1:{port} takes no connection (Connection refused)" in found["what"]
    assert found["cure"].endswith(f"ask for http://127.0.0.1:{port}/healthz from another one")
    with answering(http("502 Bad Gateway")) as other:
        server["public_url"] = f"http://127.0.0.1:{other}"
        daemon = made(tmp_path, server=server)
        assert of(daemon, "public_url")["what"].endswith("/healthz answers 502, not 200")


@pytest.mark.parametrize(
    ("clocks", "what"),
    [
        ([0.0, 0.0], "within 1 s of 2 servers"),
        ([-HOUR], "this machine is 3600 s ahead of the servers of channel:c0"),
        ([HOUR, HOUR, 0.0], "this machine is 3600 s behind the servers of channel:c0, channel:c1"),
        ([0.0, HOUR, 0.0], "the clock of the servers of channel:c1 is wrong by more than 5 s"),
        ([20.0], "this machine is 20 s behind the servers of channel:c0"),
    ],
)
def test_a_wrong_clock_is_named_by_whose_it_is(tmp_path: Path, clocks: list[float], what: str) -> None:
    with contextlib.ExitStack() as servers:
        ports = [servers.enter_context(answering(dated(ahead))) for ahead in clocks]
        channels = {f"c{n}": hook(f"http://127.0.0.1:{port}/") for n, port in enumerate(ports)}
        found = of(made(tmp_path, channels=channels), "clock")
    # A Date has whole seconds.
    seen, wanted = (
        re.sub(r"\d+(?= s )", lambda one: f"{round(int(one[0]) / 4)} * 4", text)
        for text in (found["what"], what)
    )
    assert seen == wanted
    assert found["state"] == ("ok" if what.startswith("within") else "warn")


def test_a_server_that_cannot_be_reached_is_named_with_the_step_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoints, "_STEP_SECONDS", 2.0)
    context, _ = certified("signed by itself", tmp_path)
    with silent() as dumb, answering(http("200 OK"), context) as own, answering(http("200 OK")) as plain:
        daemon = made(
            tmp_path,
            channels={
                "dumb": hook(f"http://127.0.0.1:{dumb}/"),
                "shut": hook("http://127.0.0.1:1/"),
                "own": hook(f"https://localhost:{own}/"),
                "plain": hook(f"https://localhost:{plain}/"),
                "nowhere": hook("https://nowhere.invalid/key-of-the-robot"),
                "inside": hook(f"https://localhost:{own}/", allow_private=False),
                "mail": {
                    "kind": "MAIL",
                    "host": "127.0.0.1",
                    "port": plain,
                    "from": "a@b.c",
                    "to": ["a@b.c"],
                },
            },
            builders={
                "away": {
                    "kind": "jenkins",
                    "url": "http://nowhere.invalid",
                    "username": "a",
                    "token": "tok-canary",
                    "job": "x",
                }
            },
            sources={
                "host": {
                    "kind": "Gitea",
                    "secrets": [SECRET],
                    "clone": {"url": f"https://localhost:{own}", "username": "a", "token": "tok-canary"},
                    "api": {"url": "https://nowhere.invalid", "token": "tok-canary"},
                }
            },
        )
        status, found = looked(daemon)
        said = run(daemon, "doctor").stdout
        monkeypatch.setenv("LANG", "zh_CN.UTF-8")
        chinese = run(daemon, "doctor").stdout
    assert status == 1
    parts = {"builder", "channel", "source"}
    whats = {name: (one["state"], one["what"]) for (check, name), one in found.items() if check in parts}
    assert whats["dumb"] == ("fail", f"127.0.0.1:{dumb} takes connections, and says nothing for 2 s")
    assert whats["shut"] == ("fail", "127.0.0.1:1 takes no connection (Connection refused)")
    assert "is signed by itself: set ca_file to a PEM file with it" in whats["own"][1]
    assert "is signed by itself: have this machine trust it" in whats["host"][1]
    assert whats["plain"][1].startswith(f"localhost:{plain} answers without TLS at this port")
    assert whats["nowhere"][1].startswith("the name nowhere.invalid does not resolve (")
    assert whats["away"] == whats["host.api"] == whats["nowhere"]
    assert "which is not public" in whats["inside"][1]
    assert whats["mail"][0] == "ok"
    assert "`getent hosts nowhere.invalid`" in found["channel", "nowhere"]["cure"]
    assert found["webhook", "host"]["cure"].startswith("`buildbridge connect host --verify` asks the host")
    assert "key-of-the-robot" not in said
    assert "tok-canary" not in said
    check_chinese(chinese)


async def in_state(store: Store, *states: BuildState) -> Build:
    build = await store.add_build()
    if states:
        claimed = await store.builds.claim("here", None, lambda *_: [])
        assert claimed is not None
    for state in states[1:]:
        await store.builds.transition(build.id, state, lambda *_: [])
    return build


async def undecided(store: Store) -> Any:
    return await store.deliveries.put(delivery_of("old", store.clock()))


async def unsent(store: Store) -> str:
    await add_notice(store, "n-1")
    return "n-1"


STUCK: Mapping[str, tuple[Callable[[Store], Any], str, str, str]] = {
    "undecided": (
        undecided,
        "stuck deliveries",
        "1 deliveries wait for a decision, the oldest since 2023-11-14T22:13:20Z",
        "`buildbridge deliveries show {}`",
    ),
    "untriggered": (
        in_state,
        "stuck builds",
        "1 builds wait for their trigger, the oldest since 2023-11-14T22:13:20Z",
        "`buildbridge builds cancel {}` ends it",
    ),
    "triggering": (
        lambda store: in_state(store, BuildState.TRIGGERING),
        "stuck builds",
        "1 builds are being triggered for longer than a call takes, the oldest since 2023-11-14T22:13:20Z",
        "`buildbridge builds show {}`",
    ),
    "unended": (
        lambda store: in_state(store, BuildState.TRIGGERING, BuildState.QUEUED, BuildState.RUNNING),
        "stuck builds",
        "1 builds have not ended for a day, the oldest since 2023-11-14T22:13:20Z",
        "`buildbridge builds cancel {}` ends it",
    ),
    "unknown": (
        lambda store: in_state(store, BuildState.TRIGGERING, BuildState.QUEUED, BuildState.UNKNOWN),
        "stuck builds",
        "1 builds have an unknown end, the oldest since 2023-11-14T22:13:20Z",
        "`buildbridge builds resolve {} --as succeeded --reason TEXT`",
    ),
    "unsent": (
        unsent,
        "stuck notices",
        "1 notices wait to be sent, the oldest since 2023-11-14T22:13:20Z",
        "`buildbridge notices drop {}` lets the next one go",
    ),
}


@pytest.mark.parametrize("kind", STUCK)
def test_what_goes_on_no_more_is_named_with_what_resolves_it(
    daemon: Daemon, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill, check, what, cure = STUCK[kind]
    assert of(daemon, "stuck rows")["state"] == "ok"
    made_row = filled(daemon, fill)
    found = of(daemon, check)
    assert found["what"] == what
    assert cure.format(getattr(made_row, "id", made_row)) in found["cure"]
    assert found["state"] == ("warn" if kind in {"unended", "unknown"} else "fail")
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    check_chinese(run(daemon, "doctor").stdout)


@pytest.mark.parametrize("kind", ["untriggered", "triggering"])
def test_what_waits_for_a_builder_that_is_down_is_not_stuck(daemon: Daemon, kind: str) -> None:
    async def fill(store: Store) -> None:
        await STUCK[kind][0](store)
        await store.health.degrade("builder:here", "no answer")

    filled(daemon, fill)
    assert ("stuck builds", None) not in looked(daemon)[1]


def test_rows_of_the_future_show_a_clock_that_was_set_back(daemon: Daemon) -> None:
    filled(daemon, lambda store: store.deliveries.put(delivery_of("x", system_clock() + 2 * HOUR + 60)))
    found = of(daemon, "clock of the store")
    assert found["state"] == "warn"
    assert found["what"].startswith("its newest row is 2h in the future: ")


@pytest.mark.parametrize(
    ("revision", "what"), [("0034", "is of an older release"), ("9999", "was written by a newer release")]
)
def test_a_store_of_another_release_is_named_and_the_rest_is_looked_at(
    daemon: Daemon, revision: str, what: str
) -> None:
    execute(daemon.database, "UPDATE alembic_version SET version_num = ?", revision)
    status, found = looked(daemon)
    assert (status, found["store", None]["state"]) == (1, "fail")
    assert what in found["store", None]["what"]
    assert found["builder", "here"]["state"] == "ok"
    assert ("stuck rows", None) not in found


@pytest.mark.sqlite
def test_damage_that_shows_at_once_is_named(daemon: Daemon) -> None:
    with closing(sqlite3.connect(daemon.database)) as connection:
        connection.execute("PRAGMA writable_schema=ON")
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'step'").fetchone()
        connection.execute("UPDATE sqlite_master SET rootpage = ? WHERE name = 'step_subject'", (page,))
        connection.commit()
    found = of(daemon, "integrity")
    assert found["state"] == "fail"
    assert "damaged" in found["what"] or "cannot be read" in found["what"]


def test_a_daemon_of_another_release_has_to_be_restarted(daemon: Daemon) -> None:
    filled(daemon, lambda store: store.nodes.join("home", node_name(daemon.port), []))
    for table in ("daemon_start", "node"):
        execute(daemon.database, f"UPDATE {table} SET version = '0.0.1'")
    held = opened(daemon.database)
    try:
        found = looked(daemon)[1]
    finally:
        held.close()
    assert found["daemon", None]["what"] == f"it is of version 0.0.1, and this command of {__version__}"
    assert found["daemon", None]["cure"] == "restart it: `systemctl restart buildbridge`"
    assert found["health", None]["state"] == "fail"
    assert "no daemon has the store" in found["health", None]["what"]


def test_a_disk_without_room_for_builds_fails(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, CONFIG, {})
    whole = yaml.safe_load(daemon.config.read_text())
    whole["store"]["min_free"] = "900000GiB"
    daemon.config.write_text(yaml.safe_dump(whole))
    status, found = looked(daemon)
    disk = found["disk", str(daemon.database.parent)]
    assert (status, disk["state"]) == (1, "fail")
    assert disk["what"].endswith(", and no build starts below 9e+05 GiB")
    assert disk["cure"].startswith("make room")


def test_each_place_of_a_secret_is_looked_up_and_no_secret_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    good, open_file = tmp_path / "good", tmp_path / "open"
    for file, mode in ((good, 0o600), (open_file, 0o644)):
        file.write_text("canary-of-a-secret-0123456789\n")
        file.chmod(mode)

    def sources(*secrets: dict[str, str]) -> dict[str, Any]:
        return {"plain": {"kind": "Simple", "secrets": list(secrets)}}

    daemon = made(tmp_path, sources=sources({"file": "good"}))
    assert of(daemon, "secrets")["what"].endswith(" can read all 1")
    daemon = made(
        tmp_path,
        sources=sources(
            {"file": "good"},
            {"file": "open"},
            {"file": "gone"},
            {"env": "NO_SUCH_TOKEN"},
            {"credential": "c"},
        ),
    )
    status, found = looked(daemon)
    secrets = {about: one for (check, about), one in found.items() if check == "secrets"}
    assert status == 1
    assert {about: one["state"] for about, one in secrets.items()} == {
        "sources.plain.secrets[1]": "warn",
        "sources.plain.secrets[2]": "fail",
        "sources.plain.secrets[3]": "fail",
        "sources.plain.secrets[4]": "skipped",
    }
    assert secrets["sources.plain.secrets[1]"]["cure"] == f"`chmod go-r {open_file}`"
    assert "NO_SUCH_TOKEN is not set" in secrets["sources.plain.secrets[3]"]["what"]
    assert "`Environment=NO_SUCH_TOKEN=…`" in secrets["sources.plain.secrets[3]"]["cure"]
    folder = tmp_path / "credentials"
    folder.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    assert of(daemon, "secrets", "sources.plain.secrets[4]")["cure"] == "`LoadCredential=c:…` in the unit"
    (folder / "c").write_text("canary-of-a-secret-0123456789")
    assert ("secrets", "sources.plain.secrets[4]") not in looked(daemon)[1]
    assert "canary" not in run(daemon, "doctor").stdout


def test_a_secret_that_the_owner_of_the_store_cannot_read_fails(tmp_path: Path) -> None:
    """For root the store is given to another user; for others no one may read the file."""
    with open_to_all() as folder:
        file = folder / "secret"
        file.write_text("canary-of-a-secret-0123456789\n")
        file.chmod(0o600 if os.geteuid() == 0 else 0)
        daemon = made(folder, sources={"plain": {"kind": "Simple", "secrets": [{"file": "secret"}]}})
        if os.geteuid() == 0:
            os.chown(daemon.database.parent if postgres() else daemon.database, NOBODY, NOBODY)
        found = of(daemon, "secrets", "sources.plain.secrets[0]")
        assert found["state"] == "fail"
        assert found["what"].endswith(f", who has the store, cannot read {file}")


@pytest.mark.sqlite
def test_who_may_not_open_the_store_hears_who_may(tmp_path: Path) -> None:
    with open_to_all() as folder:
        daemon = made(folder)
        daemon.database.chmod(0o600 if os.geteuid() == 0 else 0)
        with unprivileged():
            found = looked(daemon)[1]
        for check in ("store", "daemon"):
            assert found[check, None]["what"] == f"{daemon.database} cannot be opened by this user"
            assert found[check, None]["cure"] == "run this as root, or as the user of the daemon"
            assert found[check, None]["state"] == "skipped"


def test_the_variables_of_the_daemon_count_where_they_can_be_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOOK_OF_TESTS", raising=False)
    config = {**CONFIG, "sources": {"plain": {"kind": "Simple", "secrets": [{"env": "HOOK_OF_TESTS"}]}}}
    daemon = Daemon(tmp_path, config, {})
    assert of(daemon, "configuration")["state"] == "fail"
    daemon.start(HOOK_OF_TESTS="a-secret-of-the-daemon-0123")
    try:
        status, found = looked(daemon)
    finally:
        daemon.kill()
    assert (status, found["secrets", None]["state"]) == (0, "ok")


def test_a_faulty_configuration_is_one_line(daemon: Daemon) -> None:
    daemon.config.write_text("langauge: en\nserver: {prot: 1}\n")
    done = run(daemon, "doctor")
    (line,) = done.stdout.splitlines()
    assert done.status == 1
    assert line.startswith(f"fail    configuration: {daemon.config}:")
    assert line.endswith("`buildbridge check` has this and 1 more, each with its place")


def test_a_check_that_crashes_or_hangs_is_a_finding_and_ends_no_other() -> None:
    async def crash() -> Any:
        raise KeyError("x")

    async def fine() -> Any:
        return []

    async def hang() -> Any:
        await anyio.sleep_forever()

    checks = [
        Check("crashes", "a", crash),
        Check("hangs", "b", hang, 0.05),
        Check("fine", None, fine),
    ]
    crashed, hung = anyio.run(findings_of, checks)
    assert (crashed.check, crashed.about, crashed.state) == ("crashes", "a", State.FAIL)
    assert crashed.what == "the check itself failed: KeyError: 'x'"
    assert (hung.about, hung.what) == ("b", "no answer within 0.05 s")


def check_chinese(text: str) -> None:
    for line in text.splitlines():
        assert HAN.search(line), line
        assert english_of(line) == [], line


def test_people_read_it_in_chinese(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    filled(daemon, lambda store: store.deliveries.put(delivery_of("x", system_clock() + HOUR)))
    shown = run(daemon, "doctor").stdout
    check_chinese(shown)
    assert "失败    守护进程：没有运行，或用的不是存储 " in shown
