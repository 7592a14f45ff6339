"""Why a call of the API was not done, whatever its dialect; each dialect writes them in its own shape.

CallError
├── Unauthenticated   no token, or one that is not valid
│   └── UnknownToken  … that was never made here
├── Forbidden         the token is valid, but its role is too low
├── NotFound          there is no such thing, or it may not be seen
├── WrongMethod       the path has other methods
├── Conflict          it cannot be done as things are now
│   └── KeyInUse      … since the first request with its Idempotency-Key is being done
├── Changed           it is no longer as the caller has read it
├── Invalid           the request cannot be understood
├── KeyReused         its Idempotency-Key stands for another request
├── Faulty            what it would put in force has faults
├── TooManyRequests   too many of this client
└── Unavailable       the bridge cannot do it now
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import ClassVar

from bridge.errors import BridgeError


class CallError(BridgeError):
    """The root; its text is a sentence for people: what happened, why, and what to do."""

    status: ClassVar[int]
    """The status of HTTP that says so."""


class Unproven(StrEnum):
    """What is wrong with what should prove who calls."""

    MISSING = "missing"
    TOKEN = "token"  # noqa: S105  # a word, not a secret
    EXPIRED = "expired"
    SIGNATURE = "signature"


class Unauthenticated(CallError):
    status = 401

    def __init__(self, why: str, what: Unproven = Unproven.MISSING) -> None:
        super().__init__(why)
        self.what = what


class UnknownToken(Unauthenticated):
    """No token that was made here is written so."""

    def __init__(self, why: str) -> None:
        super().__init__(why, Unproven.TOKEN)


class Forbidden(CallError):
    status = 403


class NotFound(CallError):
    status = 404


class NoSuchPath(NotFound):
    """No call has such a path."""


class WrongMethod(CallError):
    status = 405


class Conflict(CallError):
    status = 409


class KeyInUse(Conflict):
    def __init__(self) -> None:
        super().__init__("a request with this Idempotency-Key is being done: send it again in a moment")


class Changed(CallError):
    status = 412


class Invalid(CallError):
    """`problems` are all that were found, each with its place in the request."""

    status = 400

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class KeyReused(CallError):
    status = 422


class Faulty(CallError):
    """`faults` are all of the rules that were found, each with its place."""

    status = 422

    def __init__(self, why: str, faults: Sequence[str]) -> None:
        super().__init__(why)
        self.faults = tuple(faults)


class TooManyRequests(CallError):
    """The client may call again in `after` seconds."""

    status = 429

    def __init__(self, why: str, after: float) -> None:
        super().__init__(why)
        self.after = after


class Unavailable(CallError):
    status = 503
