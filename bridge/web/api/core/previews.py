"""What channels would say of a build that is stored."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from bridge.model.build import Build
from bridge.model.language import Language
from bridge.model.notice import MESSAGE_CHANNEL, EventName, Notice
from bridge.store.base import Store
from bridge.store.values import Cursor, NoticeFilter

Previews = Callable[[Notice, Language | None], Mapping[str, str]]
"""What each channel would send of a notice, by name, without secrets; in its own language, or in this."""


async def notice_about(store: Store, build: Build, event: EventName | None, now: float) -> Notice | None:
    """The newest notice about a build, as of now and about this event; None before the build has begun."""
    rows = (
        await store.notices.page(Cursor(), 1, NoticeFilter(build_id=build.id, channel=MESSAGE_CHANNEL))
    ).rows
    if not rows:
        return None
    return replace(rows[0].notice, event=event or rows[0].notice.event, created_at=now)
