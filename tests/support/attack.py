"""Attackers that never finish, clients of huge bodies, and the honest traffic beside them."""

import asyncio
import http.client
import os
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from support.daemon import Daemon
from support.sending import push_body, signed

_NUMBERS = count()
_PIECE = b"x" * (64 << 10)
_HEAD = b"POST /hooks/plain HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@dataclass
class Slow:
    """What became of slow connections: for how many seconds each was open, by what it trickled."""

    heads: list[float] = field(default_factory=list)
    bodies: list[float] = field(default_factory=list)
    refused: int = 0


async def trickle(port: int, connections: int, seconds: float, *, pause: float) -> Slow:
    """Keep so many connections open, half of them in the head, half in the body; anew when hung up on."""
    found = Slow()
    until = time.monotonic() + seconds
    async with asyncio.TaskGroup() as tasks:
        for number in range(connections):
            tasks.create_task(_attacker(port, found, until, pause, in_body=bool(number % 2)))
    return found


async def _attacker(port: int, found: Slow, until: float, pause: float, *, in_body: bool) -> None:
    while time.monotonic() < until:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            found.refused += 1
            await asyncio.sleep(pause)
            continue
        begun = time.monotonic()
        try:
            writer.write(_HEAD + (b"Content-Length: 50000\r\n\r\n" if in_body else b"X-Slow: "))
            await _until_closed(reader, writer, pause)
        except OSError:
            pass
        (found.bodies if in_body else found.heads).append(time.monotonic() - begun)
        writer.close()


async def _until_closed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pause: float) -> None:
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await reader.read(1)
            return
        writer.write(b"x")
        await writer.drain()


def honest(daemon: Daemon, seconds: float, *, pause: float) -> list[float]:
    """Deliver, each on a connection of its own, until the time is over; the seconds that each took, sorted.

    Raises AssertionError for any answer but 202.
    """
    taken = []
    until = time.monotonic() + seconds
    body = push_body("https://git.example.com/acme/shop.git")
    while time.monotonic() < until:
        headers = signed(body, f"honest-{next(_NUMBERS)}")
        begun = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=30)
        connection.request("POST", "/hooks/plain", body, headers)
        status = connection.getresponse().status
        connection.close()
        taken.append(time.monotonic() - begun)
        assert status == 202, status
        time.sleep(pause)  # the pace of an honest host
    return sorted(taken)


def p99(values: Sequence[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)]


def send_huge(port: int, size: int, *, chunked: bool) -> int | None:
    """Send a body of `size` bytes, with or without saying so before; the status, None when hung up on."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as line:
        heard = b""
        with suppress(OSError):
            line.sendall(_HEAD + (b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % size))
            line.sendall(b"\r\n\r\n")
            piece = b"%x\r\n%b\r\n" % (len(_PIECE), _PIECE) if chunked else _PIECE
            for _ in range(size // len(_PIECE)):
                line.sendall(piece)
        with suppress(OSError):
            heard = line.recv(4096)
    return int(heard.split()[1]) if heard else None


def send_many_huge(port: int, count: int, size: int) -> set[int | None]:
    """So many at once, half of them in chunks: every status that was heard."""
    statuses: set[int | None] = set()
    threads = [
        threading.Thread(
            target=lambda number=number: statuses.add(send_huge(port, size, chunked=bool(number % 2)))
        )
        for number in range(count)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


def resident(daemon: Daemon) -> int:
    """The resident memory of the process, in bytes."""
    assert daemon.process is not None
    pages = Path(f"/proc/{daemon.process.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def watched(daemon: Daemon) -> Iterator[list[int]]:
    """The resident memory while the block runs, looked at two hundred times a second."""
    seen = [resident(daemon)]
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.005):
            seen.append(resident(daemon))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()
