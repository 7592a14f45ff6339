"""A server with the workflows of one repository, in the documents that GitHub made.

A run has two jobs: the first one prints, and the second one goes on until it is finished. Logs of ended jobs
are stored elsewhere, behind addresses that hold for a short time.
"""

import base64
import json
import re
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import yaml
from support.fake_http import FakeServer, Reply, json_reply

REPOSITORY = "acme/shop"
FILE = "build.yml"
HEAD = "1" * 40
VARIABLES = (
    "BRIDGE_BUILD_ID", "IMAGE", "TAGS", "VERSION_TAG", "REPO_URL", "REF", "BRANCH", "TAG", "COMMIT",
    "CONTEXT", "DOCKERFILE",
)  # fmt: skip


def workflow(*names: str, title: str | None = "${{ inputs.BRIDGE_BUILD_ID }}", **inputs: Any) -> str:
    """The file of a workflow that is started by hand and declares these inputs."""
    declared = {name: {"type": "string"} for name in names or VARIABLES} | inputs
    document = {"name": "build", "run-name": title, "on": {"workflow_dispatch": {"inputs": declared}}}
    return yaml.safe_dump({name: value for name, value in document.items() if value is not None})


@dataclass(slots=True)
class Job:
    id: int
    name: str
    status: str = "queued"
    conclusion: str | None = None
    text: str | bytes = ""
    completed: float | None = None


@dataclass(slots=True)
class Run:
    """`values` are the inputs or the payload; `title` shows what the workflow shows of them.

    `past` are the attempts before this one.
    """

    id: int
    number: int
    values: dict[str, str]
    title: str = "build"
    event: str = "workflow_dispatch"
    ref: str = "refs/heads/master"
    sha: str = HEAD
    status: str = "queued"
    conclusion: str | None = None
    attempt: int = 1
    created: float = 0.0
    started: float | None = None
    updated: float = 0.0
    jobs: list[Job] = field(default_factory=list)
    past: list["Run"] = field(default_factory=list)

    def at(self, attempt: int) -> "Run | None":
        return next((one for one in [*self.past, self] if one.attempt == attempt), None)


class FakeActions(FakeServer):
    """What all have; every method may be called from any thread. `now` moves by itself.

    `files` has the workflow by ref, "" for all others. `store` is where logs are, "" for here. With
    `ends_first`, a run has ended when it is asked to; `stuck`, it ends only by force. `tags` are those that
    were asked with, and the answers.
    """

    prefix = "/"

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_795_000_000.0
        self.files: dict[str, str | None] = {"": workflow()}
        self.runs: list[Run] = []
        self.hidden = False
        self.numbers = 0
        self.ids = 9_000_000_000
        self.unlisted: set[int] = set()
        self.stored: dict[str, bytes] = {}
        self.store = ""
        self.ends_first = False
        self.stuck = False
        self.tags: list[tuple[str | None, int]] = []

    def clock(self) -> float:
        return self.now

    @property
    def date(self) -> str:
        """The time as a Date header has it."""
        return format_datetime(datetime.fromtimestamp(self.now, UTC), usegmt=True)

    def file(self, ref: str) -> dict[Any, Any]:
        found = yaml.load(self.files.get(ref, self.files[""]) or "{}", yaml.BaseLoader)
        assert isinstance(found, dict)
        return found

    def run(self, build_id: str) -> Run:
        """The run that a trigger with our id made."""
        return next(one for one in self.runs if self.is_ours(one, build_id))

    def is_ours(self, run: Run, build_id: str) -> bool:
        return run.values.get("BRIDGE_BUILD_ID") == build_id

    def add(self, values: Mapping[str, str], **more: Any) -> Run:
        with self.lock:
            self.numbers += 1
            self.ids += 7
            self.now += 0.001
            made = Run(self.ids, self.numbers, dict(values), created=self.now, updated=self.now, **more)
            made.jobs = self.new_jobs(made)
            self.runs.append(made)
            return made

    def new_jobs(self, run: Run) -> list[Job]:
        first = run.id * 1000 + run.attempt * 10
        return [Job(first + n, name) for n, name in enumerate(("prepare", "image"))]

    def again(self, run: Run) -> None:
        """Another attempt of a run that has ended, whoever asked for it."""
        with self.lock:
            self.now += 1
            run.past.append(replace(run, past=[]))
            run.attempt += 1
            run.status, run.conclusion = "queued", None
            run.started = run.updated = self.now
            run.jobs = self.new_jobs(run)

    def start(self, run: Run, text: str = "") -> None:
        """The first job has printed `text` and ended; the second one goes on."""
        with self.lock:
            self.now += 1
            run.status, run.started, run.updated = "in_progress", self.now, self.now
            first, second = run.jobs
            first.status, first.conclusion, first.text = "completed", "success", text
            first.completed = self.now
            second.status = "in_progress"

    def finish(self, run: Run, conclusion: str = "success", tail: str = "done\n") -> None:
        with self.lock:
            self.now += 1
            run.status, run.conclusion, run.updated = "completed", conclusion, self.now
            run.started = run.started or self.now
            second = run.jobs[1]
            second.status, second.conclusion, second.text = "completed", conclusion, tail
            second.completed = self.now

    def stop(self, run: Run) -> bool:
        with self.lock:
            if run.status == "completed":
                return False
            for job in run.jobs:
                if job.status != "completed":
                    job.status, job.conclusion, job.completed = "completed", "cancelled", self.now
            run.started = run.started or self.now
            run.status, run.conclusion, run.updated = "completed", "cancelled", self.now
            return True

    def handle(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        parts = urlsplit(target)
        path, query = unquote(parts.path), dict(parse_qsl(parts.query, keep_blank_values=True))
        with self.lock:
            if path.startswith("/stored/"):
                return self.piece(path, headers)
            if not path.startswith(self.prefix):
                return json_reply({"message": "Not Found"}, 404)
            path = path.removeprefix(self.prefix)
            if refused := self.stranger(method, path, headers):
                return refused
            found = self.asked(method, path, query, body) or self.common(method, path, query)
            return self.tagged(found or json_reply({"message": "Not Found"}, 404), headers)

    @abstractmethod
    def stranger(self, method: str, path: str, headers: Mapping[str, str]) -> Reply | None:
        """The answer to who may not ask."""

    @abstractmethod
    def asked(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> Reply | None:
        """The answer to a request that is answered in the server's own way."""

    def tagged(self, reply: Reply, headers: Mapping[str, str]) -> Reply:
        if reply.status != 200:
            return reply
        tag, given = f'W/"{hash(reply.body)}"', headers.get("If-None-Match")
        self.tags.append((given, 304 if given == tag else 200))
        if given == tag:
            return Reply(304, {"ETag": tag})
        return Reply(200, {**reply.headers, "ETag": tag}, reply.body)

    def common(self, method: str, path: str, query: Mapping[str, str]) -> Reply | None:
        root = f"repos/{REPOSITORY}"
        if self.hidden or not path.startswith(root):
            return None
        path = path.removeprefix(root)
        if found := re.fullmatch(r"/contents/(.+)", path):
            return self.contents(found[1], query.get("ref", ""))
        if found := re.fullmatch(r"/actions/jobs/(\d+)/logs", path):
            return self.log(int(found[1]))
        found = re.fullmatch(r"/actions/runs/(\d+)(?:/attempts/(\d+))?(/jobs|/cancel|/force-cancel)?", path)
        run = next((one for one in self.runs if found and one.id == int(found[1])), None)
        if run and found and found[2]:
            run = run.at(int(found[2]))
        return self.of_run(run, method, found[3], query) if found and run else None

    def of_run(self, run: Run, method: str, what: str | None, query: Mapping[str, str]) -> Reply:
        if what in {"/cancel", "/force-cancel"}:
            assert method == "POST"
            stuck = self.stuck and what == "/cancel"
            return json_reply({}, 202) if stuck else self.cancelled(run)
        if what == "/jobs":
            jobs = [self.shown_job(job) for job in run.jobs if run.started or job.status == "completed"]
            count = int(query.get("per_page") or query.get("limit") or 30)
            first = (int(query.get("page", 1)) - 1) * count
            return json_reply({"total_count": len(jobs), "jobs": jobs[first : first + count]})
        return json_reply(self.shown(run))

    def contents(self, path: str, ref: str) -> Reply | None:
        text = self.files.get(ref, self.files[""])
        if path != self.folder + FILE or text is None:
            return None
        content = base64.encodebytes(text.encode()).decode()
        return json_reply({"path": path, "encoding": "base64", "content": content, "type": "file"})

    folder = ".github/workflows/"

    def page(self, query: Mapping[str, str], size: str) -> list[dict[str, Any]]:
        count = int(query.get(size, 30))
        first = (int(query.get("page", 1)) - 1) * count
        listed = [run for run in self.runs[::-1] if run.id not in self.unlisted]
        return [self.shown(run) for run in listed[first : first + count]]

    def cancelled(self, run: Run) -> Reply:
        if self.ends_first:
            self.finish(run)
        if not self.stop(run):
            return json_reply({"message": "Cannot cancel a workflow run that is completed."}, 409)
        return json_reply({}, 202)

    def shown(self, run: Run) -> dict[str, Any]:
        return {
            "id": run.id,
            "name": "build",
            "run_number": run.number,
            "run_attempt": run.attempt,
            "display_title": run.title,
            "path": f".github/workflows/{FILE}",
            "event": run.event,
            "head_branch": run.ref.removeprefix("refs/heads/"),
            "head_sha": run.sha,
            "status": run.status,
            "conclusion": run.conclusion,
            "html_url": f"{self.url}{REPOSITORY}/actions/runs/{run.id}",
            "created_at": moment(run.created),
            "run_started_at": moment(run.started or run.created),
            "updated_at": moment(run.updated),
        }

    def shown_job(self, job: Job) -> dict[str, Any]:
        steps = [{"name": "Build the image", "number": 1, "status": job.status, "conclusion": job.conclusion}]
        return {
            "id": job.id,
            "name": job.name,
            "status": job.status,
            "conclusion": job.conclusion,
            "completed_at": moment(job.completed) if job.completed else None,
            "steps": steps,
        }

    def log(self, number: int) -> Reply | None:
        attempts = (attempt for run in self.runs for attempt in (*run.past, run))
        job = next((job for attempt in attempts for job in attempt.jobs if job.id == number), None)
        if job is None or job.status != "completed":
            return None
        place = f"/stored/{number}"
        text = job.text if isinstance(job.text, bytes) else b"\xef\xbb\xbf" + job.text.encode()
        self.stored[place] = text if job.text else b""
        return Reply(302, {"Location": f"{(self.store or self.url).rstrip('/')}{place}?sig=signed"})

    def piece(self, path: str, headers: Mapping[str, str]) -> Reply:
        """A part of what is stored; who brings a token of another place is refused, as the stores do it."""
        if headers.get("Authorization"):
            return Reply(400, {}, b"<Error>InvalidAuthenticationInfo</Error>")
        data = self.stored[path]
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", headers.get("Range", ""))
        if not wanted:
            return Reply(200, {}, data)
        first, last = int(wanted[1]), int(wanted[2])
        if first >= len(data):
            return Reply(416, {"Content-Range": f"bytes */{len(data)}"})
        part = data[first : last + 1]
        return Reply(206, {"Content-Range": f"bytes {first}-{first + len(part) - 1}/{len(data)}"}, part)

    def refused(self, ref: str, inputs: Mapping[str, str]) -> str | None:
        """Why a call by hand is refused."""
        triggers = self.file(ref).get("on")
        if not isinstance(triggers, dict) or "workflow_dispatch" not in triggers:
            return "Workflow does not have 'workflow_dispatch' trigger"
        declared = (triggers["workflow_dispatch"] or {}).get("inputs") or {}
        if foreign := sorted(set(inputs) - set(declared)):
            return f"Unexpected inputs provided: {json.dumps(foreign)}"
        for name, options in declared.items():
            if options.get("required") == "true" and not inputs.get(name):
                return f"Required input '{name}' not provided"
        return None

    def titled(self, ref: str, what: str, values: Mapping[str, str]) -> str:
        """The title that the workflow gives to a run with these values, which its expressions call `what`."""
        title = str(self.file(ref).get("run-name", "build"))
        pattern = rf"\$\{{\{{ *{re.escape(what)}\.(\w+) *\}}\}}"
        return re.sub(pattern, lambda found: values.get(found[1], ""), title)


def moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
