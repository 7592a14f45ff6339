"""Gitea, Forgejo and Codeberg: the call of GitHub, with tokens of their own."""

from collections.abc import Mapping
from typing import ClassVar

from bridge.channels.adapters.commit_status.github import GitHub


class Gitea(GitHub):
    peer = "Gitea"
    kinds: ClassVar = frozenset({"gitea", "forgejo"})
    site = ""
    public = None
    api = "/api/v1"
    needs = "the permission repository (read and write), of a user who may write to it"
    longest = 255

    def headers(self, token: str, username: str | None) -> Mapping[str, str]:  # noqa: ARG002  # it takes none
        return {"Authorization": f"token {token}"}


class Forgejo(Gitea):
    peer = "Forgejo"
