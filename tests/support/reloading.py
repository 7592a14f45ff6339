"""A reloader on a folder of rules, and rules to put there."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from support.harness import ReloaderHarness
from support.rules import HEAD, tag_config
from support.scripted import Store

from bridge.config.notices import NoticeSetting
from bridge.model.notice import EventName
from bridge.rules.merge import FileRules

ALL_EVENTS = (EventName.UPDATE_CONFIG, EventName.DELETE, EventName.FORBID)
DEFAULT = NoticeSetting(channel="team", notice_type="DING_TALK", enabled_event_type_names=ALL_EVENTS)


def rule(name: str, *tag_configs: str) -> str:
    return HEAD.replace("repo_name: shop\n", f"repo_name: {name}\n") + "".join(tag_configs or [tag_config()])


def reloader(store: Store, folder: Path, load: Callable[[], FileRules] | None = None) -> ReloaderHarness:
    return ReloaderHarness(store, folder, [DEFAULT], load)


def reloading(
    store: Store, folder: Path, load: Callable[[], FileRules] | None = None
) -> AbstractAsyncContextManager[ReloaderHarness]:
    return reloader(store, folder, load).running()
