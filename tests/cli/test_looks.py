# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""What `doctor` and `status` say of the looks at the code of each source."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.daemon import SECRET, Daemon
from support.engines import opened
from support.records import CONFIG, RULE, filled, run
from support.scripted import Store

from bridge.runtime.clock import system_clock
from bridge.store.refs import NewLook

URL = "https://git.example.com/shop.git"
CODE = "Simple https://git.example.com/shop"
GOOD = NewLook(code=CODE, looks=0, clone_url=URL, looked_at=0.0)


def made(folder: Path, **source: Any) -> Daemon:
    sources = {"plain": {"kind": "Simple", "secrets": [SECRET], **source}}
    daemon = Daemon(folder, {**CONFIG, "sources": sources}, {"shop.yaml": RULE.format(url=URL)})
    opened(daemon.database).close()
    return daemon


def of_looks(daemon: Daemon) -> tuple[str, str, str | None]:
    """The state, what was found, and the cure."""
    found = {(one["check"], one["about"]): one for one in run(daemon, "doctor --json").documents}
    one = found["looks", "plain"]
    return one["state"], one["what"], one["cure"]


def test_doctor_says_when_each_source_was_last_looked_at(tmp_path: Path) -> None:
    daemon = made(tmp_path)
    state, what, cure = of_looks(daemon)
    assert (state, what) == ("warn", f"{URL} were not looked at yet")
    assert "code_repo_clone_url" in (cure or "")
    filled(daemon, lambda store: store.looks.keep(replace(GOOD, looked_at=system_clock() - 200)))
    state, what, cure = of_looks(daemon)
    assert (state, what, cure) == (
        "ok",
        "all code was looked at, the last of it 3m ago",
        None,
    )


@pytest.mark.parametrize(("source", "state"), [({}, "warn"), ({"poll": "1m"}, "fail")])
def test_doctor_names_looks_that_fail_with_the_last_good_one(
    tmp_path: Path, source: dict[str, Any], state: str
) -> None:
    daemon = made(tmp_path, **source)

    async def fail(store: Store) -> None:
        await store.looks.fail(CODE, URL, "no answer", system_clock())

    filled(daemon, fail)
    assert of_looks(daemon)[:2] == (
        state,
        f"pushes of {URL} cannot be looked for: no answer; no look ever went well",
    )

    async def had_looked(store: Store) -> None:
        await store.looks.keep(replace(GOOD, looked_at=system_clock() - 7200))
        await fail(store)

    filled(daemon, had_looked)
    assert of_looks(daemon) == (
        state,
        f"pushes of {URL} cannot be looked for: no answer; the last good look was 2h ago",
        "`buildbridge sources test plain` asks the host in the same way",
    )
    shown = run(daemon, "--language zh-CN doctor").stdout
    assert f"查找推送 plain：无法查找 {URL} 的推送：没有应答；上一次成功查找在 2h 前；" in shown


def test_status_names_a_source_that_is_down(tmp_path: Path) -> None:
    daemon = made(tmp_path)
    why = f"pushes of {URL} cannot be looked for: no answer"
    filled(daemon, lambda store: store.health.degrade("source:plain", why))
    done = run(daemon, "status")
    assert (done.status, f"source:plain is down: {why}" in done.stdout) == (1, True)
    assert (
        f"source:plain 异常：无法查找 {URL} 的推送：没有应答" in run(daemon, "--language zh-CN status").stdout
    )
