"""The daemon of the demo: the real one, in a process of its own."""

import socket
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from subprocess import DEVNULL, STDOUT
from typing import Final

import anyio
import httpx
from anyio.abc import Process

import bridge
from bridge.builders.base import Builder, BuilderContext
from bridge.config.loader import Config
from bridge.demo.workspace import DemoError, Workspace
from bridge.errors import RemoteError, StoreError
from bridge.model.build import Build, BuildState
from bridge.registry import BUILDERS
from bridge.runtime.clock import system_clock
from bridge.store.open import open_store

READY_SECONDS: Final = 20
STOP_SECONDS: Final = 15
_CHECK_SECONDS: Final = 0.03


@contextmanager
def reserved_port() -> Iterator[int]:
    """A free port of this machine.

    It stays bound, so that no other process gets it; a server that sets SO_REUSEADDR may still listen there.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        port: int = holder.getsockname()[1]
        yield port


@asynccontextmanager
async def running(workspace: Workspace, config: Config, port: int) -> AsyncIterator[Process]:
    """A daemon that is ready; at the end it and its builds are stopped. Raises DemoError."""
    with workspace.log.open("wb") as log:
        process = await anyio.open_process(
            [sys.executable, "-m", "bridge", "--config", str(workspace.config), "serve"],
            # Where `-m` finds the package, installed or not.
            cwd=Path(bridge.__file__).parents[1],
            stdin=DEVNULL,
            stdout=log,
            stderr=STDOUT,
            # Ctrl-C reaches the demo only, which then stops its daemon.
            start_new_session=True,
        )
    try:
        await _ready(process, port)
        yield process
    finally:
        with anyio.CancelScope(shield=True):
            await _stop(process)
            # Without a store no build was ever triggered.
            with suppress(StoreError, RemoteError):
                await _end_builds(config)


def check_alive(process: Process) -> None:
    """Raises DemoError."""
    if process.returncode is not None:
        raise DemoError(f"the daemon ended with exit code {process.returncode}")


async def _ready(process: Process, port: int) -> None:
    with anyio.move_on_after(READY_SECONDS):
        async with httpx.AsyncClient(trust_env=False, timeout=READY_SECONDS) as client:
            while True:
                check_alive(process)
                with suppress(httpx.TransportError):
                    answer = await client.get(f"http://127.0.0.1:{port}/readyz")
                    if answer.is_success:
                        return
                await anyio.sleep(_CHECK_SECONDS)
    raise DemoError(f"the daemon was not ready within {READY_SECONDS} s")


async def _stop(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    with anyio.move_on_after(STOP_SECONDS):
        await process.wait()
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()


async def _end_builds(config: Config) -> None:
    """Builds outlive their daemon, but not the demo: every builder cancels and releases its own."""
    async with open_store(config.store_url, exclusive=False) as store:
        for name, adapter in config.builders.items():
            builds = await store.builds.in_state(name, *BuildState)
            context = BuilderContext(state=config.state_path / name, clock=system_clock)
            builder = BUILDERS[adapter.kind](name, adapter.settings, context)
            with anyio.move_on_after(STOP_SECONDS):
                await _end_builds_of(builder, builds)
            await builder.aclose()


async def _end_builds_of(builder: Builder, builds: Sequence[Build]) -> None:
    found = {build.run_id: await builder.find(build.request) for build in builds}
    handles = {run_id: handle for run_id, handle in found.items() if isinstance(handle, str)}
    for handle in handles.values():
        await builder.cancel(handle)
    while not all(  # noqa: ASYNC110  # other processes
        status.state.terminal for status in (await builder.poll(handles)).values()
    ):
        await anyio.sleep(_CHECK_SECONDS)
    for handle in handles.values():
        await builder.release(handle)
