"""Who holds the rules in force, for tests of the API."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from support.disks import FolderDisk
from support.rules import NAMES
from support.scripted import Store

from bridge.config.notices import NoticeSetting
from bridge.rules.diff import Changes, compare
from bridge.rules.disk import Reloaded
from bridge.rules.in_force import Decide, InForce
from bridge.rules.match import RuleSet
from bridge.rules.merge import FileRules
from bridge.services.reloader import Reloader, begin

NO_FILES = FileRules(names=NAMES, where="rules", repositories={}, places={}, warnings=(), fingerprint="")


async def nothing_changed() -> Reloaded:
    return Reloaded(rules=compare(RuleSet({}), RuleSet({})))


class NoRules:
    """No rules at all; a reload does what the test says."""

    default_notices: Sequence[NoticeSetting] = ()
    in_force = InForce(files=NO_FILES, rules=RuleSet({}), ids={})

    def __init__(self, reload: Callable[[], Awaitable[Reloaded]] = nothing_changed) -> None:
        self._reload = reload

    async def reload(self) -> Reloaded:
        return await self._reload()

    async def change(self, decide: Decide) -> Changes:
        raise AssertionError(decide)


async def keeper_of(store: Store, folder: Path, default_notices: Sequence[NoticeSetting] = ()) -> Reloader:
    """The real one, as after a start on the rules of a folder."""
    disk = FolderDisk(folder, default_notices)
    return Reloader(
        await begin(disk, disk.load(), store.repositories, lambda _: None),
        health=store.health,
        clock=store.clock,
        use=lambda _: None,
        on_reloaded=lambda: None,
        wake_notifiers=lambda: None,
    )
