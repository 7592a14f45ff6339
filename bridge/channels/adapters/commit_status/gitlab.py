"""GitLab, which moves a status from state to state and refuses to move it to the one it has."""

from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import quote

from bridge.channels.adapters.commit_status.dialect import Dialect, Report


class GitLab(Dialect):
    peer = "GitLab"
    kinds: ClassVar = frozenset({"gitlab"})
    site = "gitlab.com"
    public = "https://gitlab.com/api/v4"
    api = "/api/v4"
    needs = "the scope api, and the role Developer, or that which may push to a protected branch"
    states: ClassVar = {
        "pending": "pending",
        "running": "running",
        "success": "success",
        "failure": "failed",
        "error": "failed",
        "cancelled": "canceled",
    }
    repeated = "cannot transition status"

    def path(self, report: Report) -> str:
        return f"projects/{quote(report.repository, safe='')}/statuses/{report.sha}"

    def document(self, report: Report) -> Mapping[str, object]:
        page = {"target_url": report.page} if report.page else {}
        return {
            "state": self.states[report.state],
            "name": report.name,
            "ref": report.ref,
            "description": report.description,
            **page,
        }

    def headers(self, token: str, username: str | None) -> Mapping[str, str]:  # noqa: ARG002  # it takes none
        return {"PRIVATE-TOKEN": token}
