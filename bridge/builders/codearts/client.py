"""Calls of CodeArts Build: who sends them, and what its answers mean.

Each call has the paths of its versions: the first one that an installation has is used.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode

import httpx
from pydantic import TypeAdapter

from bridge.builders.codearts.settings import CodeArtsSettings
from bridge.builders.codearts.sign_in import sign_in_of
from bridge.builders.server import MAX_ANSWER, Answer, BuildServer
from bridge.errors import Transient
from bridge.runtime.clock import Clock

_CODE: Final = re.compile(rb'"(?:error_code|errorCode|code)"\s*:\s*"((?:CB|APIG|APIGW|IAM)\.[0-9A-Z]{1,10})"')
_TOO_MANY: Final = "CB.00060211"
_NO_SUCH_CALL: Final = frozenset({"APIGW.0101", "APIG.0101", "CB.00060214"})
_MEANINGS: Final[Mapping[str, str]] = {
    "CB.00060200": "it does not take these values",
    "CB.00060201": "there is no such job: check `job_id`",
    "CB.00060100": "its network is busy",
}

T = TypeVar("T")


class CodeArtsServer(BuildServer):
    """CodeArts Build at one address."""

    def __init__(self, settings: CodeArtsSettings, clock: Clock) -> None:
        super().__init__("CodeArts", settings, {})
        self._sign_in = sign_in_of(settings, clock)

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        limit: int = MAX_ANSWER,
    ) -> Answer:
        """As of any server; what was refused for a token is sent once more with a new one."""
        path += f"?{urlencode(query, quote_via=quote)}" if query else ""
        # As it goes out: the path is signed.
        url = str(httpx.URL(self.url + path))
        proof = await self._sign_in.headers(method, url, content or b"")
        signed = {**(headers or {}), **proof}
        answer = await super().call(method, path, headers=signed, content=content, limit=limit)
        refused = answer.status == HTTPStatus.UNAUTHORIZED and not answer.sign_in
        if refused and self._sign_in.renew(proof):
            signed |= await self._sign_in.headers(method, url, content or b"")
            answer = await super().call(method, path, headers=signed, content=content, limit=limit)
        if answer.status == HTTPStatus.BAD_REQUEST and _code(answer) == _TOO_MANY:
            return replace(answer, status=HTTPStatus.TOO_MANY_REQUESTS.value)
        return answer

    async def first(
        self,
        method: str,
        paths: Sequence[str],
        *,
        query: Mapping[str, str | int] | None = None,
        document: Any = None,
        limit: int = MAX_ANSWER,
    ) -> Answer:
        """The answer of the first path that there is; nothing was carried out at those before it."""
        content = None if document is None else json.dumps(document).encode()
        answer = await self.call(method, paths[0], query=query, content=content, limit=limit)
        for path in paths[1:]:
            if _is_no_call(answer):
                answer = await self.call(method, path, query=query, content=content, limit=limit)
        return answer

    async def found(
        self, paths: Sequence[str], shape: TypeAdapter[T], query: Mapping[str, str | int] | None = None
    ) -> T | None:
        """The document at the first path that there is; None without one (404). Raises RemoteError."""
        answer = await self.first("GET", paths, query=query)
        if _is_no_call(answer):
            raise Transient(self.describe(answer))
        if answer.missing:
            return None
        return self.parsed(answer, shape)

    def describe(self, answer: Answer) -> str:
        code = _code(answer)
        if answer.sign_in or (not code and answer.status != HTTPStatus.UNAUTHORIZED):
            return super().describe(answer)
        shown = f"{answer.status}, {code}" if code else str(answer.status)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            return f"CodeArts {self._sign_in.rejected} ({shown})"
        if _is_no_call(answer):
            return f"CodeArts Build has no such call at `url` ({shown}): check `url` and its region"
        if meaning := _MEANINGS.get(code):
            return f"CodeArts answered {shown}: {meaning}"
        return f"{super().describe(answer)}; its code is {code}"

    async def aclose(self) -> None:
        await super().aclose()
        await self._sign_in.aclose()


def _code(answer: Answer) -> str:
    found = None if answer.good else _CODE.search(answer.body)
    return found[1].decode() if found else ""


def _is_no_call(answer: Answer) -> bool:
    return answer.status == HTTPStatus.NOT_FOUND and _code(answer) in _NO_SUCH_CALL
