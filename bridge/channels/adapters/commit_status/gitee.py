"""Gitee, whose check runs are new ones with each call, and keep the conclusion with which they ended.

So the check runs of the commit are read first: one of the name that has not ended is moved on. One that ended
like the report is that report, sent before by an attempt whose answer was lost.
"""

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

from bridge.channels.adapters.commit_status.dialect import Dialect, Report

_STATUSES = {"pending": "queued", "running": "in_progress"}
_ENDED = "completed"


class Gitee(Dialect):
    peer = "Gitee"
    kinds: ClassVar = frozenset({"gitee", "oschina"})
    site = "gitee.com"
    public = "https://gitee.com/api/v5"
    api = "/api/v5"
    needs = "the scopes projects and pull_requests, of an administrator of the repository"
    states: ClassVar = {
        "success": "success",
        "failure": "failure",
        "error": "failure",
        "cancelled": "cancelled",
    }

    def known(self, report: Report) -> str:
        query = urlencode({"check_name": report.name, "per_page": 100})
        return f"repos/{quote(report.repository)}/commits/{report.sha}/check-runs?{query}"

    def call(self, report: Report, known: object) -> tuple[str, str] | None:
        newest = max(_runs_named(report.name, known), key=lambda run: run["id"], default=None)
        if newest is None:
            return "POST", self.path(report)
        if newest.get("status") != _ENDED:
            return "PATCH", f"{self.path(report)}/{newest['id']}"
        return None if _says(newest, self.document(report)) else ("POST", self.path(report))

    def path(self, report: Report) -> str:
        return f"repos/{quote(report.repository)}/check-runs"

    def document(self, report: Report) -> Mapping[str, Any]:
        page = {"details_url": report.page} if report.page else {}
        document = {"name": report.name, "head_sha": report.sha, **page}
        if report.state in _STATUSES:
            return {**document, "status": _STATUSES[report.state]}
        said = {"title": report.description, "summary": report.description}
        return {**document, "status": _ENDED, "conclusion": self.states[report.state], "output": said}

    def headers(self, token: str, username: str | None) -> Mapping[str, str]:  # noqa: ARG002  # it takes none
        return {"Authorization": f"Bearer {token}"}


def _runs_named(name: str, known: object) -> list[dict[str, Any]]:
    runs = known.get("check_runs") if isinstance(known, dict) else known
    if not isinstance(runs, list):
        return []
    return [
        run
        for run in runs
        if isinstance(run, dict) and run.get("name") == name and type(run.get("id")) is int
    ]


def _says(run: Mapping[str, Any], document: Mapping[str, Any]) -> bool:
    """Whether a run that ended says what the document does, as far as the host shows it."""
    shown = run.get("output")
    title = shown.get("title") if isinstance(shown, dict) else None
    return (
        run.get("conclusion") == document.get("conclusion")
        and run.get("details_url") in (None, "", document.get("details_url"))
        and title in (None, document.get("output", {}).get("title"))
    )
