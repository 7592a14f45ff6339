"""A GitLab with one project, its pipelines and the logs of their jobs.

Numbers of pipelines and jobs are those of the whole server, so they have gaps. A pipeline has two jobs, and
the second goes on until it is finished. What was asked to end says `canceling` once, and then `canceled`.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from support.fake_http import FakeServer, Reply, json_reply, served

PROJECT = "acme/tools/shop"
TOKEN = "glpat-token-of-the-tests"
TRIGGER = "glptt-trigger-token-of-the-tests"
HEAD = "1" * 40
WAITING = frozenset({"created", "pending", "manual", "scheduled", "preparing", "waiting_for_resource"})
OPEN = WAITING | {"running", "canceling"}
LEVELS = {"developer": 30, "maintainer": 40, "owner": 50, "no_one_allowed": 99}


@dataclass(slots=True)
class Job:
    id: int
    name: str
    stage: str = "build"
    word: str = "created"
    log: bytes = b""
    reason: str | None = None
    may_fail: bool = False
    retried: bool = False


@dataclass(slots=True)
class Pipeline:
    id: int
    values: dict[str, str]
    ref: str
    created: int
    source: str = "api"
    user: str = "bridge"
    inputs: dict[str, str] = field(default_factory=dict)
    sha: str = HEAD
    word: str = "created"
    updated: int = 0
    started: int | None = None
    finished: int | None = None
    name: str | None = None
    jobs: list[Job] = field(default_factory=list)


def moment(seconds: int | None) -> str | None:
    return None if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.085Z"


class FakeGitLab(FakeServer):
    """Every method may be called from any thread. `now` moves by itself."""

    def __init__(self, prefix: str = "") -> None:
        super().__init__()
        self.prefix = prefix
        self.now = 1_795_000_000
        self.pipelines: list[Pipeline] = []
        self.numbers = 100
        self.job_numbers = 5000
        self.level = 30
        self.scopes = ["api"]
        self.shows_token = True
        self.minimum_role = "developer"
        self.project_fields: dict[str, Any] = {}
        self.hidden = False
        self.refs: set[str] | None = None
        self.spec: set[str] = set()
        self.refusal = ""
        self.names = False
        self.trigger_owner = "bridge"
        self.may_cancel = True
        self.ranges = False
        self.tells_changes = True
        self.file: bytes | None = b"build: {script: [make]}\n"

    def clock(self) -> float:
        return float(self.now)

    def tick(self) -> int:
        self.now += 1
        return self.now

    def pipeline(self, build_id: str) -> Pipeline:
        return next(one for one in self.pipelines if self.is_ours(one, build_id))

    def is_ours(self, pipeline: Pipeline, build_id: str) -> bool:
        return build_id in {pipeline.values.get("BRIDGE_BUILD_ID"), pipeline.inputs.get("build_id")}

    def add(self, values: Mapping[str, str], ref: str = "master", **more: Any) -> Pipeline:
        with self.lock:
            self.numbers += 3
            now = self.tick()
            made = Pipeline(self.numbers, dict(values), ref, now, updated=now, **more)
            made.jobs = [self.job("prepare"), self.job("image")]
            self.pipelines.append(made)
            return made

    def job(self, name: str, **more: Any) -> Job:
        self.job_numbers += 7
        return Job(self.job_numbers, name, **more)

    def start(self, pipeline: Pipeline, text: str = "") -> None:
        """The first job has printed `text` and ended; the second one goes on."""
        with self.lock:
            pipeline.word, pipeline.started = "running", self.tick()
            pipeline.updated = self.now
            first, second = pipeline.jobs[:2]
            first.word, first.log, second.word = "success", text.encode(), "running"

    def finish(self, pipeline: Pipeline, word: str = "success", tail: str = "done\n") -> None:
        with self.lock:
            pipeline.word, pipeline.finished = word, self.tick()
            pipeline.updated = self.now
            pipeline.started = pipeline.started or self.now
            pipeline.jobs[1].word = word
            pipeline.jobs[1].log += tail.encode()

    def handle(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        reply = self.answer(method, target, body, headers)
        reply.headers["Date"] = format_datetime(datetime.fromtimestamp(self.now, UTC), usegmt=True)
        return reply

    def answer(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        start = f"{self.prefix}/api/v4/"
        if not parts.path.startswith(start):
            return json_reply({"error": "404 Not Found"}, 404)
        path = parts.path.removeprefix(start)
        with self.lock:
            if path == f"projects/{quote(PROJECT, safe='')}/trigger/pipeline" and method == "POST":
                return self.triggered(json.loads(body))
            if headers.get("PRIVATE-TOKEN") != TOKEN:
                return json_reply({"message": "401 Unauthorized"}, 401)
            if method != "GET" and "api" not in self.scopes:
                return json_reply({"error": "insufficient_scope", "scope": "api"}, 403)
            found = self.known(method, path, query, body, headers)
            return found or json_reply({"message": "404 Not found"}, 404)

    def known(
        self, method: str, path: str, query: Mapping[str, str], body: bytes, headers: Mapping[str, str]
    ) -> Reply | None:
        """The answer to a token that may ask; None for 404."""
        if path == "personal_access_tokens/self" and self.shows_token:
            told = {"id": 1, "name": "bridge", "scopes": self.scopes, "expires_at": "2027-01-31"}
            return json_reply(told)
        project, _, rest = path.removeprefix("projects/").partition("/")
        if not path.startswith("projects/") or project not in {quote(PROJECT, safe=""), "42"} or self.hidden:
            return None
        return self.asked(method, rest, query, body, headers)

    def asked(
        self, method: str, rest: str, query: Mapping[str, str], body: bytes, headers: Mapping[str, str]
    ) -> Reply | None:
        """The answer to a request about the project; None for 404."""
        if not rest:
            return json_reply(self.shown_project())
        if (method, rest) == ("POST", "pipeline"):
            order = json.loads(body)
            values = {one["key"]: one["value"] for one in order.get("variables", ())}
            return self.made(order["ref"], values, order.get("inputs", {}), "api", "bridge")
        if rest == "pipelines":
            return json_reply([self.shown(one) for one in self.listed(query)])
        if found := re.fullmatch(r"jobs/(\d+)/trace", rest):
            jobs = [job for one in self.pipelines for job in one.jobs if job.id == int(found[1])]
            return self.trace(jobs[0].log, headers.get("Range")) if jobs else None
        if rest.startswith("repository/"):
            return self.read(rest, query)
        found = re.fullmatch(r"pipelines/(\d+)(?:/(\w+))?", rest)
        wanted = [one for one in self.pipelines if found and one.id == int(found[1])]
        return self.one(method, wanted[0], found[2] or "", query) if found and wanted else None

    def read(self, rest: str, query: Mapping[str, str]) -> Reply | None:
        """A commit of a ref, or the file of the pipeline."""
        if found := re.fullmatch(r"repository/commits/(.+)", rest):
            return json_reply({"id": HEAD}) if self.refs is None or found[1] in self.refs else None
        here = rest == "repository/files/.gitlab-ci.yml/raw" and query["ref"] in {"master", "builds"}
        return Reply(200, {}, self.file) if here and self.file is not None else None

    def one(self, method: str, pipeline: Pipeline, what: str, query: Mapping[str, str]) -> Reply | None:
        if what == "cancel" and method == "POST":
            if not self.may_cancel:
                return json_reply({"message": "403 Forbidden"}, 403)
            if pipeline.word in OPEN:
                pipeline.word = "canceling" if pipeline.word == "running" else "canceled"
                pipeline.updated = self.tick()
            return json_reply(self.shown(pipeline, whole=True))
        if what == "variables":
            if self.level < 40 and pipeline.user != "bridge":
                return json_reply({"message": "403 Forbidden"}, 403)
            return json_reply([{"key": name, "value": value} for name, value in pipeline.values.items()])
        if what == "jobs":
            jobs = [job for job in pipeline.jobs if "include_retried" in query or not job.retried]
            if "scope[]" in query:
                jobs = [job for job in jobs if job.word == query["scope[]"]]
            count = int(query.get("per_page", 20))
            first = (int(query.get("page", 1)) - 1) * count
            return json_reply(
                [shown_job(job) for job in sorted(jobs, key=lambda job: -job.id)][first : first + count]
            )
        return json_reply(self.shown(pipeline, whole=True)) if not what else None

    def made(
        self, ref: str, values: Mapping[str, str], inputs: Mapping[str, str], source: str, user: str
    ) -> Reply:
        """A new pipeline, unless GitLab's own checks refuse it."""
        branch = ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
        level = self.level if source == "api" else 50
        refusal = self.refusal
        if self.refs is not None and branch not in self.refs:
            refusal = "Reference not found"
        elif values and level < LEVELS[self.minimum_role]:
            refusal = "Insufficient permissions to set pipeline variables"
        elif not inputs.keys() <= self.spec:
            refusal = "`image` input: not defined in `spec: inputs`"
        if refusal:
            return json_reply({"message": {"base": [refusal]}}, 400)
        pipeline = self.add(values, branch, inputs=dict(inputs), source=source, user=user)
        if self.names:
            pipeline.name = f"image ({values.get('BRIDGE_BUILD_ID') or inputs.get('build_id')})"
        document = self.shown(pipeline, whole=True)
        del document["name"]
        return json_reply(document, 201)

    def triggered(self, order: Mapping[str, Any]) -> Reply:
        if order.get("token") != TRIGGER:
            return json_reply({"message": "404 Not Found"}, 404)
        payload = {"TRIGGER_PAYLOAD": "{}"} if order.get("variables") else {}
        values = {**order.get("variables", {}), **payload}
        return self.made(order["ref"], values, order.get("inputs", {}), "trigger", self.trigger_owner)

    def listed(self, query: Mapping[str, str]) -> list[Pipeline]:
        """A page of the list, the newest first."""
        after = query.get("updated_after")
        since = datetime.fromisoformat(after).timestamp() if after else 0
        wanted = [
            one
            for one in sorted(self.pipelines, key=lambda one: -one.id)
            if query.get("source") in {None, one.source} and one.updated > since
        ]
        count = min(int(query.get("per_page", 20)), 100)
        first = (int(query.get("page", 1)) - 1) * count
        return wanted[first : first + count]

    def shown(self, pipeline: Pipeline, *, whole: bool = False) -> dict[str, Any]:
        document: dict[str, Any] = {
            "id": pipeline.id,
            "iid": pipeline.id // 3,
            "project_id": 42,
            "sha": pipeline.sha,
            "ref": pipeline.ref,
            "status": pipeline.word,
            "source": pipeline.source,
            "created_at": moment(pipeline.created),
            "updated_at": moment(pipeline.updated),
            "web_url": f"https://git.example.com/{PROJECT}/-/pipelines/{pipeline.id}",
            "name": pipeline.name,
        }
        if not self.tells_changes:
            del document["updated_at"]
        if whole:
            document |= {"started_at": moment(pipeline.started), "finished_at": moment(pipeline.finished)}
        if pipeline.word == "canceling":
            pipeline.word, pipeline.finished = "canceled", self.tick()
            pipeline.updated = self.now
        return document

    def shown_project(self) -> dict[str, Any]:
        return {
            "id": 42,
            "path_with_namespace": PROJECT,
            "archived": False,
            "default_branch": "master",
            "ci_config_path": "",
            "builds_access_level": "enabled",
            "restrict_user_defined_variables": self.minimum_role != "developer",
            "ci_pipeline_variables_minimum_override_role": self.minimum_role,
            "permissions": {"project_access": {"access_level": self.level}, "group_access": None},
            **self.project_fields,
        }

    def trace(self, log: bytes, wanted: str | None) -> Reply:
        """The whole log, as GitLab sends it; a part of it where it lies in an object storage."""
        headers = {"Content-Type": "text/plain"}
        if not self.ranges or not wanted:
            return Reply(200, headers, log)
        first = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if first >= len(log):
            return Reply(416, {"Content-Range": f"bytes */{len(log)}"})
        return Reply(
            206, {**headers, "Content-Range": f"bytes {first}-{len(log) - 1}/{len(log)}"}, log[first:]
        )


def shown_job(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "name": job.name,
        "stage": job.stage,
        "status": job.word,
        "failure_reason": job.reason,
        "allow_failure": job.may_fail,
    }


@contextmanager
def fake_gitlab(prefix: str = "") -> Iterator[FakeGitLab]:
    """The `url` ends in the prefix and a slash."""
    with served(FakeGitLab(prefix)) as server:
        server.url = f"{server.url.rstrip('/')}{prefix}/"
        yield server
