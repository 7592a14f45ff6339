"""How people name records: an id, its beginning or end, or the number of a build in its repository."""

import re
from collections.abc import Mapping
from typing import Final

import click

from bridge.cli.setup import repository_name
from bridge.model.build import Build
from bridge.store.base import Store
from bridge.store.lookup import RecordKind
from bridge.store.values import DeliveryRow, NoticeRow, Step

MAX_CANDIDATES: Final = 10
_NUMBERED: Final = re.compile(r"(?P<repository>[^#]+?)\s*#(?P<number>[0-9]{1,9})", re.ASCII)
_LISTED: Final[Mapping[RecordKind, str]] = {"delivery": "deliveries", "build": "builds", "notice": "notices"}
_IN_MESSAGES: Final = "N-"
"""What messages write before the end of their notice's id."""


def build_name(build: Build) -> str:
    """A build as people write it."""
    return f"{build.full_name} #{build.number}"


async def find_delivery(store: Store, name: str) -> tuple[DeliveryRow, list[Step]]:
    """The delivery of an id, or of its beginning or end, with its timeline. Raises ClickException."""
    found = await store.deliveries.get(name) or await store.deliveries.get(
        await _whole(store, "delivery", name)
    )
    if found is None:
        raise _none("delivery", name)
    return found


async def find_notice(store: Store, name: str) -> tuple[NoticeRow, list[Step]]:
    """The notice of an id, of its beginning or end, or of `N-…` in a message. Raises ClickException."""
    part = name.removeprefix(_IN_MESSAGES)
    found = await store.notices.get(name) or await store.notices.get(await _whole(store, "notice", part))
    if found is None:
        raise _none("notice", name)
    return found


async def find_build(store: Store, name: str) -> Build:
    """The build of an id, of its beginning or end, or NAMESPACE/REPO_NAME#NUMBER. Raises ClickException."""
    if "#" in name:
        numbered = _NUMBERED.fullmatch(name.strip())
        found = numbered and await store.builds.by_number(
            *repository_name(numbered["repository"]), int(numbered["number"])
        )
    else:
        found = await store.builds.get(name) or await store.builds.run(name)
        found = found or await store.builds.get(await _whole(store, "build", name))
    if not found:
        raise _none("build", name)
    return found


async def find_run(store: Store, name: str, number: int | None) -> Build:
    """A run of a build, the newest if `number` is None. Raises ClickException."""
    build = await find_build(store, name)
    if number in {None, build.run}:
        return build
    for one in await store.builds.runs(build.id):
        if one.run == number:
            return one
    raise click.ClickException(f"{build_name(build)} has no run {number}, only 1 to {build.run}")


async def _whole(store: Store, kind: RecordKind, part: str) -> str:
    """The only id that begins or ends with this. Raises ClickException."""
    ids = await store.lookup.ids(kind, part, MAX_CANDIDATES + 1) if part else []
    if not ids:
        raise _none(kind, part)
    if len(ids) > 1:
        raise click.ClickException(f"{part} may be each of these: {await _candidates(store, kind, ids)}")
    return ids[0]


def _none(kind: RecordKind, name: str) -> click.ClickException:
    cure = f"see `{_LISTED[kind]} list`"
    if kind == "build" and (number := name.strip().removeprefix("#")).isdecimal():
        cure = f"give the repository of the number, such as acme/shop#{number}; {cure}"
    return click.ClickException(f"there is no {kind} {name}: {cure}")


async def _candidates(store: Store, kind: RecordKind, ids: list[str]) -> str:
    named = []
    for one in ids[:MAX_CANDIDATES]:
        build = await store.builds.get(one) if kind == "build" else None
        named.append(one if build is None else f"{one} ({build_name(build)})")
    return ", ".join([*named, "…"] if len(ids) > MAX_CANDIDATES else named)
