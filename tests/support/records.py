"""A configuration and a store that a test fills, and what commands make of them."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
from support.commands import Done, command
from support.daemon import SECRET, Daemon
from support.engines import opened
from support.scripted import Store, open_store

from bridge.model.build import Build

CONFIG = {
    "sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}},
    "builders": {"here": {"kind": "local", "command": ["true"]}},
}
RULE = """
namespace: acme
repo_name: shop
build_config:
  code_repo_client: Simple
  code_repo_clone_url: "{url}"
  tag_configs:
    - {{code_repo_type: branch, code_repo_type_value: main, docker_repo_tag: latest}}
    - {{code_repo_type: tag, code_repo_type_value: "v*", docker_repo_tag: "{{tag}}"}}
"""


def unserved(folder: Path, clone_url: str) -> Daemon:
    """A configuration, a rule for this repository and an empty store."""
    made = Daemon(folder, CONFIG, {"shop.yaml": RULE.format(url=clone_url)})
    opened(made.database).close()
    return made


def filled(daemon: Daemon, fill: Callable[[Store], Awaitable[Any]]) -> Any:
    """What `fill` answers, having put something into the store."""

    async def work() -> Any:
        async with open_store(daemon.database.parent) as store:
            return await fill(store)

    return anyio.run(work)


def run(daemon: Daemon, line: str, *more: str) -> Done:
    return command("--config", daemon.config, *line.split(), *more)


def good(daemon: Daemon, line: str, *more: str) -> Done:
    done = run(daemon, line, *more)
    assert (done.status, done.stderr) == (0, "")
    return done


def one_build(daemon: Daemon, **changes: Any) -> Build:
    found: Build = filled(daemon, lambda store: store.add_build(**changes))
    return found


def fails(daemon: Daemon, line: str, *more: str) -> str:
    """The one line that says why."""
    done = run(daemon, line, *more)
    assert (done.status, done.stdout) == (1, "")
    return done.complaint
