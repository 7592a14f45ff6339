"""The daemon of the demo: the real one, in a process of its own."""

import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from subprocess import DEVNULL, STDOUT
from typing import Final

import anyio
import httpx
from anyio.abc import Process

import bridge
from bridge.builders.local.folder import Folder
from bridge.demo.workspace import DemoError, Workspace

READY_SECONDS: Final = 20
STOP_SECONDS: Final = 15
_LOOK_SECONDS: Final = 0.03


@contextmanager
def reserved_port() -> Iterator[int]:
    """A free port of this machine.

    It stays bound, so that nobody else is given it; a server that sets SO_REUSEADDR may still listen there.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        port: int = holder.getsockname()[1]
        yield port


@asynccontextmanager
async def running(place: Workspace, port: int) -> AsyncIterator[Process]:
    """A daemon that is ready; at the end it and its builds are stopped. Raises DemoError."""
    with place.log.open("wb") as log:
        process = await anyio.open_process(
            [sys.executable, "-m", "bridge", "--config", str(place.config), "serve"],
            # Where `-m` finds the package, installed or not.
            cwd=Path(bridge.__file__).parents[1],
            stdin=DEVNULL,
            stdout=log,
            stderr=STDOUT,
            # Ctrl-C is for the demo, which then stops its daemon.
            start_new_session=True,
        )
    try:
        await _ready(process, port)
        yield process
    finally:
        with anyio.CancelScope(shield=True):
            await _stop(process)
            await _end_builds(place.folder / "builders" / "here")


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
                await anyio.sleep(_LOOK_SECONDS)
    raise DemoError(f"the daemon was not ready within {READY_SECONDS} s")


async def _stop(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    with anyio.move_on_after(STOP_SECONDS):
        await process.wait()
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()


async def _end_builds(state: Path) -> None:
    """Builds outlive their daemon, but not the demo."""
    folders = [Folder(Path(str(path))) async for path in anyio.Path(state).glob("*")]
    with anyio.move_on_after(STOP_SECONDS):
        while runners := [pid for folder in folders if (pid := folder.holder()) is not None]:
            for pid in runners:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
            await anyio.sleep(_LOOK_SECONDS)
