"""A CodeArts Build with one project, and the IAM beside it.

Numbers are texts in answers to a trigger and numbers elsewhere, parameters that a job does not declare are
lost without a word, and the log is shown part by part, in bytes. Time and the progress of runs are those of
the test: `start`, `finish`, `advance`.
"""

import itertools
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from support.fake_http import FakeServer, Reply, json_reply, served
from support.signing import signed

JOB, PROJECT, BUILD_PROJECT = (
    "0123456789abcdef0123456789abcdef",
    "f" * 32,
    "6f1d0f2e-0000-4000-8000-000000000001",
)
NAME = "build-image"
KEYS = ("access-key-of-the-tests", "secret-key-canary-41d7")
PASSWORD = "password-canary-93ab"
DECLARED = ("codeBranch", "BRIDGE_BUILD_ID", "IMAGE", "TAGS")


def refusal(status: int, code: str, **headers: str) -> Reply:
    """An error as the service words it."""
    return json_reply({"error_code": code, "error_msg": "words of the server"}, status, **headers)


@dataclass(slots=True)
class Run:
    number: int
    execution: str
    daily: str
    parameters: dict[str, str]
    scm: dict[str, str]
    created: float
    status: str | None = "QUEUED"
    started: float | None = None
    finished: float | None = None
    log: bytes = b""
    failed_step: str = ""
    hidden: bool = False
    """Its record is not there yet."""
    record: str = ""

    def __post_init__(self) -> None:
        self.record = f"00000000-0000-4000-8000-{self.execution[2:].rjust(12, '0')}"


def _time(seconds: float | None) -> str | None:
    return (
        None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    )


@dataclass(slots=True)
class _Call:
    target: str
    query: dict[str, str]
    body: Any
    match: re.Match[str]

    @property
    def number(self) -> int:
        return int(self.match["number"])


class FakeCodeArts(FakeServer):
    """The state of the server; every method may be called from any thread."""

    def __init__(self) -> None:
        super().__init__()
        self.job = JOB
        self.declared: tuple[str, ...] = DECLARED
        self.runs: list[Run] = []
        self.disabled = False
        self.older = False
        """There is only the first version of each call."""
        self.log_parts = True
        """Logs are shown part by part."""
        self.shows_parameters = True
        """Lists of records have the parameters."""
        self.starting = 0
        """The status of every answer while the server starts."""
        self.tokens: dict[str, float] = {}
        self.token_life = 86400.0
        self._ids = itertools.count(1)
        self._shift = 0.0

    def clock(self) -> float:
        return time.time() + self._shift

    def advance(self, seconds: float) -> None:
        self._shift += seconds

    def run(self, build_id: str) -> Run:
        (found,) = (one for one in self.runs if one.parameters.get("BRIDGE_BUILD_ID") == build_id)
        return found

    def made(self, parameters: Mapping[str, str], scm: Mapping[str, str], day: str = "20261126") -> Run:
        """A new run, as a trigger makes it."""
        with self.lock:
            number, execution = len(self.runs) + 1, f"j_{next(self._ids):08d}"
            kept = {name: value for name, value in parameters.items() if name in self.declared}
            run = Run(number, execution, f"{day}.{number}", kept, dict(scm), self.clock())
            self.runs.append(run)
            return run

    def start(self, run: Run) -> None:
        run.status, run.started = "RUNNING", self.clock()

    def finish(self, run: Run, status: str = "SUCCESS") -> None:
        run.status, run.finished = status, self.clock()

    def handle(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        parts = urlsplit(target)
        if self.starting:
            return refusal(self.starting, "CB.00060100")
        if (method, parts.path) == ("POST", "/v3/auth/tokens"):
            return self._token(json.loads(body))
        if not self._proven(method, target, body, headers):
            return refusal(401, "APIG.0301")
        if self.older and re.match(r"/v[34]/", parts.path):
            return refusal(404, "APIGW.0101")
        return self._routed(method, target, body)

    def _routed(self, method: str, target: str, body: bytes) -> Reply:
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        for verb, pattern, answer in _CALLS:
            if verb == method and (match := re.fullmatch(pattern, parts.path)):
                if match.groupdict().get("job", self.job) != self.job:
                    return refusal(404, "CB.00060201")
                with self.lock:
                    return answer(self, _Call(target, query, json.loads(body or b"null"), match))
        return refusal(404, "CB.00060214")

    def _token(self, asked: Any) -> Reply:
        auth = asked["auth"]
        user = auth["identity"]["password"]["user"]
        if user != {"name": "ci", "password": PASSWORD, "domain": {"name": "acme"}}:
            return refusal(401, "IAM.0011")
        assert auth["scope"] == {"project": {"name": "cn-north-4"}}
        token, ends = f"token-{next(self._ids)}", self.clock() + self.token_life
        self.tokens[token] = ends
        document = {"token": {"expires_at": datetime.fromtimestamp(ends, UTC).isoformat()}}
        return json_reply(document, 201, X_Subject_Token=token)

    def _proven(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> bool:
        if token := headers.get("X-Auth-Token"):
            return self.tokens.get(token, 0.0) > self.clock()
        date = headers.get("X-Sdk-Date")
        if date is None:
            return False
        moment = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
        right = signed(KEYS, method, target, body, moment, host=headers["Host"])
        return right["authorization"] == headers["Authorization"] and abs(moment - self.clock()) < 900

    def _build(self, call: _Call) -> Reply:
        if call.body["job_id"] != self.job:
            return refusal(400, "CB.00060201")
        if self.disabled:
            return refusal(403, "CB.00060200")
        assert not {"build_tag", "build_commit_id"} <= set(call.body.get("scm") or {})
        run = self.made(
            {one["name"]: one["value"] for one in call.body["parameter"]}, call.body.get("scm") or {}
        )
        return json_reply(
            {
                "octopus_job_name": run.execution,
                "actual_build_number": str(run.number),
                "daily_build_number": run.daily,
            }
        )

    def _run(self, number: int) -> Run | None:
        return next((run for run in self.runs if run.number == number and not run.hidden), None)

    def _record_info(self, call: _Call) -> Reply:
        run = self._run(call.number)
        if run is None:
            return json_reply({"status": "success", "error": None, "result": None})
        more = {
            "id": run.record,
            "build_record_id": run.record,
            "build_project_id": BUILD_PROJECT,
            "build_no": run.number,
            "daily_build_num": run.daily,
            "commit": run.scm.get("build_commit_id"),
            "err_msg": None,
        }
        return json_reply({"status": "success", "error": None, "result": _times(run) | more})

    def _records(self, call: _Call) -> Reply:
        page, limit = int(call.query["page"]), int(call.query["limit"])
        shown = [run for run in reversed(self.runs) if not run.hidden][page * limit : (page + 1) * limit]
        rows = []
        for run in shown:
            given = [
                {"name": name, "secret": False, "value": value, "type": "normalparam"}
                for name, value in run.parameters.items()
            ]
            row = {
                "id": run.record,
                "project_id": BUILD_PROJECT,
                "build_no": str(run.number),
                "daily_build_number": run.daily,
                "revision": run.scm.get("build_commit_id"),
                "parameters": given if self.shows_parameters else None,
            }
            rows.append(_times(run) | row)
        pagination = {"page": page, "limit": limit, "total": -1}
        return json_reply({"status": "success", "result": {"pagination": pagination, "data": rows}})

    def _running_status(self, _call: _Call) -> Reply:
        last = str(self.runs[-1].number) if self.runs else None
        state = {
            "last_job_id": self.job,
            "last_build_no": last,
            "last_build_status": "Finished",
            "is_running": False,
        }
        return json_reply({"status": "success", "error": None, "result": state})

    def _config(self, _call: _Call) -> Reply:
        parameters = [
            {
                "name": "hudson.model.StringParameterDefinition",
                "params": [{"name": "name", "value": name}, {"name": "type", "value": "normalparam"}],
            }
            for name in self.declared
        ]
        return json_reply({"result": {"job_name": NAME, "parameters": parameters, "steps": None}})

    def _disabled(self, _call: _Call) -> Reply:
        return json_reply({"result": {"disabled": 1} if self.disabled else None, "error": None})

    def _jobs(self, call: _Call) -> Reply:
        names = {self.job: NAME, "1" * 32: f"{NAME}-2"}
        jobs = [{"id": one, "job_name": name} for one, name in names.items() if call.query["search"] in name]
        return json_reply({"jobs": jobs[::-1], "total": len(jobs)})

    def _details(self, call: _Call) -> Reply:
        run = self._run(call.number)
        assert run is not None
        steps = [{"name": "checkout", "status": "success"}]
        steps += [{"name": run.failed_step, "status": "error"}] if run.failed_step else []
        return json_reply({"build_number": run.number, "parameters": [{}], "build_steps": steps})

    def _log_part(self, call: _Call) -> Reply:
        run, offset = self._run(call.number), int(call.query["offset"])
        if run is None or not self.log_parts:
            return refusal(404, "CB.00060202")
        offset = min(offset, len(run.log))
        piece = run.log[offset : offset + int(call.query["length"])].decode(errors="ignore")
        end = offset + len(piece.encode())
        more = end < len(run.log) or run.finished is None
        part = {"has_more_data": more, "offset": end, "content": piece, "current_offset": offset}
        return json_reply({"status": "success", "result": part})

    def _log_file(self, call: _Call) -> Reply:
        log = next(run.log for run in self.runs if run.record == unquote(call.match["record"]))
        return Reply(200, {"Content-Type": "application/octet-stream"}, log)

    def _stop(self, call: _Call) -> Reply:
        run = self._run(int(call.query.get("build_no") or call.match.groupdict()["number"]))
        stopped = run is not None and run.finished is None
        if run is not None and stopped:
            self.finish(run, "ABORTED")
        if "number" in call.match.groupdict():
            return json_reply({"success": stopped, "result": ""})
        return json_reply({"status": "success"}) if stopped else refusal(400, "CB.00060200")


def _times(run: Run) -> dict[str, Any]:
    return {
        "execution_id": run.execution,
        "status": run.status,
        "create_time": _time(run.created),
        "start_time": _time(run.started),
        "finish_time": _time(run.finished),
    }


_JOB, _RUN = r"(?P<job>\w+)", r"(?P<job>\w+)/(?P<number>\d+)"
_RECORD = r"(?P<record>[\w%-]+)"
_Handler = Callable[[FakeCodeArts, _Call], Reply]
_CALLS: list[tuple[str, str, _Handler]] = [
    ("POST", r"/v3/jobs/build", FakeCodeArts._build),
    ("POST", r"/v1/job/execute", FakeCodeArts._build),
    ("GET", rf"/v4/jobs/{_RUN}/record-info", FakeCodeArts._record_info),
    ("GET", rf"/v1/record/{_RUN}/record-info", FakeCodeArts._record_info),
    ("GET", rf"/v1/record/{BUILD_PROJECT}/records", FakeCodeArts._records),
    ("GET", rf"/v1/job/{_JOB}/running-status", FakeCodeArts._running_status),
    ("GET", rf"/v3/jobs/{_JOB}/query", FakeCodeArts._config),
    ("GET", rf"/v1/job/{_JOB}/config", FakeCodeArts._config),
    ("GET", rf"/v1/job/{_JOB}/check/disable", FakeCodeArts._disabled),
    ("GET", rf"/v1/job/{PROJECT}/list", FakeCodeArts._jobs),
    ("GET", rf"/v3/jobs/{_RUN}/history-details", FakeCodeArts._details),
    ("GET", rf"/v3/jobs/{_RUN}/real-time-log", FakeCodeArts._log_part),
    ("GET", rf"/v4/{_RECORD}/download-log", FakeCodeArts._log_file),
    ("GET", rf"/v1/log/{_RECORD}/download-log", FakeCodeArts._log_file),
    ("POST", rf"/v3/jobs/{_RUN}/stop", FakeCodeArts._stop),
    ("POST", rf"/v1/job/{_JOB}/stop", FakeCodeArts._stop),
]


@contextmanager
def fake_codearts() -> Iterator[FakeCodeArts]:
    """A running server with one job and no runs; `url` ends in a slash."""
    with served(FakeCodeArts()) as server:
        yield server
