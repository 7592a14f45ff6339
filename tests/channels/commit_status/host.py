"""Git hosts on loopback that check reports about commits as their vendors document."""

import base64
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from support.fake_robots import FakeRobot, Scripted, bound_listener, served

TOKEN = "token-of-the-status-tests"
SHA = "1a2b3c4d" * 5
BASES = {
    "GitHub": "/api/v3",
    "GitLab": "/api/v4",
    "Gitee": "/api/v5",
    "Gitea": "/api/v1",
    "Bitbucket": "/2.0",
    "BitbucketServer": "",
}
_PATHS = {
    "GitHub": "/repos/{}/statuses/",
    "GitLab": "/projects/{}/statuses/",
    "Gitee": "/repos/{}/",
    "Gitea": "/repos/{}/statuses/",
    "Bitbucket": "/repositories/{}/commit/",
    "BitbucketServer": "/rest/build-status/1.0/commits/",
}
_STATES = {
    "GitHub": {"pending", "success", "failure", "error"},
    "GitLab": {"pending", "running", "success", "failed", "canceled"},
    "Gitee": {"queued", "in_progress", "success", "failure", "cancelled"},
    "Gitea": {"pending", "success", "failure", "error"},
    "Bitbucket": {"INPROGRESS", "SUCCESSFUL", "FAILED", "STOPPED"},
    "BitbucketServer": {"INPROGRESS", "SUCCESSFUL", "FAILED"},
}
_PROOFS = {
    "GitHub": ("authorization", f"Bearer {TOKEN}"),
    "GitLab": ("private-token", TOKEN),
    "Gitee": ("authorization", f"Bearer {TOKEN}"),
    "Gitea": ("authorization", f"token {TOKEN}"),
    "Bitbucket": ("authorization", f"Bearer {TOKEN}"),
    "BitbucketServer": ("authorization", f"Bearer {TOKEN}"),
}
BASIC = base64.b64encode(f"ci@example.com:{TOKEN}".encode()).decode()


@dataclass
class StatusHost(FakeRobot):
    """Beside what robots have, how often each name of the commit got a status, and its state."""

    repository: str = "acme/shop"
    sha: str = SHA
    counts: Counter[str] = field(default_factory=Counter)
    states: dict[str, str] = field(default_factory=dict)
    runs: list[dict[str, Any]] = field(default_factory=list)
    """The check runs of Gitee, oldest first."""
    wrapped: bool = True
    """Whether Gitee lists them within a document."""


@asynccontextmanager
async def status_host(
    host: str = "GitHub", *, repository: str = "acme/shop", sha: str = SHA
) -> AsyncIterator[StatusHost]:
    """A host with one repository and one commit."""
    listener = bound_listener()
    port = listener.getsockname()[1]
    found = StatusHost(f"http://127.0.0.1:{port}{BASES[host] or '/'}", repository=repository, sha=sha)

    async def take(request: Request) -> Response:
        if request.method == "GET":
            return _listed(found, request)
        body = json.loads(await request.body())
        if host == "Gitee":
            body |= {"state": body.get("conclusion") or body.get("status")}
            body |= {"description": body.get("output", {}).get("title", "")}
        refusal = _refusal(host, found, request, body) or _limits(host, found, body)
        if refusal is not None:
            status, message = refusal
            return JSONResponse(_error(host, message), status)
        name = body.get("context") or body.get("key") or body["name"]
        if host == "Gitee" and (refused := _checked(found, request, body)):
            return refused
        found.counts[name] += 1
        found.states[name] = body["state"]
        found.messages.append(body)
        return Response(status_code=204) if host == "BitbucketServer" else JSONResponse(body, 201)

    app = Starlette(routes=[Route("/{path:path}", take, methods=["GET", "POST", "PATCH"])])
    async with served(Scripted(app, found), listener):
        yield found


def _listed(found: StatusHost, request: Request) -> Response:
    """The check runs of a commit, as Gitee lists them."""
    header, proof = _PROOFS["Gitee"]
    if request.headers.get(header) != proof:
        return JSONResponse({"message": "401 Unauthorized: Access token does not exist"}, 401)
    before = f"{BASES['Gitee']}/repos/{found.repository}/commits/"
    if request.url.path != f"{before}{found.sha}/check-runs":
        what = "Commit" if request.url.path.startswith(before) else "Project"
        return JSONResponse({"message": f"404 {what} Not Found"}, 404)
    runs = [run for run in found.runs if run["name"] == request.query_params["check_name"]]
    return JSONResponse({"total_count": len(runs), "check_runs": runs} if found.wrapped else runs)


def _checked(found: StatusHost, request: Request, body: Mapping[str, Any]) -> Response | None:
    """A check run is made or moved on; one that ended keeps its conclusion."""
    if body["status"] == "completed" and "conclusion" not in body:
        return JSONResponse({"message": "conclusion is missing"}, 400)
    shown = {key: body[key] for key in body.keys() - {"state", "description"}}
    if request.method == "POST":
        found.runs.append({"id": len(found.runs) + 1, "conclusion": None, "details_url": "", **shown})
        return None
    run = found.runs[int(request.url.path.rpartition("/")[2]) - 1]
    if run["status"] == "completed":
        return JSONResponse({"message": "the conclusion cannot be changed"}, 400)
    run.update(shown)
    return None


def _error(host: str, message: str) -> object:
    match host:
        case "Bitbucket":
            return {"type": "error", "error": {"message": message}}
        case "BitbucketServer":
            return {"errors": [{"context": None, "message": message}]}
        case _:
            return {"message": message}


def _refusal(
    host: str, found: StatusHost, request: Request, body: Mapping[str, Any]
) -> tuple[int, str] | None:
    header, proof = _PROOFS[host]
    accepted = {proof, f"Basic {BASIC}"} if host.startswith("Bitbucket") else {proof}
    if request.headers.get(header) not in accepted:
        return 401, "Bad credentials"
    encoded = found.repository.replace("/", "%2F") if host == "GitLab" else found.repository
    before, _, rest = request.scope["raw_path"].decode().partition(_PATHS[host].format(encoded))
    if not rest or before != BASES[host]:
        return 404, "Not Found"
    if host == "Gitee":
        return None if body["head_sha"] == found.sha else (404, "Commit not found")
    if rest.split("/")[0] != found.sha:
        unknown = {
            "GitHub": (422, "No commit found for SHA"),
            "Gitea": (500, "GetCommit[0]: object does not exist"),
        }
        return unknown.get(host, (404, "Commit not found"))
    if body["state"] not in _STATES[host]:
        return 422, "state is not included in the list"
    return None


def _limits(host: str, found: StatusHost, body: Mapping[str, Any]) -> tuple[int, str] | None:
    if len(body["description"]) > (140 if host == "GitHub" else 255):
        return 422, "description is too long"
    if host == "GitHub" and found.counts[body["context"]] >= 1000:
        return 422, "This SHA and context has reached the maximum number of statuses."
    if host == "GitLab":
        state, verbs = found.states.get(body["name"]), {"pending": "enqueue", "running": "run"}
        if state in verbs and body["state"] in verbs and (state == body["state"] or state == "running"):
            verb = verbs[body["state"]]
            why = f'Status cannot transition via "{verb}"'
            return 400, f"Cannot transition status via :{verb} from :{state} (Reason(s): {why})"
    if host.startswith("Bitbucket"):
        longest = 40 if host == "Bitbucket" else 255
        if len(body["key"]) > longest or not body["url"].startswith("http"):
            return 400, "Bad request"
    return None
