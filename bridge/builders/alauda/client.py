"""Calls of Alauda. Links in its answers are never followed: they can lead to another host with our token."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl, quote, urlsplit

from bridge.builders.alauda.model import (
    BUILD,
    PAGE,
    REPOSITORY,
    ROWS,
    AlaudaBuild,
    AlaudaRepository,
    AlaudaRow,
)
from bridge.builders.server import BuildServer
from bridge.builders.settings import ServerSettings
from bridge.errors import Denied, Transient

BUILDS: Final = "v1/builds"
_MAX_QUERY: Final = 2000


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of builds, the newest first; `after` is the query of the next page, None at the end."""

    builds: Sequence[AlaudaBuild]
    after: Mapping[str, str] | None


class AlaudaServer(BuildServer):
    """Alauda at one address."""

    def __init__(self, settings: ServerSettings, token: str) -> None:
        super().__init__(
            "Alauda", settings, {"Authorization": f"Token {token}", "Accept": "application/json"}
        )

    async def repository(self, name: str) -> AlaudaRepository:
        """A build repository. Raises RemoteError, Denied where it is not shown."""
        path = "/".join(quote(part, safe="") for part in name.split("/"))
        found = await self.read(f"v1/repositories/{path}", REPOSITORY)
        if found is None:
            raise Denied(
                f"Alauda shows no repository {name!r} to this token (404): check `url`, `repository` and the "
                "token's rights"
            )
        return found

    async def build(self, build_id: str) -> AlaudaBuild | None:
        """A build; None while there is none. Raises RemoteError."""
        found = await self.read(f"{BUILDS}/{build_id}", BUILD)
        if found and found.build_id != build_id:
            raise Transient("Alauda answered with another build: check `url`")
        return found

    async def page(self, repository: str, after: Mapping[str, str] | None = None) -> Listed:
        """The newest builds of a repository, or those of a page further on. Raises RemoteError."""
        namespace, _, name = repository.rpartition("/")
        query = {**(after or {}), "namespace": namespace, "repo_name": name}
        found = await self.read(BUILDS, PAGE, query=query)
        if found is None:
            raise Transient("Alauda does not list the builds of the repository (404): check `url`")
        return Listed(found.results, _query_of(found.next))

    async def rows(self, build_id: str, since: int) -> Sequence[AlaudaRow] | None:
        """The rows of a log from a time on, all for 0; None where there is no log. Raises RemoteError."""
        query = {"start_time": since} if since else None
        return await self.read(f"{BUILDS}/{build_id}/logs", ROWS, query=query)


def _query_of(link: str | None) -> Mapping[str, str] | None:
    """What the address of a page asks for, without the host that it names."""
    if not link:
        return None
    try:
        query = urlsplit(link[:_MAX_QUERY]).query
    except ValueError:
        return None
    return dict(parse_qsl(query)) or None


def is_missing(status: int) -> bool:
    """Whether a status says that there is no such call or thing."""
    return status in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED}


def matching(builds: Sequence[AlaudaBuild], tag: str, commit: str) -> Iterator[AlaudaBuild]:
    """The builds of this tag and, if it is known, of this commit."""
    for build in builds:
        if build.docker_repo_tag == tag and (not commit or build.code_head_commit == commit):
            yield build
