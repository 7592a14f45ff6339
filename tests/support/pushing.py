"""A bare repository with the hook of plain Git servers, and who hears of its pushes."""

import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bridge.forges.request import Request
from bridge.model.event import Ignored, PushEvent
from bridge.registry import FORGES

SECRET = "a plain \\ secret: 6%s & ümlaut"


@dataclass
class Receiver:
    """Answers with `answers` in turn, then 202, and keeps what it got."""

    answers: list[int] = field(default_factory=list)
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    def take(self, headers: dict[str, str], body: bytes) -> int:
        self.requests.append((headers, body))
        return self.answers.pop(0) if self.answers else 202

    def events(self, secret: bytes = SECRET.encode()) -> list[PushEvent | Ignored]:
        """What the deliveries say, each verified and parsed."""
        forge, found = FORGES["Simple"], []
        for headers, body in self.requests:
            assert forge.recognises(Request(headers, body))
            delivery = forge.receive(
                id="1", source="plain", request=Request(headers, body), secrets=[secret], now=time.time()
            )
            found += forge.parse(Request(delivery.headers, delivery.body))
        return found

    def pushed(self) -> PushEvent:
        (event,) = self.events()
        assert isinstance(event, PushEvent)
        return event


@dataclass
class Site:
    """A bare repository with the hook, and a clone to push from."""

    bare: Path
    work: Path
    secret_file: Path
    environ: dict[str, str]
    said: str = ""

    def git(self, *arguments: str | bytes, folder: Path | None = None, **more: Any) -> str:
        command = ["git", "-C", str(folder or self.work), *arguments]
        done = subprocess.run(command, env=self.environ, capture_output=True, timeout=60, check=False, **more)
        assert done.returncode == 0, done.stderr
        self.said = done.stderr.decode()
        return bytes(done.stdout).decode().strip()

    def commit(self, message: bytes = b"first", name: str = "a.txt", text: str = "1") -> str:
        (self.work / name).parent.mkdir(parents=True, exist_ok=True)
        (self.work / name).write_text(text)
        self.git("add", "--all")
        self.git("commit", "--cleanup=verbatim", "--allow-empty", "-F", "-", input=message)
        return self.git("rev-parse", "HEAD")

    def push(self, *refs: str) -> str:
        """Push, and return what the pusher's terminal showed of the hook."""
        self.git("push", "-q", "origin", *refs)
        lines = self.said.splitlines()
        return "\n".join(line for line in lines if "buildbridge" in line)
