"""One authenticated webhook."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class DeliveryState(StrEnum):
    STORED = "stored"
    DISPATCHED = "dispatched"
    IGNORED = "ignored"
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What a Git host said, word for word but for its secrets.

    `key` is the host's own delivery id, or a digest of the body where it sends none: with `source` it
    makes a repeat harmless. `headers` has lower-case names and holds only those that `parse` reads.
    `received_at` is in Unix seconds.
    """

    id: str
    source: str
    forge: str
    key: str
    event: str
    headers: Mapping[str, str]
    body: bytes
    received_at: float
