"""An Alauda-style service with one build repository, whose builds go on as a test says."""

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from support.fake_http import FakeServer, Reply, json_reply, served

REPOSITORY = "acme/shop"
TOKEN = "alauda-token-of-the-tests"
PAGE = 20


@dataclass(slots=True)
class Row:
    """A line of a log; `time` is None for one that has none."""

    message: str
    time: int | None


@dataclass(slots=True)
class Build:
    id: str
    tag: str
    commit: str
    created: int
    letter: str = "W"
    started: int | None = None
    ended: int | None = None
    rows: list[Row] = field(default_factory=list)


class FakeAlauda(FakeServer):
    """Every method may be called from any thread; `now` moves by itself.

    Links between pages lead to `links`. With `deletes` False there is no call that ends a build, with
    `forgets` one that was ended is not there any more. `filters` False ignores the times of logs.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_795_000_000
        self.builds: list[Build] = []
        self.tags = {"latest": "master"}
        self.links = "https://api.alauda.example/v1/builds"
        self.hidden = False
        self.deletes = True
        self.forgets = False
        self.filters = True

    def clock(self) -> float:
        return float(self.now)

    def add(self, tag: str = "latest", commit: str = "9" * 40) -> Build:
        with self.lock:
            self.now += 1
            number = len(self.requests) * 1000 + len(self.builds)
            made = Build(str(uuid.uuid5(uuid.NAMESPACE_URL, str(number))), tag, commit, self.now)
            self.builds.append(made)
            return made

    def of_commit(self, commit: str) -> Build:
        return next(build for build in self.builds if build.commit == commit)

    def start(self, build: Build, log: str = "") -> None:
        with self.lock:
            self.now += 1
            build.letter, build.started = "I", self.now
            build.rows += [Row(line, self.now) for line in log.splitlines()]

    def finish(self, build: Build, letter: str = "S") -> None:
        with self.lock:
            self.now += 1
            build.letter, build.ended = letter, self.now
            build.started = build.started or self.now

    def handle(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        if headers.get("Authorization") != f"Token {TOKEN}":
            return json_reply({"detail": "Invalid token."}, 401)
        parts = urlsplit(target)
        with self.lock:
            asked = self._asked(method, parts.path, dict(parse_qsl(parts.query)), body)
        return asked or json_reply({"detail": "Not found."}, 404)

    def _asked(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> Reply | None:
        if (method, path) == ("GET", f"/v1/repositories/{REPOSITORY}") and not self.hidden:
            configs = [
                {
                    "id": number,
                    "docker_repo_tag": tag,
                    "code_repo_type": "branch",
                    "code_repo_type_value": ref,
                }
                for number, (tag, ref) in enumerate(self.tags.items(), 1)
            ]
            return json_reply({"repo_path": REPOSITORY, "build_config": {"tag_configs": configs}})
        if (method, path) == ("POST", "/v1/builds"):
            return self._triggered(json.loads(body))
        if (method, path) == ("GET", "/v1/builds"):
            return self._listed(query)
        found = re.fullmatch(r"/v1/builds/([^/]+)(/logs)?", path)
        build = next((one for one in self.builds if found and one.id == found[1]), None)
        if found is None or build is None:
            return None
        if method == "DELETE":
            return self._deleted(build)
        return self._log(build, query) if found[2] else json_reply(self._shown(build))

    def _triggered(self, order: Mapping[str, str]) -> Reply | None:
        if (order["namespace"], order["repo_name"]) != tuple(REPOSITORY.split("/")):
            return None
        if order["tag"] not in self.tags:
            return json_reply({"detail": "no such tag"}, 400)
        made = self.add(order["tag"], order.get("code_commit_id", "9" * 40))
        return json_reply(self._shown(made), 201)

    def _listed(self, query: Mapping[str, str]) -> Reply:
        page = int(query.get("page", 1))
        first = (page - 1) * PAGE
        mine = [query["namespace"], query["repo_name"]] == REPOSITORY.split("/")
        builds = self.builds[::-1] if mine else []
        after = f"{self.links}?page={page + 1}" if builds[first + PAGE :] else None
        results = [self._shown(build) for build in builds[first : first + PAGE]]
        return json_reply({"count": len(builds), "next": after, "previous": None, "results": results})

    def _deleted(self, build: Build) -> Reply:
        if not self.deletes:
            return json_reply({"detail": "Method not allowed."}, 405)
        if self.forgets:
            self.builds.remove(build)
        else:
            self.finish(build, "D")
        return Reply(204)

    def _log(self, build: Build, query: Mapping[str, str]) -> Reply:
        since = int(query.get("start_time", 0)) if self.filters else 0
        return json_reply(
            [
                {"message": row.message, "level": "INFO", **({"time": row.time} if row.time else {})}
                for row in build.rows
                if row.time is None or row.time >= since
            ]
        )

    def _shown(self, build: Build) -> dict[str, Any]:
        return {
            "build_id": build.id,
            "created_at": _iso(build.created),
            "started_at": _iso(build.started),
            "ended_at": _iso(build.ended),
            "code_head_commit": build.commit,
            "code_repo_type": "branch",
            "code_repo_type_value": self.tags.get(build.tag, "master"),
            "created_by": "bridge",
            "image_id": None,
            "docker_repo_path": REPOSITORY,
            "docker_repo_tag": build.tag,
            "docker_repo_version_tag": f"v{datetime.fromtimestamp(build.created, UTC):%Y%m%d.%H%M%S}",
            "status": build.letter,
            "step_at": 50 if build.ended else 1,
        }


def _iso(moment: int | None) -> str | None:
    if moment is None:
        return None
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%S}.250Z"


@contextmanager
def fake_alauda() -> Iterator[FakeAlauda]:
    with served(FakeAlauda()) as server:
        yield server
