"""What `db check` finds in a store of any engine."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from bridge.runtime.clock import moment
from bridge.store.monitoring import StuckKind
from bridge.store.sql import stuck

_NOT_RUN: Final = "is the daemon running? `systemctl status buildbridge`"
_SENTENCES: Final[Mapping[StuckKind, tuple[str, str]]] = {
    StuckKind.UNDECIDED: ("deliveries wait for a decision", _NOT_RUN),
    StuckKind.UNTRIGGERED: ("builds wait for their trigger", _NOT_RUN),
    StuckKind.TRIGGERING: ("builds are being triggered for longer than a call takes", _NOT_RUN),
    StuckKind.UNENDED: ("builds have not ended", "look at their builders"),
    StuckKind.UNSENT: ("notices wait to be sent", _NOT_RUN),
}


@dataclass(frozen=True, slots=True)
class Glance:
    """What a short look found: whether all of the file was looked at, and sentences with a cure."""

    is_whole: bool
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Examined:
    """What a store is, with sizes in bytes; `problems` are sentences with a cure, none where all is well."""

    size: int
    log_size: int
    schema: str
    problems: tuple[str, ...]


def stuck_problems(connection: Connection, now: float) -> Iterator[str]:
    """What no daemon goes on with, as sentences with a cure."""
    for kind, (what, cure) in _SENTENCES.items():
        if (found := stuck.of_kind(connection, kind, now)) is not None:
            yield f"{found.count} {what}, the oldest since {moment(found.since)}: {cure}"
