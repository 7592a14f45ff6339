"""What no `kill -9` can show: an answer leaves after the disk has what it stands for, and its line is out."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from support.daemon import NO_TLS, SECRET, Daemon, running
from support.needs import needs
from support.sending import push_body, send, signed
from support.waiting import eventually

CALLS = "read,recvfrom,write,writev,sendto,sendmsg,pwrite64,fsync,fdatasync"
BODY = push_body("https://git.example.com/acme/shop.git")
POST = re.compile(r'"POST /hooks/plain')
ANSWER = re.compile(r'"HTTP/1\.1 202 ')
LINE = re.compile(r"delivery\.stored")
BEGUN = re.compile(r"f(?:data)?sync\(\d+<[^>]*bridge\.db-wal>")
WRITTEN = re.compile(r"pwrite64\(\d+<[^>]*bridge\.db-wal>")


@pytest.mark.sqlite
def test_a_delivery_is_on_the_disk_before_its_sender_hears_of_it(tmp_path: Path) -> None:
    """As the kernel sees it: the request, the rows, the order to the disk, its end, and then the answer."""
    with watched(tmp_path) as (daemon, seen):
        # SQLite syncs the head of a new log in any case; the second delivery finds it there.
        assert send(daemon.url, BODY, "first").status_code == 202
        eventually(lambda: daemon.said("delivery.decided"))
        assert send(daemon.url, BODY, "second").status_code == 202
        daemon.stop()
    lines = eventually(lambda: _until_its_end(seen))
    came = _first(lines, _first(lines, 0, POST) + 1, POST)
    answered = _first(lines, came, ANSWER)
    written = _first(lines, came, WRITTEN)
    ordered = _first(lines, written, BEGUN)
    done = _first(lines, ordered, re.compile(rf"{lines[ordered].split()[0]} .*sync.*\) += 0"))
    assert done < answered


@pytest.mark.parametrize("connection", ["keep-alive", "close"])
def test_a_delivery_has_its_line_before_its_sender_hears_of_it(tmp_path: Path, connection: str) -> None:
    with watched(tmp_path) as (daemon, seen):
        headers = signed(BODY, "first") | {"connection": connection}
        assert (
            httpx.post(f"{daemon.url}/hooks/plain", content=BODY, headers=headers, verify=NO_TLS).status_code
            == 202
        )
        daemon.stop()
    lines = eventually(lambda: _until_its_end(seen))
    assert _first(lines, 0, LINE) < _first(lines, 0, ANSWER)


@contextmanager
def watched(folder: Path) -> Iterator[tuple[Daemon, Path]]:
    """A daemon, and the file of the system calls that it makes."""
    seen = folder / "calls"
    watch = [needs("strace"), "-D", "-f", "--seccomp-bpf", "-qq", "-yy", "-s", "256", "-e", f"trace={CALLS}"]
    config = {"sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}}}
    with running(folder, config, {}, *watch, "-o", str(seen)) as daemon:
        yield daemon, seen


def _until_its_end(seen: Path) -> list[str]:
    """The calls of all threads, once it was asked to end."""
    text = seen.read_text(errors="replace")
    return text.splitlines() if "SIGTERM" in text else []


def _first(lines: list[str], start: int, pattern: re.Pattern[str]) -> int:
    """The place of the first such line from `start` on."""
    return next(place for place in range(start, len(lines)) if pattern.search(lines[place]))
