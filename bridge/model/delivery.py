"""One authenticated webhook."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

DIGEST: Final = "sha256:"
"""Begins the key of a delivery that its host gave no id. An equal one may be another push: a branch that is
set there, back and there again."""
COMMIT: Final = re.compile(r"[0-9a-fA-F]{7,64}")
"""How the id of a commit may be written that deliveries are looked for by: its first 7 digits are enough."""
_WITH_TIME: Final = 7
"""The version of a UUID that begins with the time, in milliseconds."""


class DeliveryState(StrEnum):
    """How far a delivery is."""

    STORED = "stored"
    DISPATCHED = "dispatched"
    IGNORED = "ignored"
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What a Git host sent, unchanged but for its secrets.

    `key` is the host's own delivery id, or a digest of the body where it sends none: with `source` it
    makes a repeat harmless, an id for ever, a digest for a time. `headers` has lower-case names and holds
    only those that `parse` reads. `received_at` is in Unix seconds. A wanted repeat that is claimed has in
    `repeats` the id of the first delivery, while that is kept.
    """

    id: str
    source: str
    forge: str
    key: str
    event: str
    headers: Mapping[str, str]
    body: bytes
    received_at: float
    repeats: str | None = None


def id_time(delivery_id: str) -> float | None:
    """When a delivery was given its id, in Unix seconds to the millisecond; None for an id without a time."""
    try:
        found = UUID(delivery_id)
    except ValueError:
        return None
    return (found.int >> 80) / 1000 if found.version == _WITH_TIME else None


def id_after(at: float) -> str:
    """What the ids of deliveries up to this time are below, and later ones not; `at` is in Unix seconds."""
    milliseconds = min(max(int(at * 1000) + 1, 0), (1 << 48) - 1)
    digits = f"{milliseconds:012x}"
    return f"{digits[:8]}-{digits[8:]}"
