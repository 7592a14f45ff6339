"""Each command that changes something says so on the audit trail."""

from pathlib import Path
from typing import Any

import anyio
import pytest
from support.commands import Done, command
from support.daemon import SECRET, Daemon
from support.engines import opened
from support.scripted import SHA, open_store, quiet

from bridge.model.build import Build, BuildState

CONFIG = {
    "sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}},
    "builders": {"here": {"kind": "local", "command": ["true"]}},
}
RULE = """
namespace: acme
repo_name: shop
build_config:
  code_repo_client: Simple
  code_repo_clone_url: "https://git.example.com/shop.git"
  tag_configs:
    - {code_repo_type: branch, code_repo_type_value: main, docker_repo_tag: latest}
"""


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    """A configuration with a store; nothing serves it."""
    found = Daemon(tmp_path, CONFIG, {"shop.yaml": RULE})
    opened(found.database).close()
    return found


def ask(daemon: Daemon, *arguments: str) -> Done:
    return command("--config", daemon.config, *arguments)


def waiting(daemon: Daemon, state: BuildState = BuildState.WAITING) -> Build:
    """A build that waits, or has ended in another state."""

    async def work() -> Build:
        async with open_store(daemon.database.parent) as store:
            build = await store.add_build()
            await store.builds.transition(build.id, state, quiet)
            return build

    return anyio.run(work)


def trail(daemon: Daemon) -> list[dict[str, Any]]:
    return [
        {name: entry[name] for name in ("action", "subject", "origin", "before", "after")}
        for entry in ask(daemon, "audit", "list", "--json").documents
    ]


def test_who_triggers_redelivers_and_cancels_is_known(daemon: Daemon) -> None:
    build = waiting(daemon)
    arguments = ["--branch", "main", "--commit", SHA, "--timeout", "0"]
    triggered = ask(daemon, "builds", "trigger", "acme/shop", *arguments).stdout.split()[1]
    again = ask(daemon, "deliveries", "redeliver", build.origin.delivery_id).stdout.split()[1]
    assert ask(daemon, "builds", "cancel", build.id).status == 0
    assert trail(daemon) == [
        {
            "action": "build.cancelled",
            "subject": build.id,
            "origin": "cli",
            "before": {"build": "acme/shop #1", "state": "waiting"},
            "after": None,
        },
        {
            "action": "delivery.redelivered",
            "subject": build.origin.delivery_id,
            "origin": "cli",
            "before": None,
            "after": {"delivery_id": again},
        },
        {
            "action": "build.triggered",
            "subject": "acme/shop",
            "origin": "cli",
            "before": None,
            "after": {"delivery_id": triggered, "ref": "main", "commit": SHA},
        },
    ]


def test_who_retries_is_known(daemon: Daemon) -> None:
    build = waiting(daemon, BuildState.FAILED)
    assert ask(daemon, "builds", "retry", build.id).status == 0
    (entry,) = trail(daemon)
    assert (entry["action"], entry["subject"]) == ("build.retried", build.id)
    assert entry["before"] == {"build": "acme/shop #1", "state": "failed", "run": 1}
    assert entry["after"] == {"run": 2}
    assert ask(daemon, "builds", "retry", build.id).status == 1
    assert len(trail(daemon)) == 1


def test_who_says_how_a_build_ended_is_known(daemon: Daemon) -> None:
    build = waiting(daemon, BuildState.UNKNOWN)
    said = ["builds", "resolve", build.id, "--as", "failed", "--reason", "its log says so"]
    done = ask(daemon, *said)
    assert (done.status, done.stdout) == (0, "acme/shop #1 is failed\n")
    (entry,) = trail(daemon)
    assert (entry["action"], entry["subject"]) == ("build.resolved", build.id)
    assert entry["before"] == {"build": "acme/shop #1", "state": "unknown"}
    assert entry["after"] == {"state": "failed"}
    other = ask(daemon, *said[:4], "succeeded", *said[5:])
    assert other.status == 1
    assert "acme/shop #1 is not unknown: it is failed" in other.stderr
    assert ask(daemon, *said[:-1], "x" * 501).status == 2
    assert len(trail(daemon)) == 1


def test_what_changes_nothing_is_not_on_the_trail(daemon: Daemon) -> None:
    build = waiting(daemon)
    ask(daemon, "builds", "cancel", build.id)
    for arguments in (
        ["builds", "cancel", build.id],
        ["deliveries", "redeliver", "none"],
        ["builds", "show", build.id],
        ["builds", "list"],
    ):
        ask(daemon, *arguments)
    assert [entry["action"] for entry in trail(daemon)] == ["build.cancelled"]
