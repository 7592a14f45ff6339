"""A Drone 0.5 with one repository, whose builds have one job of two steps."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from support.fake_drone import OPEN, REPOSITORY, Build, FakeDrone, copied
from support.fake_http import Reply, json_reply, served

HOOK_TOKEN = "hook-token-of-the-tests"
REPORTED = "termination request received, build cancelled"


class FakeDrone05(FakeDrone):
    """It lists the newest 50 builds, without their environment; a missing number is 500.

    `reads` says of which Git host it understands the hooks.
    """

    version = "drone/drone"
    _BUILD = re.compile(rf"/api/repos/{REPOSITORY}/builds/(\d+)(?:/(\d+))?")
    _LOG = re.compile(rf"/api/repos/{REPOSITORY}/logs/(\d+)/1")

    def __init__(self) -> None:
        super().__init__()
        self.reports: dict[int, str] = {}
        self.reads = "gogs"
        self.allow_tags = True

    def build(self, build_id: str) -> Build:
        """The build that a trigger with our id made, which is a fork."""
        return next(one for one in self.builds if self.is_ours(one, build_id))

    def pushed(self, commit: str, branch: str = "master") -> Build:
        """What the hook of the Git host makes."""
        return self.add({}, commit=commit, branch=branch)

    def report(self, build: Build) -> None:
        """The agent tells, seconds later, how the build that was killed has ended."""
        build.word, self.reports[build.number] = "failure", REPORTED

    def handle(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        if (method, target) == ("POST", "/hook"):
            reply = self.hooked(json.loads(body), headers)
        else:
            reply = super().handle(method, target, body, headers)
        reply.headers["X-Drone-Version"] = "0.5.0+dev"
        return reply

    def hooked(self, hook: Mapping[str, Any], headers: Mapping[str, str]) -> Reply:
        """As the remote for Gogs reads a hook, or that for GitHub."""
        repository, head = hook["repository"], hook["head_commit"]
        if self.reads == "gogs":
            owner, commit, link = repository["owner"]["username"], hook["after"], hook["compare_url"]
            message, event = hook["commits"][0]["message"], headers["X-Gogs-Event"]
        else:
            owner, commit, link = repository["owner"]["login"], head["id"], head["url"]
            message, event = head["message"], headers["X-GitHub-Event"]
        if event != "push" or headers["Authorization"] != f"Bearer {HOOK_TOKEN}":
            return Reply(400)
        if f"{owner}/{repository['name']}" != REPOSITORY:
            return Reply(404)
        ref: str = hook["ref"]
        if "[CI SKIP]" in message or (ref.startswith("refs/tags/") and not self.allow_tags):
            return Reply(204)
        if self.filtered:
            return Reply(200, body=b"Branch does not match restrictions defined in yaml")
        branch = ref.removeprefix("refs/heads/")
        return json_reply(self.shown(self.add({}, commit=commit, branch=branch, ref=ref, link=link)))

    def asked(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> Reply | None:
        if path == f"/api/repos/{REPOSITORY}" and not self.hidden:
            return json_reply({"id": 1, "full_name": REPOSITORY, "default_branch": "master"})
        if path == f"/api/repos/{REPOSITORY}/builds":
            return json_reply([self.shown(one) for one in self.builds[:-51:-1]])
        if found := self._LOG.fullmatch(path):
            build = self.numbered(found[1])
            return self.log(build) if build and build.started else None
        found = self._BUILD.fullmatch(path)
        return self.asked_of_one(method, found[1], query) if found else None

    def asked_of_one(self, method: str, number: str, query: Mapping[str, str]) -> Reply:
        build = self.numbered(number)
        if not build:
            return Reply(404 if method == "POST" else 500)
        if method == "POST":
            return self.forked(build, query)
        return self.ended(build) if method == "DELETE" else json_reply(self.shown(build, jobs=True))

    def ended(self, build: Build) -> Reply:
        if build.word != "running":
            return Reply(400, body=b"Cannot cancel a non-running build")
        self.stop(build)
        return Reply(204)

    def forked(self, build: Build, query: Mapping[str, str]) -> Reply:
        """Without `fork` it would run again under its number: no trigger of ours may ask for that."""
        assert query["fork"] == "true"
        given = {name: value for name, value in query.items() if name not in {"fork", "event", "deploy_to"}}
        values = {**build.values, **given}
        return json_reply(self.shown(self.add(values, **copied(build))), 202)

    def shown(self, build: Build, *, jobs: bool = False) -> dict[str, Any]:
        document: dict[str, Any] = {
            "number": build.number,
            "parent": build.parent,
            "event": "push",
            "status": build.word,
            "created_at": 1_795_000_000 + build.number,
            "started_at": build.started,
            "finished_at": build.finished,
            "commit": build.commit,
            "branch": build.branch,
            "ref": build.ref or f"refs/heads/{build.branch}",
            "link_url": build.link,
        }
        if jobs:
            error = self.reports.get(build.number, "")
            job = {"number": 1, "error": error, "status": build.word, "environment": build.values}
            document["jobs"] = [job]
        return document

    def log(self, build: Build) -> Reply:
        rows: list[dict[str, Any]] = []
        for proc, text in (("clone", build.text), ("build", build.tail)):
            lines = text.splitlines()
            rows += ({"proc": proc, "pos": pos, "out": out} for pos, out in enumerate(lines))
            if lines and (proc == "clone" or build.word not in OPEN):
                rows.append({"proc": proc, "type": 2, "pos": 0, "out": "0"})
        return json_reply([*({k: v for k, v in row.items() if v != ""} for row in rows), {}])


@contextmanager
def fake_drone_0_5() -> Iterator[FakeDrone05]:
    with served(FakeDrone05()) as server:
        yield server
