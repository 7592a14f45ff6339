"""How requests to CodeArts show who sends them: by a signature, or by a token that IAM makes."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

import httpx
from pydantic import ValidationError

from bridge.builders.codearts.settings import CodeArtsSettings
from bridge.builders.server import Answer, BuildServer, Document
from bridge.builders.tokens import KeptToken
from bridge.errors import Denied, Transient
from bridge.runtime.clock import Clock
from bridge.runtime.sdk_signature import SignedRequest, authorization_of

JSON: Final = "application/json"
_SIGNED: Final = (b"content-type", b"host", b"x-sdk-date")
_TOKEN_HEADER: Final = "X-Auth-Token"  # noqa: S105  # the name of a header
_VALID_SECONDS: Final = 24 * 3600.0


class SignIn(ABC):
    """What proves who calls. `rejected` says what to check after a 401."""

    rejected: str

    @abstractmethod
    async def headers(self, method: str, url: str, body: bytes) -> Mapping[str, str]:
        """The headers of a request. Raises RemoteError, never Unanswered: the request was not sent."""

    def renew(self, refused: Mapping[str, str]) -> bool:  # noqa: ARG002  # a signature is always new
        """Whether other headers can do better than those that were refused."""
        return False

    async def aclose(self) -> None:  # noqa: B027  # a signature needs no resources
        """Close connections."""


class AccessKey(SignIn):
    """Signs each request, at the time that `clock` says."""

    rejected = (
        "rejects the signature: check `access_key`, `secret_key` and the clock of this machine, and that no "
        "proxy changes the request"
    )

    def __init__(self, access_key: str, secret_key: str, clock: Clock) -> None:
        self._access_key = access_key
        self._secret_key = secret_key
        self._clock = clock

    async def headers(self, method: str, url: str, body: bytes) -> Mapping[str, str]:
        parsed = httpx.URL(url)
        path, _, query = parsed.raw_path.partition(b"?")
        date = datetime.fromtimestamp(self._clock(), UTC).strftime("%Y%m%dT%H%M%SZ")
        headers = {"Content-Type": JSON, "Host": parsed.netloc.decode(), "X-Sdk-Date": date}
        lines = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        request = SignedRequest(method, path, query, lines, body)
        proof = authorization_of(request, _SIGNED, self._access_key, self._secret_key)
        return headers | {"Authorization": proof}


class _Life(Document):
    expires_at: datetime


class _Token(Document):
    token: _Life


class Password(SignIn):
    """Shows a token, which is made when it is needed and kept for most of its life."""

    rejected = "rejects a token that has just been made: check that `region` is that of `url`"

    def __init__(self, settings: CodeArtsSettings, clock: Clock) -> None:
        at_iam = settings.model_copy(update={"url": settings.iam})
        self._iam = BuildServer("IAM", at_iam, {"Content-Type": JSON}, setting="iam_url")
        assert settings.password is not None
        user = {
            "name": settings.username,
            "password": settings.password.reveal(),
            "domain": {"name": settings.domain},
        }
        self._asked = {
            "auth": {
                "identity": {"methods": ["password"], "password": {"user": user}},
                "scope": {"project": {"name": settings.region}},
            }
        }
        self._clock = clock
        self._token = KeptToken("IAM", self._made, settings.timeout.total_seconds(), clock)

    async def headers(self, method: str, url: str, body: bytes) -> Mapping[str, str]:  # noqa: ARG002  # of no matter
        return {"Content-Type": JSON, _TOKEN_HEADER: await self._token.get()}

    async def _made(self) -> tuple[str, float]:
        """A new token, and when it ends."""
        content = json.dumps(self._asked).encode()
        answer = await self._iam.call("POST", "v3/auth/tokens", content=content)
        rejected = answer.status in range(400, 500) and answer.status != HTTPStatus.TOO_MANY_REQUESTS
        if rejected and not answer.sign_in:
            where = ", and `iam_url`" if answer.status == HTTPStatus.NOT_FOUND else ""
            raise Denied(
                f"IAM makes no token ({answer.status}): check `username`, `password`, `domain` and "
                f"`region`{where}"
            )
        if not answer.good:
            raise self._iam.error_of(answer)
        token = answer.headers.get("X-Subject-Token", "")
        if not token or not token.isascii() or not token.isprintable():
            raise Transient("IAM answered without a token; check `iam_url`")
        return token, _ends(answer, self._clock())

    def renew(self, refused: Mapping[str, str]) -> bool:
        self._token.drop(refused.get(_TOKEN_HEADER))
        return True

    async def aclose(self) -> None:
        await self._iam.aclose()


def _ends(answer: Answer, now: float) -> float:
    try:
        moment = _Token.model_validate_json(answer.body).token.expires_at
    except ValidationError:
        return now + _VALID_SECONDS
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def sign_in_of(settings: CodeArtsSettings, clock: Clock) -> SignIn:
    if settings.access_key is None:
        return Password(settings, clock)
    assert settings.secret_key is not None
    return AccessKey(settings.access_key, settings.secret_key.reveal(), clock)
