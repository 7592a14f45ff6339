"""Who holds the rules in force, for tests of the API."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from support.rules import NAMES
from support.scripted import Store

from bridge.config.notices import NoticeSetting
from bridge.rules.diff import Changes, compare
from bridge.rules.in_force import Decide, InForce
from bridge.rules.loader import load_files
from bridge.rules.match import RuleSet
from bridge.rules.merge import FileRules
from bridge.services.reloader import Reloader, begin

NO_FILES = FileRules(names=NAMES, where="rules", repositories={}, places={}, warnings=(), fingerprint="")


async def nothing_changed() -> Changes:
    return compare(RuleSet({}), RuleSet({}))


class NoRules:
    """No rules at all; a reload does what the test says."""

    default_notices: Sequence[NoticeSetting] = ()
    in_force = InForce(files=NO_FILES, rules=RuleSet({}), ids={})

    def __init__(self, reload: Callable[[], Awaitable[Changes]] = nothing_changed) -> None:
        self._reload = reload

    async def reload(self) -> Changes:
        return await self._reload()

    async def change(self, decide: Decide) -> Changes:
        raise AssertionError(decide)


async def keeper_of(store: Store, folder: Path, default_notices: Sequence[NoticeSetting] = ()) -> Reloader:
    """The real one, as after a start on the rules of a folder."""

    def load() -> FileRules:
        return load_files([folder], NAMES)

    return Reloader(
        await begin(load(), load, store.repositories, lambda _: None),
        [folder],
        default_notices=default_notices,
        health=store.health,
        clock=store.clock,
        on_reloaded=lambda: None,
        wake_notifiers=lambda: None,
    )
