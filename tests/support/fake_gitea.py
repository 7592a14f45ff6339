"""Gitea or Forgejo with one repository.

Source: the sources of both. Gitea has the documents of GitHub, Forgejo its own.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from support.fake_actions import FILE, REPOSITORY, FakeActions, Job, Run, moment, workflow
from support.fake_http import Reply, json_reply, served

TOKEN = "gitea-token-of-the-tests"
TITLE = "${{ github.event.inputs.BRIDGE_BUILD_ID }}"
MOST = 30
"""An administrator allows no longer pages."""


class FakeGitea(FakeActions):
    """`gives_ids` is False for servers that answer with no number; `cancels` and `has_logs` for old ones."""

    version = "1.28.0"
    prefix = "/api/v1/"
    folder = ".gitea/workflows/"

    def __init__(self) -> None:
        super().__init__()
        self.files[""] = workflow(title=TITLE)
        self.ids = 100
        self.gives_ids = True
        self.cancels = True
        self.has_logs = True
        self.disabled = False
        self.repository: dict[str, Any] = {"archived": False, "has_actions": True}
        self.push = True

    def stranger(self, method: str, path: str, headers: Mapping[str, str]) -> Reply | None:
        if headers.get("Authorization") == f"token {TOKEN}":
            return None
        return json_reply({"message": "token is required"}, 401)

    def asked(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> Reply | None:
        if path == "version":
            return json_reply({"version": self.version})
        root = f"repos/{REPOSITORY}"
        if self.hidden or not path.startswith(root):
            return None
        path = path.removeprefix(root)
        if path == "":
            document = {"full_name": REPOSITORY, "permissions": {"push": self.push}}
            return json_reply(document | self.repository)
        if path == "/actions/runs":
            limited = {**query, "limit": str(min(int(query["limit"]), MOST))}
            return json_reply({"total_count": len(self.runs), "workflow_runs": self.page(limited, "limit")})
        if path == f"/actions/workflows/{FILE}/dispatches":
            return self.dispatched(query, json.loads(body))
        return None

    def dispatched(self, query: Mapping[str, str], order: dict[str, Any]) -> Reply:
        if self.disabled:
            return json_reply({"message": "workflow is disabled"}, 403)
        ref = order["ref"].removeprefix("refs/heads/").removeprefix("refs/tags/")
        if self.files.get(ref, "") is None:
            return json_reply({"message": "ref doesn't exist"}, 404)
        run = self.add(
            order["inputs"], ref=order["ref"], title=self.titled(ref, "github.event.inputs", order["inputs"])
        )
        return self.answer(run, query, order) if self.gives_ids else Reply(204)

    def answer(self, run: Run, query: Mapping[str, str], order: Mapping[str, Any]) -> Reply:
        assert query["return_run_details"] == "true"
        return json_reply({"workflow_run_id": run.id, "run_url": "", "html_url": ""})

    def cancelled(self, run: Run) -> Reply:
        if not self.cancels:
            return json_reply({}, 404)
        if not self.stop(run):
            return json_reply({"message": "run is already done"}, 409)
        return Reply(200)

    def log(self, number: int) -> Reply | None:
        """The log of a job, also while it goes on."""
        job = next((job for run in self.runs for job in run.jobs if job.id == number), None)
        if job is None or job.status == "queued":
            return None
        text = job.text if isinstance(job.text, bytes) else job.text.encode()
        return Reply(200, {"Content-Type": "text/plain"}, text)

    def handle(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        reply = super().handle(method, target, body, headers)
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", headers.get("Range", ""))
        if reply.status != 200 or not wanted:
            return reply
        first, size = int(wanted[1]), len(reply.body)
        if first >= size:
            return Reply(416, {"Content-Range": f"bytes */{size}"})
        part = reply.body[first : int(wanted[2]) + 1]
        return Reply(206, {"Content-Range": f"bytes {first}-{first + len(part) - 1}/{size}"}, part)


class FakeForgejo(FakeGitea):
    version = "16.0.0+gitea-1.22.0"
    folder = ".forgejo/workflows/"
    payload: str | None = None
    """What it shows in place of the event of each run."""

    def answer(self, run: Run, query: Mapping[str, str], order: Mapping[str, Any]) -> Reply:
        assert order["return_run_info"] is True
        return json_reply({"id": run.id, "run_number": run.number, "jobs": ["image"]}, 201)

    def cancelled(self, run: Run) -> Reply:
        if self.cancels:
            self.stop(run)
        return Reply(204) if self.cancels else json_reply({}, 404)

    def word(self, one: Run | Job) -> str:
        waits = {"queued": "waiting", "in_progress": "running"}
        return one.conclusion or waits.get(one.status, one.status)

    def shown(self, run: Run) -> dict[str, Any]:
        payload = {"inputs": run.values, "ref": run.ref} if run.event == "workflow_dispatch" else {}
        return {
            "id": run.id,
            "title": "build",
            "workflow_id": FILE,
            "index_in_repo": run.number,
            "commit_sha": run.sha,
            "event": run.event,
            "event_payload": json.dumps(payload) if self.payload is None else self.payload,
            "status": self.word(run),
            "started": moment(run.started or 0.0),
            "stopped": moment(run.updated if run.status == "completed" else 0.0),
            "created": moment(run.created),
            "updated": moment(run.updated),
            "html_url": f"{self.url}{REPOSITORY}/actions/runs/{run.number}",
        }

    def of_run(self, run: Run, method: str, what: str | None, query: Mapping[str, str]) -> Reply:
        if what == "/force-cancel":
            return json_reply({}, 404)
        if what != "/jobs":
            return super().of_run(run, method, what, query)
        if not self.has_logs:
            return json_reply({}, 404)
        jobs = [job for job in run.jobs if run.started or job.status == "completed"]
        return json_reply([{"id": job.id, "name": job.name, "status": self.word(job)} for job in jobs])


FAKES = {"gitea": FakeGitea, "forgejo": FakeForgejo}


@contextmanager
def fake_gitea(kind: str = "gitea") -> Iterator[FakeGitea]:
    with served(FAKES[kind]()) as server:
        yield server
