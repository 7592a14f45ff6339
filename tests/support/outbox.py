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
    """Take the oldest notice that is due, by itself; its target has the name of the channel."""
    now = store.notices._clock()  # type: ignore[attr-defined]  # that of the test

    def oldest(waiting: Sequence[Waiting]) -> Send | Later | None:
        heads = {(row.job, row.recipient): row for row in reversed(waiting)}.values()
        due = [row for row in heads if row.next_at <= now]
        return Send((min(due, key=lambda row: (row.next_at, row.id)).id,)) if due else None

    found = await store.notices.claim(channel, channel, oldest, recipients)
    assert not isinstance(found, Later)
    return found
