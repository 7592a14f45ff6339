"""A server in Drone's style with one repository: Drone 1 and 2, or Woodpecker 2 and 3.

Both number the builds of a repository from 1, show their parameters in lists, give a new number to what is
started again, and have the logs by step. A build has two steps, and the second goes on until it is finished.
"""

import base64
import json
import re
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from support.fake_http import FakeServer, Reply, json_reply, served

REPOSITORY = "acme/shop"
TOKEN = "drone-token-of-the-tests"
HEAD = "1" * 40
OPEN = frozenset({"created", "pending", "blocked", "running", "waiting_on_dependencies"})


@dataclass(slots=True)
class Build:
    """`text` is what the first step printed; the second one prints `tail`. Hooks say `ref` and `link`."""

    number: int
    values: dict[str, str]
    commit: str = HEAD
    branch: str = "master"
    word: str = "pending"
    parent: int = 0
    started: int = 0
    finished: int = 0
    text: str = ""
    tail: str = ""
    ref: str = ""
    link: str = ""
    steps: list[str] = field(default_factory=lambda: ["pending", "pending"])


def copied(build: Build) -> Mapping[str, Any]:
    """What a build that is started again has of the one before it."""
    names = ("commit", "branch", "ref", "link")
    return {name: getattr(build, name) for name in names} | {"parent": build.number}


class FakeDrone(FakeServer):
    """What both have; every method may be called from any thread. `now` moves by itself."""

    version: str

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_795_000_000
        self.builds: list[Build] = []
        self.active = True
        self.may_build = True
        self.filtered = False
        self.numbers = 0
        self.hidden = False

    def clock(self) -> float:
        return float(self.now)

    def build(self, build_id: str) -> Build:
        """The build that a trigger with our id made."""
        return next(one for one in self.builds if self.is_ours(one, build_id) and not one.parent)

    def is_ours(self, build: Build, build_id: str) -> bool:
        return build.values.get("BRIDGE_BUILD_ID") == build_id

    def add(self, values: Mapping[str, str], **more: Any) -> Build:
        with self.lock:
            self.numbers += 1
            made = Build(self.numbers, dict(values), **more)
            self.builds.append(made)
            return made

    def again(self, build: Build) -> Build:
        """What the button of a person makes of a build: a new one with the same parameters."""
        return self.add(build.values, **copied(build))

    def start(self, build: Build, text: str = "") -> None:
        """The first step has printed `text` and ended; the second one goes on."""
        with self.lock:
            self.now += 1
            build.word, build.started, build.text = "running", self.now, text
            build.steps = ["success", "running"]

    def finish(self, build: Build, word: str = "success", tail: str = "done\n") -> None:
        with self.lock:
            self.now += 1
            build.word, build.finished, build.tail = word, self.now, tail
            build.started = build.started or self.now
            build.steps[1] = word

    def stop(self, build: Build) -> None:
        if build.word in OPEN:
            with self.lock:
                self.now += 1
                build.steps = ["killed" if step in OPEN else step for step in build.steps]
                build.word, build.finished = "killed", self.now

    def numbered(self, number: str) -> Build | None:
        return next((one for one in self.builds if one.number == int(number)), None)

    def newest(self, query: Mapping[str, str], size: str, most: int) -> list[Build]:
        """A page of the list; a page of more than `most` has 25."""
        wanted = int(query.get(size, 25))
        count = wanted if wanted <= most else 25
        first = (int(query.get("page", 1)) - 1) * count
        return self.builds[::-1][first : first + count]

    def handle(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        parts = urlsplit(target)
        path, query = parts.path, dict(parse_qsl(parts.query, keep_blank_values=True))
        if (method, path) == ("GET", "/version"):
            return json_reply({"source": f"https://github.com/{self.version}", "version": "2.25.0"})
        if headers.get("Authorization") != f"Bearer {TOKEN}":
            return json_reply({"message": "Unauthorized"}, 401)
        if (method, path) == ("GET", "/api/user"):
            return json_reply({"id": 1, "login": "bridge", "email": "bridge@example.com"})
        with self.lock:
            return self.asked(method, unquote(path), query, body) or json_reply({"message": "Not Found"}, 404)

    @abstractmethod
    def asked(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> Reply | None:
        """The answer to a request of a known user; None for 404."""


class FakeDrone2(FakeDrone):
    version = "drone/drone"
    _BUILD = re.compile(rf"/api/repos/{REPOSITORY}/builds/(\d+)(?:/logs/1/(\d+))?")

    def asked(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> Reply | None:
        if (method, path) == ("GET", f"/api/repos/{REPOSITORY}") and not self.hidden:
            rights = {"read": True, "write": self.may_build, "admin": False}
            return json_reply({"id": 7, "slug": REPOSITORY, "active": self.active, "permissions": rights})
        if path == f"/api/repos/{REPOSITORY}/builds":
            if method == "GET":
                return json_reply([self.shown(one) for one in self.newest(query, "per_page", 100)])
            return self.triggered(query)
        found = self._BUILD.fullmatch(path)
        build = self.numbered(found[1]) if found else None
        if not found or not build:
            return None
        if found[2]:
            return self.log(build, int(found[2]))
        if method == "DELETE":
            self.stop(build)
        return json_reply(self.shown(build, stages=True))

    def triggered(self, query: Mapping[str, str]) -> Reply:
        if self.filtered:
            return json_reply(None)
        taken = {"branch", "commit", "access_token"}
        values = {name: value for name, value in query.items() if name not in taken}
        made = self.add(values, commit=query.get("commit", HEAD), branch=query.get("branch", "master"))
        return json_reply(self.shown(made))

    def shown(self, build: Build, *, stages: bool = False) -> dict[str, Any]:
        document: dict[str, Any] = {
            "id": build.number + 1000,
            "number": build.number,
            "parent": build.parent,
            "status": build.word,
            "event": "custom",
            "after": build.commit,
            "ref": f"refs/heads/{build.branch}",
            "params": build.values,
            "started": build.started,
            "finished": build.finished,
        }
        if stages:
            names = zip(("clone", "build"), build.steps, strict=True)
            steps = [{"number": n, "name": name, "status": w} for n, (name, w) in enumerate(names, 1)]
            stage = {"number": 1, "name": "default", "status": build.word}
            document["stages"] = [stage | {"steps": steps} if build.started else stage]
        return document

    def log(self, build: Build, step: int) -> Reply | None:
        if build.steps[step - 1] in OPEN:
            return None
        lines = (build.text, build.tail)[step - 1].splitlines(keepends=True)
        return json_reply([{"pos": pos, "out": line, "time": 0} for pos, line in enumerate(lines)])


class FakeWoodpecker(FakeDrone):
    version = "woodpecker-ci/woodpecker"
    _PIPELINE = re.compile(r"/api/repos/7/pipelines/(\d+)(/cancel)?")
    _LOG = re.compile(r"/api/repos/7/logs/(\d+)/(\d+)")

    def asked(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> Reply | None:
        if path == f"/api/repos/lookup/{REPOSITORY}" and not self.hidden:
            return json_reply({"id": 7, "full_name": REPOSITORY, "active": self.active})
        if path == "/api/repos/7/permissions":
            return json_reply({"pull": True, "push": self.may_build, "admin": False})
        if path == "/api/repos/7/pipelines":
            if method == "GET":
                return json_reply([self.shown(one) for one in self.newest(query, "perPage", 50)])
            return self.triggered(json.loads(body))
        if found := self._LOG.fullmatch(path):
            build = self.numbered(found[1])
            return self.log(build, int(found[2]) - 10 * build.number) if build else None
        return self.asked_of_one(path)

    def asked_of_one(self, path: str) -> Reply | None:
        found = self._PIPELINE.fullmatch(path)
        build = self.numbered(found[1]) if found else None
        if not found or not build:
            return None
        if not found[2]:
            return json_reply(self.shown(build, workflows=True))
        if build.word not in OPEN:
            return Reply(400, body=b"Cannot cancel a non-running or non-pending or non-blocked pipeline")
        self.stop(build)
        return Reply(204)

    def triggered(self, document: Mapping[str, Any]) -> Reply:
        if self.filtered:
            return Reply(204)
        return json_reply(self.shown(self.add(document["variables"], branch=document["branch"])))

    def shown(self, build: Build, *, workflows: bool = False) -> dict[str, Any]:
        document: dict[str, Any] = {
            "id": build.number + 1000,
            "number": build.number,
            "parent": build.parent,
            "status": build.word,
            "event": "manual",
            "commit": build.commit,
            "ref": build.branch,
            "variables": build.values,
            "started": build.started,
            "finished": build.finished,
        }
        if workflows:
            children = [
                {"id": 10 * build.number + n, "pid": n + 1, "ppid": 1, "name": name, "state": word}
                for n, (name, word) in enumerate(zip(("clone", "build"), build.steps, strict=True), 1)
            ]
            document["workflows"] = [{"pid": 1, "name": "build", "state": build.word, "children": children}]
        return document

    def log(self, build: Build, step: int) -> Reply:
        lines = (build.text, build.tail)[step - 1].splitlines()
        rows = [
            {"line": line, "type": 0, "data": base64.b64encode(text.encode()).decode()}
            for line, text in enumerate(lines)
        ]
        return json_reply([*rows, {"line": len(rows), "type": 2, "data": "MA=="}] if rows else None)


FAKES: Mapping[str, type[FakeDrone]] = {"drone": FakeDrone2, "woodpecker": FakeWoodpecker}


@contextmanager
def fake_drone(api: str = "drone") -> Iterator[FakeDrone]:
    with served(FAKES[api]()) as server:
        yield server
