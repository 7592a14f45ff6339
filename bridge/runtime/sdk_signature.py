"""Requests that are signed with an access key and its secret key, as Huawei's SDKs do: `SDK-HMAC-SHA256`."""

import hashlib
import hmac
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, unquote_to_bytes

ALGORITHM: Final = "SDK-HMAC-SHA256"
WINDOW: Final = 15 * 60
"""Seconds by which the date of a request may differ from now."""

Headers = Sequence[tuple[bytes, bytes]]
"""The headers as ASGI has them: names in lower case, values as they were sent."""

_DATE: Final = b"x-sdk-date"
_HASH: Final = b"x-sdk-content-sha256"
_TYPE: Final = b"content-type"
_UNSIGNED: Final = b"UNSIGNED-PAYLOAD"
_MULTIPART: Final = b"multipart/form-data"
_WHOLE: Final = re.compile(
    rb"SDK-HMAC-SHA256 +Access=([^\s,]{1,128}), *SignedHeaders=([^\s,]{1,2048}), *Signature=([0-9a-f]{64}) *"
)
_DATE_SHAPE: Final = re.compile(rb"\d{8}T\d{6}Z")


class BadSdkSignature(Exception):
    """The signature proves nothing; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request as it was sent: path and query stand as in the request line."""

    method: str
    raw_path: bytes
    raw_query: bytes
    headers: Headers
    body: bytes

    def only(self, name: bytes) -> bytes:
        """The value of a header that has to be there once. Raises BadSdkSignature."""
        found = [value for known, value in self.headers if known == name]
        if len(found) != 1:
            shown = name.decode("latin-1")
            raise BadSdkSignature(
                f"the header {shown} is there {len(found)} times, not once: sign what is sent"
            )
        return found[0]


@dataclass(frozen=True, slots=True)
class Authorization:
    """What the header `Authorization` of a signed request says."""

    access_key: str
    signed: tuple[bytes, ...]
    signature: bytes

    @classmethod
    def read(cls, header: bytes) -> "Authorization":
        """Raises BadSdkSignature for a header of another form."""
        found = _WHOLE.fullmatch(header)
        if found is None:
            raise BadSdkSignature(
                f"the header Authorization is not `{ALGORITHM} Access=…, SignedHeaders=…, Signature=…`"
            )
        signed = tuple(found[2].split(b";"))
        if _DATE not in signed:
            raise BadSdkSignature("X-Sdk-Date is not a signed header: sign it, as the SDK does")
        return cls(found[1].decode("latin-1"), signed, found[3])


def verify(request: SignedRequest, secret_key: Callable[[str], str | None], now: float) -> str:
    """The access key that signed the request; `secret_key` finds its secret key, None for one unknown.

    The same request may be sent again within the window. Raises BadSdkSignature.
    """
    authorization = Authorization.read(request.only(b"authorization"))
    date = request.only(_DATE)
    check_date(date, now)
    canonical = canonical_request(request, authorization.signed)
    key = secret_key(authorization.access_key)
    # An unknown access key takes as long as a known one.
    made = _signature(key or "", date, canonical)
    if not hmac.compare_digest(made, authorization.signature) or key is None:
        raise BadSdkSignature(
            "the signature does not fit the request: check access key and secret key, and that no proxy "
            "changes the path, the query, the body or a signed header"
        )
    return authorization.access_key


def authorization_of(
    request: SignedRequest, signed: Sequence[bytes], access_key: str, secret_key: str
) -> str:
    """The header `Authorization` of a request to send; X-Sdk-Date has to be among the `signed` headers."""
    canonical = canonical_request(request, signed)
    signature = _signature(secret_key, request.only(_DATE), canonical).decode()
    names = b";".join(sorted(signed)).decode()
    return f"{ALGORITHM} Access={access_key}, SignedHeaders={names}, Signature={signature}"


def _signature(secret_key: str, date: bytes, canonical: bytes) -> bytes:
    to_sign = b"\n".join((ALGORITHM.encode(), date, hashlib.sha256(canonical).hexdigest().encode()))
    return hmac.new(secret_key.encode(), to_sign, hashlib.sha256).hexdigest().encode()


def check_date(date: bytes, now: float) -> None:
    """Raises BadSdkSignature for a date outside of the window."""
    try:
        text = date.decode() if _DATE_SHAPE.fullmatch(date) else ""
        moment = datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise BadSdkSignature("X-Sdk-Date is not a time such as 20250101T000000Z") from None
    if abs(moment.timestamp() - now) > WINDOW:
        raise BadSdkSignature(
            f"X-Sdk-Date is more than {WINDOW // 60} minutes off: set the clock of the client, and sign anew"
        )


def canonical_request(request: SignedRequest, signed: Sequence[bytes]) -> bytes:
    """The request in the one form that both sides sign. Raises BadSdkSignature."""
    names = sorted(signed)
    lines = b"".join(name + b":" + request.only(name).strip() + b"\n" for name in names)
    parts = (
        request.method.upper().encode(),
        _path(request.raw_path),
        _query(request.raw_query),
        lines,
        b";".join(names),
        _payload_hash(request, signed),
    )
    return b"\n".join(parts)


def _path(raw: bytes) -> bytes:
    # Decoded before it is split: an encoded slash is a separator here.
    path = b"/".join(_quoted(part) for part in unquote_to_bytes(raw).split(b"/"))
    return path if path.endswith(b"/") else path + b"/"


def _query(raw: bytes) -> bytes:
    pairs = [part.partition(b"=") for part in raw.split(b"&") if part]
    decoded = sorted((unquote_to_bytes(name), unquote_to_bytes(value)) for name, _, value in pairs)
    return b"&".join(_quoted(name) + b"=" + _quoted(value) for name, value in decoded)


def _quoted(part: bytes) -> bytes:
    return quote(part, safe="").encode()


def _payload_hash(request: SignedRequest, signed: Sequence[bytes]) -> bytes:
    made = hashlib.sha256(request.body).hexdigest().encode()
    announced = [value.strip() for name, value in request.headers if name == _HASH]
    if not request.body or not announced or announced == [made]:
        return made
    is_multipart = _TYPE in signed and request.only(_TYPE).strip().lower().startswith(_MULTIPART)
    if announced != [_UNSIGNED] or not is_multipart:
        raise BadSdkSignature(
            "X-Sdk-Content-Sha256 is not the digest of the body: leave it out; only a multipart body, with "
            f"its Content-Type signed, may have {_UNSIGNED.decode()}"
        )
    return _UNSIGNED
