"""The real daemon as a process of its own, driven from outside."""

import json
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import yaml
from support import engines
from support.commands import Done, command
from support.ports import free_port
from support.waiting import eventually

SECRET = "a-shared-secret-of-the-tests"
TOKEN = "a-token-of-the-tests"
NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""The `verify` of calls without TLS: else each reads all authorities, which takes longer than the call."""
MEASURES: Final = "COVERAGE_PROCESS_CONFIG"
"""What has the processes of a test measured: it slows daemons, and one that is killed writes no measures."""
DUMMY: Mapping[str, Any] = {
    "sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}},
    "builders": {"here": {"kind": "dummy"}},
}
"""A source that `SECRET` signs, and a builder that builds nothing."""


class Daemon:
    """A configuration in a folder, and the process that serves it."""

    def __init__(self, folder: Path, config: Mapping[str, Any], rules: Mapping[str, str]) -> None:
        self.folder = folder
        self.port = free_port()
        self.config = folder / "bridge.yaml"
        self.database = folder / "data" / "bridge.db"
        store = config.get("store", {})
        whole = {
            "server": {"port": self.port} | config.get("server", {}),
            "store": store if "url" in store else engines.settings(self.database) | store,
            "api": {"tokens": [TOKEN]},
            "language": "en",
            **{name: part for name, part in config.items() if name not in {"server", "store"}},
        }
        self.config.write_text(yaml.safe_dump(whole))
        (folder / "rules").mkdir(exist_ok=True)
        for name, text in rules.items():
            (folder / "rules" / name).write_text(text)
        self.process: subprocess.Popen[bytes] | None = None
        self._starts = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, *under: str, options: Sequence[str] = (), **environ: str) -> None:
        """Start, and wait until it says that it is ready; `under` is a command that watches it."""
        self._starts += 1
        log = self._log_file()
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [*under, sys.executable, "-m", "bridge", "--config", str(self.config), "serve", *options],
                stdout=output,
                stderr=subprocess.STDOUT,
                env={name: text for name, text in os.environ.items() if name != MEASURES} | environ,
                cwd=self.folder,
            )
        eventually(self._ready, seconds=60.0)

    def _log_file(self) -> Path:
        return self.folder / f"log-{self._starts}"

    def _ready(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"the daemon ended: {self._log_file().read_text()}")
        return self.said("daemon.ready")

    def lines(self) -> list[dict[str, Any]]:
        """What this start has logged."""
        printed = self._log_file().read_text(errors="replace").splitlines()
        return [json.loads(line) for line in printed if line.startswith("{") and line.endswith("}")]

    def said(self, event: str, **fields: object) -> bool:
        """Whether this start has logged such a line."""
        wanted = {"event": event, **fields}
        return any(wanted.items() <= line.items() for line in self.lines())

    def output(self) -> str:
        """All that any start has printed."""
        return "".join(file.read_text(errors="replace") for file in sorted(self.folder.glob("log-*")))

    def kill(self) -> None:
        """As the kernel does it: at once, with no chance to tidy up."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> int:
        """As systemd does it; returns the exit status."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(30)

    def api(self, path: str, token: str | None = TOKEN) -> Any:
        """The `data` of an answer of the API."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        answer = httpx.get(f"{self.url}{path}", headers=headers, verify=NO_TLS)
        return answer.raise_for_status().json()["data"]

    def builds(self, **query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.api(f"/v1/builds?{httpx.QueryParams(query)}")["results"]
        return found

    def newest_event(self) -> int:
        """The `seq` of the newest event that is stored."""
        ((found,),) = engines.execute(self.database, "SELECT max(id) FROM step")
        return int(found)

    def command(self, *arguments: str) -> Done:
        """Another command on the same configuration, run in this process: that takes a tenth of the time."""
        return command("--config", self.config, *arguments)

    def second(self) -> subprocess.CompletedProcess[str]:
        """Another daemon on the same configuration, which has to end by itself."""
        return subprocess.run(
            [sys.executable, "-m", "bridge", "--config", str(self.config), "serve"],
            capture_output=True,
            text=True,
            timeout=60,
            cwd=self.folder,
            check=False,
        )


@contextmanager
def running(
    folder: Path, config: Mapping[str, Any], rules: Mapping[str, str], *under: str
) -> Iterator[Daemon]:
    """A started daemon, killed at the end if it still runs."""
    daemon = Daemon(folder, config, rules)
    try:
        daemon.start(*under)
        yield daemon
    finally:
        if daemon.process is not None and daemon.process.poll() is None:
            daemon.kill()
