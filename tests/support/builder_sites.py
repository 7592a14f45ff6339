"""The sites that the kinds of builders bring, and builds on them."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import anyio
from support.builder_contract import RemoteSite, Site

from bridge.builders.base import Builder, Handle, Sent, Status
from bridge.model.build import BuildState
from bridge.registry import BUILDERS

PIECE = 256 * 1024
"""The longest piece of log, in bytes."""


def site_of(kind: str) -> type[Site] | None:
    """The fake that a kind brings, in the tests' folder of the same name as its package."""
    name = f"builders.{BUILDERS[kind].__module__.split('.')[2]}.contract"
    try:
        found: type[Site] = import_module(name).SITE
    except ModuleNotFoundError as error:
        if error.name is None or not name.startswith(error.name):
            raise
        return None
    return found


SITES: Mapping[str, type[Site]] = {kind: brought for kind in BUILDERS if (brought := site_of(kind))}
REMOTE = [kind for kind, brought in SITES.items() if issubclass(brought, RemoteSite)]
CASES = [(kind, name) for kind, brought in SITES.items() for name in brought.CASES]


async def sent(builder: Builder, site: Site, build_id: str = "b-1", **more: Any) -> Handle:
    outcome = await builder.trigger(site.request(build_id, **more))
    assert isinstance(outcome, Sent), outcome
    return outcome.handle


async def running(builder: Builder, site: Site, build_id: str = "b-1", **more: Any) -> Handle:
    """The newest handle of a build that runs."""
    handle = await sent(builder, site, build_id, **more)
    await site.start(build_id)
    status = (await builder.poll({build_id: handle}))[build_id]
    assert status.state is BuildState.RUNNING
    return status.handle or handle


async def ended(builder: Builder, handle: Handle, build_id: str = "b-1") -> Status:
    with anyio.fail_after(60):
        while True:
            status = (await builder.poll({build_id: handle}))[build_id]
            if status.state.terminal:
                return status
            handle = status.handle or handle
            await anyio.sleep(0.02)


async def log_from(builder: Builder, handle: Handle, offset: int = 0) -> tuple[str, int]:
    """The text from `offset` to where there is no more now, and where that is."""
    text, more = "", True
    while more:
        chunk = await builder.log(handle, offset)
        assert len(chunk.text.encode()) <= PIECE
        assert not chunk.restarted
        assert chunk.next > offset or not chunk.more
        text, offset, more = text + chunk.text, chunk.next, chunk.more
    return text, offset


async def log_with(builder: Builder, handle: Handle, wanted: str) -> tuple[str, int]:
    """The log from its beginning, once a running build has printed this."""
    with anyio.fail_after(60):
        while True:
            text, offset = await log_from(builder, handle)
            if wanted in text:
                return text, offset
            await anyio.sleep(0.02)
