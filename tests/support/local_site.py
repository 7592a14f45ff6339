"""Local builds in a folder of their own, from real repositories."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import anyio
from support.builder_contract import request as request_for
from support.git import Origin
from support.needs import needs

from bridge.builders.base import BuilderContext, Sent, Status
from bridge.builders.local.builder import LocalBuilder
from bridge.builders.local.folder import Folder
from bridge.builders.local.settings import LocalSettings
from bridge.model.build import LOG_LIMIT, BuildRequest
from bridge.runtime.clock import system_clock


class LocalSite:
    """One state folder, and the builders that come and go on it."""

    def __init__(self, state: Path) -> None:
        self.state = state

    def builder(self, script: str | None = None, log_limit: int = LOG_LIMIT, **settings: Any) -> LocalBuilder:
        """A builder that runs a shell script, over file URLs unless the settings say otherwise."""
        if script is not None:
            settings["command"] = ["/bin/sh", "-c", script]
        full = LocalSettings.model_validate({"protocols": ["file"], **settings})
        context = BuilderContext(state=self.state, clock=system_clock, log_limit=log_limit)
        return LocalBuilder("here", full, context)

    def text(self, build_id: str = "b1") -> str:
        log = self.state / build_id / "log"
        return log.read_text(errors="replace") if log.exists() else ""


async def cancel_all(site: LocalSite) -> None:
    """Nothing that a test started may go on after it."""
    quiet = site.builder("true")
    for spec in site.state.glob("*/request.json"):
        build_id = spec.parent.name
        await quiet.cancel(build_id)
        if await quiet.find(request_for(build_id)):
            await end(quiet, build_id)


def request(origin: Origin, sha: str, /, **changes: Any) -> BuildRequest:
    fields: dict[str, Any] = {
        "build_id": "b1",
        "number": 1,
        "namespace": "acme",
        "repo_name": "shop",
        "image": "acme/shop",
        "tags": ("latest", "v1"),
        "version_tag": "v1",
        "repo_url": origin.url,
        "ref": "refs/heads/main",
        "branch": "main",
        "tag": None,
        "commit": sha,
    }
    return BuildRequest(**{**fields, **changes})


def busybox() -> bytes:
    """A program that needs nothing else in its image."""
    return Path(needs("busybox")).read_bytes()


def pushed(origin: Origin, files: Mapping[str, str | bytes] | None = None) -> str:
    commit = origin.commit(files or {"hello.txt": "hello\n"})
    origin.push()
    return commit


async def status(builder: LocalBuilder, build_id: str = "b1") -> Status:
    return (await builder.poll({build_id: build_id}))[build_id]


async def end(builder: LocalBuilder, build_id: str = "b1") -> Status:
    """Poll until the build has ended."""
    with anyio.fail_after(90):
        while not (now := await status(builder, build_id)).state.terminal:  # noqa: ASYNC110  # another process
            await anyio.sleep(0.02)
    return now


async def built(builder: LocalBuilder, wanted: BuildRequest) -> Status:
    assert await builder.trigger(wanted) == Sent(wanted.build_id)
    return await end(builder, wanted.build_id)


async def until(condition: Callable[[], object]) -> None:
    with anyio.fail_after(30):
        while not condition():  # noqa: ASYNC110  # another process brings it about
            await anyio.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not yet collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def is_asleep(pid: int) -> bool:
    """Whether a process waits, and does not run."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"


def pid_in(path: Path) -> int:
    return int(path.read_text())


def runner_of(site: LocalSite, build_id: str = "b1") -> int:
    holder = Folder(site.state / build_id).holder()
    assert holder is not None
    return holder
