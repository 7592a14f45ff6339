"""What most commands begin with: the configuration, the rules, the store."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import anyio

from bridge import log
from bridge.app import Stores, open_stores
from bridge.config.loader import Config, find_config, load_config
from bridge.registry import KINDS
from bridge.rules.loader import Names, load_rules
from bridge.rules.match import RuleSet

T = TypeVar("T")


def configuration(option: str | None) -> Config:
    """The configuration that the options and the environment name. Raises ConfigError."""
    return load_config(find_config(option, os.environ), KINDS, os.environ)


def rules_of(config: Config) -> RuleSet:
    """Its rules. Raises ConfigError."""
    return load_rules(config.rule_paths, Names.of(config, KINDS))


@asynccontextmanager
async def stores_of(option: str | None) -> AsyncIterator[Stores]:
    """The store beside a daemon that may be running. Raises ConfigError or StoreError."""
    config = configuration(option)
    log.configure(config.secrets, level="WARNING")
    async with open_stores(config.store_path, exclusive=False) as stores:
        yield stores


def run(main: Callable[[], Awaitable[T]]) -> T:
    """Run the asynchronous part of a command."""
    return anyio.run(main, backend_options={"use_uvloop": True})
