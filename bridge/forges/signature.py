"""Proofs of who sent a request: on bytes, in constant time, failing closed.

Every check returns None or raises BadSignature, which is NoSignature where there is no proof. An early
rejection (of a missing, malformed or stale signature) reveals nothing about the secret.
"""

import base64
import binascii
import hmac
from collections.abc import Iterable, Sequence
from typing import Final, Literal

from bridge.errors import BadSignature, NoSignature
from bridge.forges.request import Request

SIGNING_KEY_PREFIX: Final = b"whsec_"
STANDARD_TOLERANCE: Final = 300.0
"""Seconds between the signed time-stamp and now, by the Standard Webhooks specification."""
_MAX_SIGNATURES: Final = 16
_MAX_DIGITS: Final = 16
_HEX_DIGITS: Final = {"sha256": 64, "sha1": 40}


def same(expected: Iterable[bytes], claimed: bytes) -> bool:
    """Whether `claimed` is one of `expected`; nothing equals an empty value."""
    found = False
    for value in expected:
        # All are compared, whichever it is.
        found |= bool(value) and hmac.compare_digest(value, claimed)
    return found


def check_token(claimed: bytes, secrets: Sequence[bytes]) -> None:
    """The plain secret itself."""
    if not claimed:
        raise NoSignature("the token is missing or empty: set the secret at the Git host")
    if not same(secrets, claimed):
        raise BadSignature("the token is wrong")


def check_tokens(request: Request, names: Iterable[str], secrets: Sequence[bytes]) -> None:
    """The plain secret itself, in every header of `names` that is there."""
    for claimed in [request.header(name) for name in names if name in request.headers] or [b""]:
        check_token(claimed, secrets)


def check_basic(claimed: bytes, secrets: Sequence[bytes]) -> None:
    """HTTP Basic authentication (RFC 7617).

    A secret is `user:password`, or the password alone, and then any user's.
    """
    scheme, _, encoded = claimed.partition(b" ")
    if not claimed:
        raise NoSignature("the header authorization is missing or empty: set user name and password")
    if scheme.lower() != b"basic":
        raise BadSignature("the header authorization holds no Basic authentication")
    try:
        credentials = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise BadSignature("the user name and password cannot be read: they are not base64") from None
    password = credentials.partition(b":")[2]
    found = [same(secrets, credentials), same(secrets, password)]
    if not password or not any(found):
        raise BadSignature("the user name or the password is wrong")


def check_hex(
    claimed: bytes,
    message: bytes,
    secrets: Iterable[bytes],
    prefix: bytes = b"",
    algorithm: Literal["sha256", "sha1"] = "sha256",
) -> None:
    """`prefix` and the lower-case hexadecimal HMAC of `message`."""
    if not claimed or claimed == prefix:
        raise NoSignature("the signature header is missing or empty: set the secret at the Git host")
    if len(claimed) != len(prefix) + _HEX_DIGITS[algorithm] or not claimed.startswith(prefix):
        raise BadSignature(f"the signature is not a hexadecimal HMAC-{algorithm.upper()}")
    given = claimed[len(prefix) :]
    if not same((hmac.digest(secret, message, algorithm).hex().encode() for secret in secrets), given):
        raise BadSignature("the signature is wrong: it was made with another secret or over another body")


def signed_time(claimed: bytes) -> int:
    """A time-stamp of digits, in the sender's unit. Raises BadSignature."""
    if not claimed.isdigit() or len(claimed) > _MAX_DIGITS:
        raise BadSignature("the time-stamp header is missing or not a number")
    return int(claimed)


def check_fresh(seconds: float, now: float, tolerance: float) -> None:
    """A signed time is at most `tolerance` seconds away from `now`."""
    if abs(now - seconds) > tolerance:
        raise BadSignature(
            f"the signature was made {_length(abs(now - seconds))} {'ago' if seconds < now else 'ahead'},"
            f" {_length(tolerance)} are allowed: is it a replay, or is a clock wrong?"
        )


def _length(seconds: float) -> str:
    units = ((86400, "days"), (3600, "hours"))
    size, unit = next(((size, unit) for size, unit in units if seconds > 2 * size), (1, "s"))
    return f"{seconds / size:.0f} {unit}"


def signing_key(secret: bytes) -> bytes | None:
    """The key inside a `whsec_…` secret, or None when the secret is not one, or not base64."""
    if not secret.startswith(SIGNING_KEY_PREFIX):
        return None
    try:
        return base64.b64decode(secret.removeprefix(SIGNING_KEY_PREFIX), validate=True) or None
    except binascii.Error:
        return None


def check_standard(request: Request, keys: Sequence[bytes], now: float) -> None:
    """A symmetric signature (`v1`) of the Standard Webhooks specification.

    The header may hold several signatures, and each of `keys` is tried on each.
    """
    identity, moment = request.header("webhook-id"), request.header("webhook-timestamp")
    signatures = request.header("webhook-signature").split(b" ", _MAX_SIGNATURES)[:_MAX_SIGNATURES]
    claimed = [part.removeprefix(b"v1,") for part in signatures if part.startswith(b"v1,")]
    if not identity or not claimed:
        raise NoSignature("webhook-id or a v1 signature in webhook-signature is missing")
    check_fresh(signed_time(moment), now, STANDARD_TOLERANCE)
    signed = b".".join((identity, moment, request.body))
    expected = [base64.b64encode(hmac.digest(key, signed, "sha256")) for key in keys if key]
    if not any([same(expected, value) for value in claimed]):  # noqa: C419  # all are compared
        raise BadSignature("the signature is wrong: it was made with another secret or over another body")
