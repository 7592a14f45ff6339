"""What goes next of the notices that wait, without a notifier."""

from collections.abc import Sequence
from typing import Protocol

from bridge.model.outbox import Later, Send, Waiting
from bridge.store.base import Notices
from bridge.store.values import NoticeRow


class HasNotices(Protocol):
    @property
    def notices(self) -> Notices: ...


async def claim(store: HasNotices, channel: str, recipients: Sequence[str] = ()) -> NoticeRow | None:
    """Take the notice that is due first, by itself; its target has the name of the channel."""

    def oldest(waiting: Sequence[Waiting]) -> Send | None:
        due = _heads(waiting)
        return Send((min(due, key=lambda row: (row.next_at, row.id)).id,)) if due else None

    found = await store.notices.claim(channel, channel, oldest, recipients)
    return None if isinstance(found, Later) else found


async def next_due(store: HasNotices, channel: str) -> float | None:
    """When the next notice to this channel is due, which may be past; None while none waits."""
    seen: list[Waiting] = []
    later = await store.notices.claim(channel, channel, seen.extend)
    if seen:
        return min(row.next_at for row in _heads(seen))
    return later.at if isinstance(later, Later) else None


def _heads(waiting: Sequence[Waiting]) -> list[Waiting]:
    return list({(row.job, row.recipient): row for row in reversed(waiting)}.values())
