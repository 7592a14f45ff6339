"""Pushes that no webhook reported, as a look at the Git host found them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

MissedPolicy = Literal["tell", "build"]


class MissedState(StrEnum):
    """What became of a missed push."""

    NAMED = "named"
    BUILT = "built"
    """It became a delivery of the source `reconcile`."""
    LATE = "late"
    """It was named, and its webhook arrived after all."""
    ASKED = "asked"
    """Its delivery had failed, and the host was asked to send it again."""
    REDELIVERED = "redelivered"
    """The same, and the delivery has arrived."""


@dataclass(frozen=True, slots=True)
class HostRef:
    """What a ref points to at its host: an object, and the commit of an annotated tag, else the same."""

    pushed: str
    sha: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MissedRef:
    """A ref that moved without a webhook, newest move only; an empty text stands for no object.

    `code` is the key of the code repository, `repo` its name at the host. `reason` says why no webhook came,
    as far as that can be known. `at` is when it was noticed, in Unix seconds. Of a delivery that the host was
    asked to send again, the ref is known once it has arrived.
    """

    code: str
    source: str
    repo: str
    ref: str
    before: str
    after: str
    at: float
    reason: str
    state: MissedState
    delivery_id: str | None = None


class RedeliveryState(StrEnum):
    """How far the request is that a host sends a delivery again."""

    ASKING = "asking"
    ASKED = "asked"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Redelivery:
    """A failed delivery, to be sent again by its host; `key` is the id that it has among those of the source.

    `code`, `repo`, `reason` and `at` are as for a `MissedRef`.
    """

    code: str
    source: str
    repo: str
    key: str
    reason: str
    at: float
