"""Bitbucket Cloud, and Bitbucket Server and Data Center."""

import base64
from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import quote

from bridge.channels.adapters.commit_status.dialect import Dialect, Report
from bridge.channels.adapters.commit_status.names import shortened

_KEY_BYTES = 40


class BitbucketServer(Dialect):
    """It keeps statuses by commit alone, in whatever repository that is."""

    peer = "Bitbucket"
    kinds: ClassVar = frozenset({"bitbucketserver"})
    needs = "the permission to read the repository"
    states: ClassVar = {
        "pending": "INPROGRESS",
        "running": "INPROGRESS",
        "success": "SUCCESSFUL",
        "failure": "FAILED",
        "error": "FAILED",
        "cancelled": "FAILED",
    }
    takes_username = True

    def path(self, report: Report) -> str:
        return f"rest/build-status/1.0/commits/{report.sha}"

    def document(self, report: Report) -> Mapping[str, object]:
        return {
            "state": self.states[report.state],
            "key": report.name,
            "name": report.name,
            "url": report.page or report.home,
            "description": report.description,
        }

    def headers(self, token: str, username: str | None) -> Mapping[str, str]:
        if username is None:
            return {"Authorization": f"Bearer {token}"}
        pair = base64.b64encode(f"{username}:{token}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}


class Bitbucket(BitbucketServer):
    """Bitbucket Cloud, whose keys are short."""

    kinds: ClassVar = frozenset({"bitbucket"})
    site = "bitbucket.org"
    public = "https://api.bitbucket.org/2.0"
    api = "/2.0"
    needs = "the permission to write to the repository"
    states: ClassVar = {**BitbucketServer.states, "cancelled": "STOPPED"}

    def path(self, report: Report) -> str:
        return f"repositories/{quote(report.repository)}/commit/{report.sha}/statuses/build"

    def document(self, report: Report) -> Mapping[str, object]:
        key = shortened(report.name, _KEY_BYTES)
        return {**super().document(report), "key": key, "refname": report.ref}
