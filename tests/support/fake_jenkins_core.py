"""A Jenkins without its network, with the traits of a 2.426 that clients stumble over.

Triggers are merged (303, or 201 on `build`), parameters that a job does not declare are lost without a word,
`builds` ends at 100, items vanish some time after they left the queue, log offsets count hidden bytes and a
log starts again beyond its end, ids count from 1 after a crash, refusals are long HTML pages. A stopped build
still runs at the first look, an item that left cannot be cancelled (500), a password changes nothing without
a crumb and the cookie of the session that it was given to, and while Jenkins starts a good token is refused
like that, too. Time and the progress of builds are the test's: `start`, `write`, `finish`, `advance`; with
`automatic` builds run by themselves.
"""

import base64
import itertools
import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from support import fake_jenkins_config as config
from support.fake_http import FakeServer, Reply, json_reply
from support.fake_jenkins_log import log_from
from support.fake_jenkins_multibranch import Project
from support.fake_jenkins_state import (
    QUIET,
    ROOT,
    USER,
    WHO_AM_I,
    Build,
    Item,
    Job,
    Parameter,
    Values,
    build_document,
    credentials_document,
    folder_document,
    item_document,
    job_document,
    pruned,
    shallow,
    stages_document,
)

LEFT_LIFE = 300.0
_ACTION = re.compile(r"build|buildWithParameters|\d+/(?:stop|doDelete)")
_HTML = "text/html;charset=utf-8"
_NARROW = "text/html;charset=iso-8859-1"
JSON = "application/json;charset=utf-8"
_FORM = "application/x-www-form-urlencoded"
VERSION = "2.426.2"
NO_CRUMB = "No valid crumb was included in the request"


def page(title: str, status: int = 200) -> Reply:
    """A page of some 10 KB, like those of Jenkins."""
    head = f"<!DOCTYPE html><html><head><title>{title} [Jenkins]</title></head>"
    text = f"{head}<body>{'<i></i>' * 1500}</body></html>"
    return Reply(status, {"Content-Type": _HTML}, text.encode())


def shown(document: Any) -> Reply:
    """A document of Jenkins."""
    return Reply(200, {"Content-Type": JSON, "X-Jenkins": VERSION}, json.dumps(document).encode())


def _plain(status: int, title: str, **headers: str) -> Reply:
    """A page of the servlet container, which knows nothing of Jenkins."""
    body = f"<html><head><title>Error {status} {title}</title></head><body>HTTP ERROR {status}</body></html>"
    return Reply(status, {"Content-Type": _NARROW, **headers}, body.encode())


class FakeJenkins(FakeServer):
    """The state of the server; every method may be called from any thread."""

    compressed = JSON

    def __init__(self, token: str) -> None:
        super().__init__()
        self.username, self.token, self.password = "ci", token, "password-of-ci"
        self.starting = 0
        """While Jenkins starts, the status of a POST: 500, then 403, then 503; a GET hears 503 all along."""
        self.session = "aa7f3177"
        self.folders = {""}
        self.may_configure = True
        self.credentials: dict[str, list[str]] = {}
        """The ids of those of a folder, "" for Jenkins itself, where the user may see them."""
        self.keeps_parameters = True
        """False where the script of a Pipeline decides on them whatever the configuration says."""
        self.stage_view = True
        """Whether the plugin is installed that shows the stages of Pipelines."""
        self.crumbs = True
        """Whether a password needs a crumb at all."""
        self._logins: dict[str, str] = {}
        self._login_numbers = itertools.count(1)
        self.left_life = LEFT_LIFE
        self.automatic: Callable[[Build], tuple[str, float]] | None = None
        """What a build ends with, and after how many seconds, when builds are to run by themselves."""
        self.jobs: dict[str, Job] = {}
        self.projects: dict[str, Project] = {}
        self._items: dict[int, Item] = {}
        self._ids = itertools.count(1)
        self._sessions = itertools.count(1)
        self._shift = 0.0

    def clock(self) -> float:
        return time.time() + self._shift

    def advance(self, seconds: float) -> None:
        self._shift += seconds

    def job(self, name: str, *parameters: Parameter | str, **traits: bool) -> Job:
        """Make or replace a job; a text stands for a text parameter."""
        declared = tuple(p if isinstance(p, Parameter) else Parameter(p) for p in parameters)
        job = self.jobs[name] = Job(
            name, declared, traits.get("disabled", False), traits.get("concurrent", False)
        )
        job.pipeline, job.branch = traits.get("pipeline", False), traits.get("branch", False)
        return job

    def project(self, name: str, *heads: str, declares: tuple[str, ...]) -> Project:
        """Make a multibranch project, whose code no scan has read yet."""
        project = self.projects[name] = Project(name, list(heads), declares)
        return project

    def waiting(self, job: str) -> list[Item]:
        return [item for item in self._items.values() if item.left is None and item.job.name == job]

    def start(self, job: str, *, unseen: int = 0) -> Build:
        """The oldest waiting item becomes a build, which `unseen` looks at its job do not show yet."""
        with self.lock:
            build = self._start(self.waiting(job)[0])
            build.unseen = unseen
            return build

    def _start(self, item: Item) -> Build:
        job = item.job
        build = Build(job.next_number, item.id, item.values, self.clock(), item.causes)
        job.next_number += 1
        job.builds.append(build)
        job.parameters = job.declares or job.parameters
        item.left, item.build = self.clock(), build
        return build

    def write(self, build: Build, text: str | bytes, *, hidden: int = 0) -> None:
        """Add to the log, after an annotation of some `hidden` bytes."""
        with self.lock:
            note = b"\x1b[8mha:" + b"A" * hidden + b"\x1b[0m" if hidden else b""
            build.raw += note + (text.encode() if isinstance(text, str) else text)

    def finish(self, build: Build, result: str = "SUCCESS") -> None:
        with self.lock:
            build.duration = self.clock() - build.started
            build.result = result

    def restart(self, *, crash: bool = False) -> None:
        """Running builds and items that left are gone; after a crash the whole queue is, and its count."""
        with self.lock:
            self.session = f"5e55{next(self._sessions):04x}"
            self._logins.clear()
            for job in self.jobs.values():
                job.builds = [build for build in job.builds if build.result is not None]
            self._items = {} if crash else {i.id: i for i in self._items.values() if i.left is None}
            if crash:
                self._ids = itertools.count(1)

    def end_logins(self) -> None:
        """What half an hour without a request does to the sessions of passwords."""
        self._logins.clear()

    def handle(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """The answer of Jenkins to a request."""
        with self.lock:
            if self.starting:
                return self._unready(method)
            form = body.decode() if headers.get("Content-Type") == _FORM else ""
            refusal = self._refusal(method, headers)
            reply = refusal or (
                self._crumb()
                if target == "/crumbIssuer/api/json"
                else self._configured(method, target, body, headers.get("Content-Type") or "")
                or self._routed(method, target, form)
            )
        own = reply.headers.get("Content-Type") in {_HTML, JSON}
        versions = {"X-Jenkins": VERSION, "X-Jenkins-Session": self.session} if own else {}
        reply.headers = {"X-Content-Type-Options": "nosniff", **reply.headers, **versions}
        return reply

    def _unready(self, method: str) -> Reply:
        if method == "GET" or self.starting == 503:
            return Reply(503, {"Content-Type": _HTML}, page("Starting Jenkins").body)
        return _plain(self.starting, NO_CRUMB if self.starting == 403 else "Server Error")

    def _refusal(self, method: str, headers: Mapping[str, str]) -> Reply | None:
        """What the login alone decides."""
        token, password = (
            "Basic " + base64.b64encode(f"{self.username}:{secret}".encode()).decode()
            for secret in (self.token, self.password)
        )
        authorization = headers.get("Authorization")
        crumb = self._logins.get((headers.get("Cookie") or "").removeprefix("JSESSIONID="))
        crumbed = not self.crumbs or (crumb is not None and crumb == headers.get("Jenkins-Crumb"))
        if authorization is None and method == "POST":
            return _plain(403, NO_CRUMB)
        if authorization is None:
            return page("Authentication required", 403)
        if authorization == password and method == "POST" and not crumbed:
            return _plain(403, NO_CRUMB)
        if authorization not in {token, password}:
            return _plain(401, "Unauthorized", **{"WWW-Authenticate": 'Basic realm="Jenkins"'})
        return None

    def _crumb(self) -> Reply:
        """A crumb and the session that it is good in."""
        if not self.crumbs:
            return page("Not Found", 404)
        number = next(self._login_numbers)
        self._logins[f"node0{number}"] = crumb = f"crumb-{self.session}-{number}"
        kind = "hudson.security.csrf.DefaultCrumbIssuer"
        reply = shown({"_class": kind, "crumb": crumb, "crumbRequestField": "Jenkins-Crumb"})
        reply.headers["Set-Cookie"] = f"JSESSIONID=node0{number}; Path=/; HttpOnly"
        return reply

    def _configured(self, method: str, target: str, body: bytes, content_type: str) -> Reply | None:
        """Configurations of jobs, and new jobs."""
        parts = urlsplit(target)
        found = re.fullmatch(r"/((?:job/[^/]+/)*)(config\.xml|createItem)", parts.path)
        if found is None:
            return None
        if not self.may_configure:
            return page("Access Denied", 403)
        name = "/".join(unquote(part) for part in found[1].split("/")[1::2])
        if found[2] == "createItem":
            return self._create(name, dict(parse_qsl(parts.query))["name"], body, content_type)
        job = self.jobs.get(name)
        if job and method == "GET":
            return Reply(200, {"Content-Type": "application/xml"}, job.config or config.render(job))
        if job:
            return page("", config.read(body, content_type, lambda given: self._configure(job, given)))
        return page("Not Found", 404)

    def _create(self, folder: str, name: str, body: bytes, content_type: str) -> Reply:
        if folder not in self.folders:
            return page("Not Found", 404)
        full = "/".join(filter(None, (folder, name)))
        if full in self.jobs:
            return page("A job already exists", 400)
        return page("", config.read(body, content_type, lambda given: self._configure(self.job(full), given)))

    def _configure(self, job: Job, given: bytes) -> None:
        job.config = given
        if self.keeps_parameters:
            job.parameters = config.parameters(given)

    def _routed(self, method: str, target: str, form: str) -> Reply:
        self._progress()
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        path = parts.path.strip("/")
        if found := re.fullmatch(
            r"((?:job/[^/]+/)*)credentials/store/(?:folder|system)/domain/_/api/json", path
        ):
            name = "/".join(unquote(part) for part in found[1].split("/")[1::2])
            return self._document(credentials_document(self.credentials.get(name)), query)
        if found := re.fullmatch(r"((?:job/[^/]+/)+)(.+)", path):
            name = "/".join(unquote(part) for part in found[1].split("/")[1::2])
            return self._below_job(method, name, found[2], query, form)
        if path == "queue/cancelItem":
            return self._cancel(query) if method == "POST" else page("Form post required", 405)
        return self._document(self._general(path), query)

    def _below_job(self, method: str, name: str, rest: str, query: Mapping[str, str], form: str) -> Reply:
        job = self.jobs.get(name)
        if project := self.projects.get(name):
            return self._below_project(method, project, rest, query)
        if job is None and rest == "api/json" and any(other.startswith(f"{name}/") for other in self.jobs):
            return self._document(folder_document(self.url, name, self.jobs), query)
        if job is None:
            return page("Not Found", 404)
        if not _ACTION.fullmatch(rest):
            return self._show(job, rest, query)
        if method != "POST":
            return page("Form post required", 405)
        # A servlet takes the first of two values, and the query comes first.
        return self._act(job, rest, {**dict(parse_qsl(form, keep_blank_values=True)), **query})

    def _below_project(self, method: str, project: Project, rest: str, query: Mapping[str, str]) -> Reply:
        if rest == "api/json":
            return self._document(project.document(self.url, self.jobs), query)
        status = project.asked(self.jobs) if (method, rest) == ("POST", "build") else 404
        return Reply(302, {"Location": self.url}) if status == 302 else page("Error", status)

    def _general(self, path: str) -> dict[str, Any] | None:
        now = self.clock()
        if path == "queue/api/json":
            waiting = [item for item in self._items.values() if item.left is None]
            items = [item_document(self.url, item, now) for item in waiting]
            return {"_class": "hudson.model.Queue", "discoverableItems": [], "items": items}
        if found := re.fullmatch(r"queue/item/(\d+)/api/json", path):
            item = self._items.get(int(found[1]))
            return item_document(self.url, item, now) if item else None
        # Whatever follows the root's own document is passed over.
        own = {"me/api/json": USER, "whoAmI/api/json": WHO_AM_I}
        return ROOT if path.startswith("api/json") else own.get(path)

    def _show(self, job: Job, rest: str, query: Mapping[str, str]) -> Reply:
        if rest == "api/json":
            items = [item_document(self.url, item, self.clock()) for item in self.waiting(job.name)]
            reply = self._document(job_document(self.url, job, items), query)
            self._looked(job)
            return reply
        number, _, what = rest.partition("/")
        build = next((build for build in job.shown if str(build.number) == number), None)
        if build and what == "api/json":
            reply = self._document(build_document(self.url, job, build), query)
            self._looked(job)
            return reply
        if build and what == "logText/progressiveText":
            return log_from(build, int(query.get("start", "0")))
        if build and what == "wfapi/describe" and job.pipeline and self.stage_view:
            # A plugin names neither the version of Jenkins nor its run.
            return json_reply(stages_document(job, build))
        return page("Not Found", 404)

    def _looked(self, job: Job) -> None:
        """What somebody saw is soon out of date."""
        for build in job.running:
            build.unseen = max(0, build.unseen - 1)
            if build.stopped:
                self.finish(build, "ABORTED")

    def _document(self, document: dict[str, Any] | None, query: Mapping[str, str]) -> Reply:
        if document is None:
            return page("Not Found", 404)
        document = pruned(document, query["tree"]) if "tree" in query else shallow(document)
        return shown(document)

    def _act(self, job: Job, rest: str, form: Mapping[str, str]) -> Reply:
        if rest in {"build", "buildWithParameters"}:
            return self._trigger(job, form, with_parameters=rest != "build")
        number, _, what = rest.partition("/")
        build = next((build for build in job.shown if str(build.number) == number), None)
        if build is None:
            return page("Not Found", 404)
        if what == "doDelete":
            job.builds.remove(build)
            return Reply(302, {"Location": f"{self.url}{job.path}"})
        build.stopped = True
        return Reply(302, {"Location": f"{self.url}{job.path}{number}/"})

    def _trigger(self, job: Job, form: Mapping[str, str], *, with_parameters: bool) -> Reply:
        if job.disabled:
            return page("Error", 409)
        if with_parameters and not job.parameters:
            return page("Error", 500)
        if not with_parameters and job.parameters:
            return _plain(400, "Nothing is submitted")
        try:
            values: Values = {p.name: p.value(form.get(p.name)) for p in job.parameters}
        except ValueError:
            return page("Error", 500)
        merged = self._mergeable(job, values)
        if merged:
            merged.causes += 1
        now = self.clock()
        delay = float(form.get("delay", f"{QUIET}sec").removesuffix("sec"))
        item = merged or Item(next(self._ids), job, values, now, now + delay)
        self._items[item.id] = item
        location = {"Location": f"{self.url}queue/item/{item.id}/"}
        return Reply(303 if merged and with_parameters else 201, location)

    def _mergeable(self, job: Job, values: Values) -> Item | None:
        return next((item for item in self.waiting(job.name) if item.values == values), None)

    def _cancel(self, query: Mapping[str, str]) -> Reply:
        item = self._items.get(int(query.get("id", "0")))
        if item is None:
            return page("Not Found", 404)
        if item.left is not None:
            return page("Error", 500)
        item.left, item.cancelled = self.clock(), True
        return Reply(204)

    def _progress(self) -> None:
        """What time has done since the last request."""
        now = self.clock()
        for item in list(self._items.values()):
            if item.left is not None and now - item.left >= self.left_life:
                del self._items[item.id]
        for build in [build for job in self.jobs.values() for build in job.running]:
            result, lasts = self.automatic(build) if self.automatic else ("", float("inf"))
            if now - build.started >= lasts:
                self.finish(build, result)
        for item in list(self._items.values()) if self.automatic else []:
            free = item.job.concurrent or not item.job.running
            if item.left is None and now >= item.ready and free:
                self.write(self._start(item), "Started by user ci\r\n", hidden=40)
