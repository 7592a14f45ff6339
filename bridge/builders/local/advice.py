"""Problems that would fail the first local build, found beforehand: for `check`."""

import os
import shutil
from collections.abc import Iterator, Sequence

from bridge.builders.base import Target
from bridge.builders.local.settings import (
    LocalSettings,
    Unbuildable,
    find_engine,
    missing_tool,
    qualified_image,
)
from bridge.model.variables import steers_programs
from bridge.runtime.disk import nearest
from bridge.runtime.git.access import protocol_of


def advice(settings: LocalSettings, targets: Sequence[Target]) -> Iterator[str]:
    """Sentences about this machine and about what the rules require of it."""
    if lacks := missing_tool(settings):
        yield lacks
    yield from _fetching(settings, targets)
    yield from _parameters(targets)
    yield from _folder(settings)
    if settings.command is None:
        yield from _engine(settings, targets)
    else:
        yield from _command(settings.command[0])


def _fetching(settings: LocalSettings, targets: Sequence[Target]) -> Iterator[str]:
    wanted: dict[str, list[str]] = {}
    for target in targets:
        if target.clone_url and (protocol := protocol_of(target.clone_url)) not in settings.protocols:
            wanted.setdefault(protocol, []).append(target.repository)
    for protocol, names in sorted(wanted.items()):
        yield f"{_listed(names)} can never be fetched: add {protocol} to `protocols`"


def _parameters(targets: Sequence[Target]) -> Iterator[str]:
    for target in targets:
        if steering := [name for name in target.parameters if steers_programs(name)]:
            yield (
                f"{target.repository} can never be built: its parameter {steering[0]} would decide which "
                "programs run: give it another name"
            )


def _folder(settings: LocalSettings) -> Iterator[str]:
    if settings.folder is None:
        return
    found = nearest(settings.folder)
    if not found.is_dir():
        yield f"builds cannot be written to {settings.folder}: {found} is no folder"
    elif not os.access(found, os.W_OK | os.X_OK, effective_ids=True):
        yield (
            f"builds cannot be written to {settings.folder}: this user may not write to {found}; give it "
            "to the daemon's user, and under systemd name it in ReadWritePaths"
        )


def _engine(settings: LocalSettings, targets: Sequence[Target]) -> Iterator[str]:
    try:
        find_engine(settings.engine)
    except Unbuildable as unbuildable:
        yield str(unbuildable)
    nowhere = []
    for target in targets:
        try:
            qualified_image(target.image, settings.registry)
        except Unbuildable:
            nowhere.append(target.repository)
    if nowhere:
        yield f"the image of {_listed(nowhere)} names no registry to push to: set `registry`"


def _command(program: str) -> Iterator[str]:
    in_checkout = "/" in program and not program.startswith("/")
    if not in_checkout and not shutil.which(program):
        yield f"the program {program} is not found: install it, or correct `command`"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
