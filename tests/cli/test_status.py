# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""`status`: whether all is well, and the lists of builders, channels and schedules."""

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.daemon import NO_TLS, Daemon, running
from support.engines import opened, postgres, unmake, url_of
from support.records import CONFIG, RULE, filled, good, run
from support.scripted import Store, delivery_of
from support.sending import push_body, send
from support.waiting import eventually

from bridge import __version__
from bridge.model.build import BuildState
from bridge.runtime.clock import system_clock
from bridge.runtime.home import node_name

URL = "https://git.example.com/shop.git"
SCHEDULED = (
    RULE.format(url=URL) + '  schedule: [{cron: "0 3 * * *", timezone: Asia/Shanghai, branch: main}]\n'
)


def asked(daemon: Daemon) -> dict[str, Any]:
    (document,) = run(daemon, "status --json").documents
    return document


@contextmanager
def served(store: Path) -> Iterator[None]:
    """While somebody holds the store as a daemon does."""
    with opened(store):
        yield


def join(daemon: Daemon) -> None:
    """Have this process be the node of the configuration."""
    filled(daemon, lambda store: store.nodes.join("home", node_name(daemon.port), []))


def test_a_daemon_at_work_is_well_until_it_is_stopped(tmp_path: Path) -> None:
    with running(tmp_path, CONFIG, {"shop.yaml": SCHEDULED}) as daemon:
        assert daemon.process is not None
        send(daemon.url, push_body(URL))
        eventually(lambda: daemon.builds(state="failed"))
        wrong = httpx.post(f"{daemon.url}/hooks/plain", content=b"{}", headers={"x": "y"}, verify=NO_TLS)
        shown = run(daemon, "status")
        assert (shown.status, shown.stdout.splitlines()[-1]) == (0, "all is well")
        document = asked(daemon)
        assert (document["problems"], document["daemon"]["state"]) == ([], "running")
        assert (document["daemon"]["version"], document["daemon"]["pid"]) == (__version__, daemon.process.pid)
        assert abs(datetime.fromisoformat(document["daemon"]["since"]).timestamp() - system_clock()) < 60
        assert document["config"] == str(daemon.config)
        assert document["store"] == (url_of(daemon.database) if postgres() else str(daemon.database))
        (source,) = document["sources"]
        assert (source["name"], source["kind"]) == ("plain", "Simple")
        assert source["last_delivery_at"] >= document["daemon"]["since"]
        assert [(one["repository"], one["branch"]) for one in document["schedules"]] == [
            ("acme/shop", "main")
        ]
        daemon.stop()
    assert wrong.is_client_error
    shown, document = run(daemon, "status"), asked(daemon)
    assert shown.status == 1
    assert shown.stdout.splitlines()[-1] == "the daemon does not run: start it (`buildbridge serve`)"
    assert document["rejected"] == [{"source": "plain", "count": 1, "reason": wrong.json()["error"]}], (
        "what was counted is kept when it stops"
    )


def test_what_is_down_or_waits_for_long_is_a_problem(daemon: Daemon) -> None:
    async def fill(store: Store) -> None:
        await store.add_build()
        await store.deliveries.put(delivery_of("old", system_clock() - 7200))
        await store.health.degrade("builder:here", "no answer")
        await store.health.degrade("disk", "full")
        await store.health.degrade("builder:of long ago", "gone")
        await store.health.restore("builder:of long ago", "it is no more")

    filled(daemon, fill)
    with served(daemon.database):
        document, shown = asked(daemon), run(daemon, "status")
    assert shown.status == 1
    assert document["problems"] == shown.stdout.splitlines()[-3:]
    assert document["problems"] == [
        "here is down: no answer",
        "disk is down: full",
        "1 delivery waits to be evaluated, for 2h",
    ]
    (here,) = document["builders"]
    assert (here["kind"], here["state"], here["waiting"], here["open"]) == ("local", "down", 1, 0)
    rows = [(one["kind"], one["owner"], one["state"], one["count"]) for one in document["backlog"]]
    assert ("build", "here", "waiting", 1) in rows
    assert ("delivery", None, "stored", 1) in rows
    assert {one["owner"] for one in document["backlog"]} == {"here", None, "message"}


def test_people_read_it_in_chinese_and_programs_as_ever(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fill(store: Store) -> None:
        await store.add_build()
        await store.deliveries.put(delivery_of("old", system_clock() - 7200))
        await store.health.degrade("builder:here", "no answer")

    filled(daemon, fill)
    english = asked(daemon)["problems"]
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert asked(daemon)["problems"] == english
    lines = run(daemon, "status").stdout.splitlines()
    assert lines[-3:] == [
        "守护进程没有运行：请启动（`buildbridge serve`）",
        "here 异常：没有应答",
        "1 条接收记录未处理，已等待 2h",
    ]
    assert "守护进程  没有运行" in lines
    assert lines[lines.index("构建器") + 1].split() == [
        "名称",
        "类型",
        "状态",
        "起始时间",
        "等待",
        "进行中",
        "原因",
    ]
    head, row = lines[lines.index("构建器") + 1 : lines.index("构建器") + 3]
    # Each Chinese character takes two columns of the terminal.
    assert row.index("local") == head.index("类型") + len("名称")
    assert row.split()[2] == "异常"


def test_faulty_rules_and_a_missing_store_are_problems_and_no_failure(daemon: Daemon) -> None:
    unmake(daemon.database)
    (daemon.folder / "rules" / "shop.yaml").write_text("namespace: acme\n")
    done, document = run(daemon, "status"), asked(daemon)
    assert (done.status, done.stderr) == (1, "")
    assert document["store_bytes"] is None
    assert [one.partition(":")[0] for one in document["problems"]] == [
        "the daemon does not run",
        "the rules on disk have 2 faults",
    ]


def test_a_look_at_the_store_keeps_no_daemon_from_it(daemon: Daemon) -> None:
    join(daemon)
    with served(daemon.database):
        assert asked(daemon)["daemon"]["state"] == "running"
    assert asked(daemon)["daemon"]["state"] == "stopped"
    with served(daemon.database):
        pass


def test_times_are_local_with_their_offset_for_people_and_in_utc_for_programs(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(daemon, lambda store: store.add_build())
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    try:
        shown = good(daemon, "builds list").stdout
        card = good(daemon, "builds show acme/shop#1").stdout
        (document,) = good(daemon, "builds list --json").documents
    finally:
        monkeypatch.undo()
        time.tzset()
    assert "2023-11-15T06:13:20+08:00" in shown
    assert len(re.findall(r"2023-11-15T06:13:20\+08:00", card)) == 3
    assert document["created_at"] == "2023-11-14T22:13:20.000Z"


def test_builders_channels_and_schedules_are_listed(daemon: Daemon) -> None:
    (daemon.folder / "rules" / "shop.yaml").write_text(SCHEDULED)

    async def fill(store: Store) -> None:
        build = await store.add_build()
        await store.builds.transition(build.id, BuildState.TRIGGERING, lambda *_: [])
        await store.health.pause("channel:message", system_clock() + 600, "130101")

    filled(daemon, fill)
    (here,) = good(daemon, "builders list --json").documents
    assert (here["name"], here["state"], here["waiting"], here["open"]) == ("here", "up", 0, 1)
    (message,) = good(daemon, "channels list --json").documents
    assert (message["state"], message["why"]) == ("up", "130101")
    assert datetime.fromisoformat(message["paused_until"]) > datetime.now(UTC)
    (nightly,) = good(daemon, "schedules list --json").documents
    assert datetime.fromisoformat(nightly["next_at"]).astimezone(UTC).hour == 19
    for name in ("builders", "channels", "schedules"):
        assert len(good(daemon, f"{name} list").stdout.splitlines()) == 2


def test_the_process_that_holds_the_store_is_this_one(daemon: Daemon) -> None:
    join(daemon)
    with served(daemon.database):
        assert asked(daemon)["daemon"]["pid"] == os.getpid()
    assert asked(daemon)["daemon"]["pid"] is None
