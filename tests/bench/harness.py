"""What the benchmarks share: servers on one processor, load from another, medians and a table."""

import hashlib
import hmac
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import orjson

SECRET: Final = "a-secret-of-the-benchmark"
SERVER_CPU: Final = 0
LOAD_CPU: Final = 1
_SCRIPT: Final = Path(__file__).with_name("deliver.lua")
_START_SECONDS: Final = 20
_STOP_SECONDS: Final = 30


@dataclass(frozen=True, slots=True)
class Load:
    """One run of wrk: answers a second, latencies in milliseconds; `errors` counts all but 2xx and 3xx."""

    requests: int
    rate: float
    errors: int
    p50: float
    p99: float


def push_body() -> bytes:
    """A GitHub push of a few commits, 7 to 8 KiB, as GitHub writes it."""
    sha = [hashlib.sha1(str(number).encode(), usedforsecurity=False).hexdigest() for number in range(7)]
    people = {"name": "Alice Example", "email": "alice@example.com", "username": "alice"}
    api, web = "https://api.github.com/repos/acme/shop-web", "https://github.com/acme/shop-web"
    links = "forks keys collaborators teams hooks issue_events events assignees branches tags blobs git_tags"
    links += " git_refs trees statuses languages stargazers contributors subscribers subscription commits"
    links += " git_commits comments issue_comment contents compare merges archive downloads issues pulls"
    links += " milestones notifications labels releases deployments"
    commits = [
        {
            "id": sha[number],
            "tree_id": sha[number + 1],
            "distinct": True,
            "message": f"Shop: step {number} of the new basket",
            "timestamp": "2025-01-15T08:30:00+08:00",
            "url": f"{web}/commit/{sha[number]}",
            "author": people,
            "committer": people,
            "added": [],
            "removed": [],
            "modified": [f"web/src/basket/part-{number}/view-{file}.ts" for file in range(6)],
        }
        for number in range(1, 6)
    ]
    document = {
        "ref": "refs/heads/master",
        "before": sha[0],
        "after": sha[5],
        "repository": {"id": 1296269, "name": "shop-web", "full_name": "acme/shop-web", "private": False}
        | {"html_url": web, "clone_url": f"{web}.git", "ssh_url": "git@github.com:acme/shop-web.git"}
        | {f"{link}_url": f"{api}/{link}{{/sha}}" for link in links.split()},
        "pusher": {"name": "alice", "email": "alice@example.com"},
        "sender": {"login": "alice", "id": 7, "type": "User", "url": "https://api.github.com/users/alice"},
        "created": False,
        "deleted": False,
        "forced": False,
        "compare": f"{web}/compare/{sha[0][:12]}...{sha[5][:12]}",
        "commits": commits,
        "head_commit": commits[-1],
    }
    return orjson.dumps(document)


def headers(body: bytes) -> dict[str, str]:
    """What GitHub sends with it, but for the delivery's id."""
    signature = hmac.digest(SECRET.encode(), body, "sha256").hex()
    return {
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/0000000",
        "X-GitHub-Event": "push",
        "X-GitHub-Hook-ID": "42",
        "X-Hub-Signature-256": f"sha256={signature}",
    }


def load(port: int, path: str, *, run: str, seconds: int, connections: int) -> Load:
    """Deliver to a server as fast as it answers; `run` makes the ids of this run unlike those of others."""
    body = push_body()
    lines = [f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers(body).items()]
    with tempfile.TemporaryDirectory() as folder:
        head_file, body_file = Path(folder, "head"), Path(folder, "body")
        head_file.write_text("".join(f"{line}\r\n" for line in lines), newline="")
        body_file.write_bytes(body)
        answer = subprocess.run(
            [
                *("taskset", "-c", str(LOAD_CPU), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s"),
                *("-s", str(_SCRIPT), f"http://127.0.0.1:{port}"),
            ],
            env={**os.environ, "BENCH_HEAD": str(head_file), "BENCH_BODY": str(body_file), "BENCH_RUN": run},
            capture_output=True,
            text=True,
            check=True,
            timeout=seconds + 30,
        )
    line = next(line for line in answer.stdout.splitlines() if line.startswith("RESULT "))
    requests, microseconds, errors, p50, p99 = (float(word) for word in line.split()[1:])
    return Load(int(requests), requests / microseconds * 1e6, int(errors), p50, p99)


@contextmanager
def running(
    argv: Sequence[str], port: int, log: Path, cwd: Path, *, cpus: str = str(SERVER_CPU)
) -> Iterator[subprocess.Popen[bytes]]:
    """A server pinned to its processor, from the moment it listens; it is ended by SIGTERM."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            ["taskset", "-c", cpus, *argv], cwd=cwd, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        wait_until_listening(process, port, log)
        yield process
    finally:
        process.terminate()
        process.wait(_STOP_SECONDS)


def wait_until_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Raises RuntimeError with the server's last words when it ends, or is not there in time."""
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.002)  # a socket of another process: nothing says when it listens
        else:
            return
    raise RuntimeError(f"the server does not run: {log.read_text(errors='replace')[-2000:]}")


def healthy_after(started: float, port: int) -> float:
    """Seconds from `started` (of the monotonic clock) until /healthz answers 200. Raises TimeoutError."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=1) as client:
        while (past := time.monotonic() - started) < _START_SECONDS:
            try:
                if client.get("/healthz").is_success:
                    return time.monotonic() - started
            except httpx.TransportError:
                time.sleep(0.002)  # a socket of another process: nothing says when it listens
    raise TimeoutError(f"not ready within {past:.0f} s")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@contextmanager
def folder_on_disk(parent: Path) -> Iterator[Path]:
    """A new folder below `parent`, which must be on a real disk: a tmpfs has no fsync to wait for."""
    kind = subprocess.run(
        ["stat", "--file-system", "--format=%T", parent], capture_output=True, text=True, check=True
    ).stdout.strip()
    if kind in {"tmpfs", "ramfs"}:
        sys.exit(f"{parent} is on a {kind}: name a folder on a real disk with --folder")
    with tempfile.TemporaryDirectory(prefix="bench-", dir=parent) as folder:
        yield Path(folder)


def table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Left column of text, the others of numbers."""
    widths = [max(len(cell) for cell in column) for column in zip(names, *rows, strict=True)]
    lines = [names, ["-" * width for width in widths], *rows]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def median(values: Sequence[float]) -> float:
    return statistics.median(values)
