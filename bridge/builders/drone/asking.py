"""Which of the servers answers at an address, as far as it says so."""

from contextlib import suppress
from typing import Final, get_args

from pydantic import TypeAdapter

from bridge.builders.drone.settings import Api
from bridge.builders.server import Answer, BuildServer, Document
from bridge.errors import Denied, RemoteError


class _Version(Document):
    source: str = ""


_VERSION: Final = TypeAdapter(_Version)


async def said_api(server: BuildServer) -> Api | None:
    """What the server says it is; None where it does not. Raises RemoteError."""
    return _said(server, await _asked(server))


async def found_api(server: BuildServer) -> Api:
    """What the server says it is. Raises RemoteError, Denied where it does not say."""
    answer = await _asked(server)
    if api := _said(server, answer):
        return api
    if not answer.good and answer.status != 404:  # noqa: PLR2004  # an HTTP status
        raise server.error_of(answer)
    known = ", ".join(get_args(Api))
    raise Denied(f"what answers at `url` does not say what it is: check `url`, and write `api: …` ({known})")


async def _asked(server: BuildServer) -> Answer:
    return await server.call("GET", "version")


def _said(server: BuildServer, answer: Answer) -> Api | None:
    # Drone 0.5 has no such call, and names its version in the headers of every answer.
    if answer.headers.get("X-Drone-Version", "").startswith("0."):
        return "drone-0.5"
    source = ""
    with suppress(RemoteError):
        source = server.parsed(answer, _VERSION).source.lower()
    if "woodpecker" in source:
        return "woodpecker"
    return "drone" if "drone" in source else None
