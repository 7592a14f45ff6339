"""Why open builds and notices wait, in words; lists and single ones say the same, for programs and people."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import assert_never

from bridge.model.build import Build
from bridge.runtime.clock import when
from bridge.store.base import Store
from bridge.store.values import NoticeRow
from bridge.store.waits import Wait

Sees = Callable[[str], bool]
"""Whether who asks may see the private builds of a namespace."""
Time = Callable[[float], str]


async def builds_with_reasons(
    store: Store, builds: Sequence[Build], sees: Sees, time: Time = when
) -> Sequence[Build]:
    """The builds; of those that wait `detail` says for what. Raises StoreError."""
    waits = await store.waits.of_builds(builds)
    return [
        replace(build, detail=_text(waits[build.id], build, sees, time)) if build.id in waits else build
        for build in builds
    ]


async def notices_with_reasons(
    store: Store, rows: Sequence[NoticeRow], time: Time = when
) -> Sequence[NoticeRow]:
    """The notices; of those that wait `detail` says for what. Raises StoreError."""
    waits = await store.waits.of_notices(rows)
    return [
        replace(row, detail=_part_text(waits[row.notice.id], time)) if row.notice.id in waits else row
        for row in rows
    ]


def _text(wait: Wait, build: Build, sees: Sees, time: Time) -> str:
    if wait.kind == "busy" and not sees(build.namespace):
        return f"{wait.name} is busy"  # the builds may be private ones
    if wait.ahead is None:
        return _part_text(wait, time)
    ahead = _name_beside(build, wait.ahead, sees)
    if wait.kind == "tag":
        return f"behind {ahead}, which writes the same tag"
    return f"behind {ahead}: the rule allows {wait.count} at once"


def _name_beside(build: Build, other: Build, sees: Sees) -> str:
    """How one build is named beside another."""
    if other.full_name == build.full_name:
        return f"#{other.number}"
    if other.origin.is_public or sees(other.namespace):
        return f"{other.full_name} #{other.number}"
    return "a build of another repository"


def _part_text(wait: Wait, time: Time) -> str:
    match wait.kind:
        case "down":
            text = f"{wait.name} down since {time(wait.since)}: {wait.why}"
        case "paused":
            text = f"{wait.name} paused until {time(wait.until)}: {wait.why}"
        case "again":
            text = f"{wait.why}; again at {time(wait.until)}"
        case "busy":
            text = f"{wait.name} is busy with {wait.count} {'build' if wait.count == 1 else 'builds'}"
        case "order" | "digest":
            text = f"{'behind' if wait.kind == 'order' else 'goes with'} notice {wait.name}"
        case "quiet":
            text = f"quiet hours of {wait.name} until {time(wait.until)}"
        case "push":
            text = f"waits for the other builds of its push, until {time(wait.until)} at most"
        case "rate":
            text = f"{wait.name} may send no more before {time(wait.until)}"
        case "end" | "tag" | "places":
            text = f"is to end: {wait.why}"
        case _:
            assert_never(wait.kind)
    return text
