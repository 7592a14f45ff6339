"""GitHub, and GitHub Enterprise Server."""

from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import quote

from bridge.channels.adapters.commit_status.dialect import Dialect, Report


class GitHub(Dialect):
    peer = "GitHub"
    kinds: ClassVar = frozenset({"github"})
    site = "github.com"
    public: ClassVar[str | None] = "https://api.github.com"
    api = "/api/v3"
    needs = "the scope repo:status, or the permission Commit statuses (read and write)"
    states: ClassVar = {
        "pending": "pending",
        "running": "pending",
        "success": "success",
        "failure": "failure",
        "error": "error",
        "cancelled": "error",
    }
    longest = 140

    def path(self, report: Report) -> str:
        return f"repos/{quote(report.repository)}/statuses/{report.sha}"

    def document(self, report: Report) -> Mapping[str, object]:
        page = {"target_url": report.page} if report.page else {}
        return {
            "state": self.states[report.state],
            "context": report.name,
            "description": report.description,
            **page,
        }

    def headers(self, token: str, username: str | None) -> Mapping[str, str]:  # noqa: ARG002  # it takes none
        return {
            "Authorization": f"Bearer {token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        }
