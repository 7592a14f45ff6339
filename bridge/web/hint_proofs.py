"""Proofs that a hint comes from a build server: each vendor's, recognised by its header.

A hint carries no fact that is used, so a proof need not cover its body, as that of Alauda does not. One that
is repeated costs no more than a poll.

Source: Drone, "httpsignatures-go" (https://github.com/99designs/httpsignatures-go); Alauda, its API's manual
on webhooks; the others as for Git hosts
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final

from bridge.errors import BadSignature, NoSignature
from bridge.forges.request import Request
from bridge.forges.signature import (
    check_fresh,
    check_hex,
    check_standard,
    check_token,
    same,
    signing_key,
)
from bridge.runtime.retry import http_date

_TOLERANCE: Final = 300.0
_SIGNED: Final = re.compile(r'([a-zA-Z]+)="([^"]*)"')
_WORDS: Final = re.compile(rb"(?i)^(?:bearer|token) +")

Check = Callable[[Request, Sequence[bytes], float], None]
"""Of a request, the secrets, and the time in Unix seconds. Raises BadSignature."""


def check_hint(request: Request, query_token: str, secrets: Sequence[bytes], now: float) -> None:
    """One of the secrets, or a signature with it. Raises BadSignature, which is NoSignature without either.

    `query_token` is for servers that send no header of their own.
    """
    for header, check in _CHECKS.items():
        if header in request.headers:
            check(request, secrets, now)
            return
    if not query_token:
        raise NoSignature(
            "there is no proof: send the header `authorization: Bearer` with the secret, or sign with it"
        )
    check_token(query_token.encode(), secrets)


def _bearer(request: Request, secrets: Sequence[bytes], _now: float) -> None:
    check_token(_WORDS.sub(b"", request.header("authorization")), secrets)


def _token(name: str, request: Request, secrets: Sequence[bytes], _now: float) -> None:
    check_token(request.header(name), secrets)


def _body_signed(name: str, prefix: bytes, request: Request, secrets: Sequence[bytes], _now: float) -> None:
    check_hex(request.header(name), request.body, secrets, prefix)


def _standard(request: Request, secrets: Sequence[bytes], now: float) -> None:
    check_standard(request, [signing_key(secret) or secret for secret in secrets], now)


def _alauda(request: Request, secrets: Sequence[bytes], now: float) -> None:
    moment = request.header("x-alauda-event-time")
    check_hex(request.header("x-alauda-signature"), moment, secrets, b"sha1=", "sha1")
    check_fresh(_seconds(_iso, moment), now, _TOLERANCE)


def _drone(request: Request, secrets: Sequence[bytes], now: float) -> None:
    """A signature of the headers that it names; the digest among them is that of the body."""
    parts = dict(_SIGNED.findall(request.headers["signature"]))
    names = parts.get("headers", "").split()
    if not {"date", "digest"} <= {*names}:
        raise BadSignature("the signature is not one of the headers date and digest")
    if len({*names}) < len(names):
        # Who may name a long header thousands of times has us sign hundreds of megabytes.
        raise BadSignature("the signature names a header twice")
    signed = b"\n".join(name.encode() + b": " + request.header(name) for name in names)
    expected = (base64.b64encode(hmac.digest(secret, signed, "sha256")) for secret in secrets)
    digest = b"SHA-256=" + base64.b64encode(hashlib.sha256(request.body).digest())
    claimed = parts.get("signature", "").encode("latin-1")
    if not same(expected, claimed) or not same([digest], request.header("digest")):
        raise BadSignature("the signature is wrong: it was made with another secret or over another body")
    check_fresh(_seconds(http_date, request.header("date")), now, _TOLERANCE)


def _iso(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _seconds(read: Callable[[str], float | None], text: bytes) -> float:
    try:
        seconds = read(text.decode("latin-1"))
    except (ValueError, OverflowError):
        seconds = None
    if seconds is None:
        raise BadSignature("the signed time cannot be read")
    return seconds


_CHECKS: Final[Mapping[str, Check]] = {
    "x-gitlab-token": partial(_token, "x-gitlab-token"),
    "x-hub-signature-256": partial(_body_signed, "x-hub-signature-256", b"sha256="),
    "x-forgejo-signature": partial(_body_signed, "x-forgejo-signature", b""),
    "x-gitea-signature": partial(_body_signed, "x-gitea-signature", b""),
    "x-alauda-signature": _alauda,
    "webhook-signature": _standard,
    "signature": _drone,
    "authorization": _bearer,
}
"""The check of each header; the first that a request has is asked for, and no other one."""
