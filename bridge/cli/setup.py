"""What most commands need: the configuration, the rules, the store, and the name of the user."""

import getpass
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

import anyio
import click

from bridge.cli.speech import fault_line, tell
from bridge.config.loader import Config, find_config, load_clone, load_config, load_outline, load_readable
from bridge.config.outline import Outline
from bridge.errors import ConfigError, Fault, StoreError
from bridge.model.access import Principal, Role
from bridge.model.audit import Action, Change
from bridge.model.repository import NOTHING_STORED, StoredRules
from bridge.registry import KINDS
from bridge.rules.checking import Names
from bridge.rules.loader import load_files
from bridge.rules.match import RuleSet
from bridge.rules.merge import FileRules, RuleMerge
from bridge.rules.schema import BuildRepository
from bridge.runtime import log
from bridge.runtime.git.access import CloneAccess
from bridge.runtime.redaction import masked
from bridge.store.base import Store
from bridge.store.open import is_made, open_store

T = TypeVar("T")


def configuration(option: str | None) -> Config:
    """The configuration that the options and the environment name. Raises ConfigError."""
    return load_config(find_config(option, os.environ), KINDS, os.environ)


def readable_configuration(option: str | None) -> tuple[Config, Sequence[Fault]]:
    """The configuration as far as this user can read it, and what of it is left out. Raises ConfigError."""
    return load_readable(find_config(option, os.environ), KINDS, os.environ)


def outline(option: str | None) -> Outline:
    """The configuration without the secrets that often only the daemon can read. Raises ConfigError."""
    return load_outline(find_config(option, os.environ), KINDS, os.environ)


def page_of(option: str | None, path: str) -> dict[str, str]:
    """The fact with the address of a page, whose path this is; empty where no one knows our address."""
    public_url = outline(option).settings.server.public_url
    return {"page": f"{public_url}{path}"} if public_url else {}


def clone_access(option: str | None, source: str | None) -> CloneAccess | None:
    """What the source has for its private code; where that cannot be read here, a warning is printed."""
    if source is None:
        return None
    try:
        return load_clone(find_config(option, os.environ), KINDS, os.environ, source)
    except ConfigError as error:
        for fault in error.faults:
            _print(fault)
        return None


def files_of(config: Outline) -> FileRules:
    """The rules of its files. Raises ConfigError."""
    return load_files(config.rule_paths, Names.of(config, KINDS))


def rules_of(config: Outline, *, warn: Callable[[Fault], None] | None = None) -> RuleSet:
    """All its rules, those made by API among them where there is a store. Raises ConfigError.

    `warn` gets the problem of a store that cannot be read; if left out, it is printed.
    """
    files = files_of(config)
    stored = NOTHING_STORED
    try:
        if is_made(config.store_url):
            stored = run(partial(_stored, config.store_url))
    except StoreError as error:
        problem = f"what was made by API is not known now, and left out: {error}"
        (warn or _print)(Fault(str(config.file), "store", problem, warning=True))
    return RuleMerge()(files, stored)


def _print(fault: Fault) -> None:
    click.echo(tell("warning: {fault}", fault=fault_line(fault)), err=True)


async def _stored(url: str) -> StoredRules:
    async with open_store(url, exclusive=False) as store:
        return await store.repositories.all()


def served(rules: RuleSet, source: str, kind: str) -> list[BuildRepository]:
    """The rules that build what is pushed to the source, which is of this kind."""
    return [
        rule
        for rule in rules.repositories.values()
        if rule.build_config.code_repo_client == kind and rule.build_config.code_repo_source in {None, source}
    ]


def code_paths(rules: RuleSet, source: str, kind: str) -> list[str]:
    """The names at the host of the code of these rules, in order, each once."""
    paths = (rule.build_config.code_path for rule in served(rules, source, kind))
    return once(sorted(filter(None, paths)))


def once(names: Sequence[str]) -> list[str]:
    """The names without those that differ from an earlier one by upper and lower case alone."""
    return list({name.lower(): name for name in reversed(names)}.values())[::-1]


def begin_log(secrets: Collection[str] = (), *, level: str = "WARNING") -> None:
    """Have what goes wrong beside the work of a command said beside what it prints, which others may read."""
    log.configure(secrets, level=level, stream=sys.stderr)


@asynccontextmanager
async def store_of(option: str | None) -> AsyncIterator[Store]:
    """The store beside a daemon that may be running. Raises ConfigError or StoreError."""
    config = outline(option)
    begin_log()
    async with open_store(config.store_url, exclusive=False, redact=masked) as store:
        yield store


def change(action: Action, subject: str, *, before: Any = None, after: Any = None) -> Change:
    """A change by the user of this command, which the store audits as it makes it."""
    who = Principal(name=user(), role=Role.ADMIN)
    return Change(who=who, action=action, subject=subject, origin="cli", before=before, after=after)


def run(main: Callable[[], Awaitable[T]]) -> T:
    """Run the asynchronous part of a command."""
    return anyio.run(main, backend_options={"use_uvloop": True})


def repository_name(text: str) -> tuple[str, str]:
    """Namespace and name of a build repository. Raises UsageError."""
    namespace, slash, repo_name = text.partition("/")
    if not slash or not namespace or not repo_name:
        raise click.UsageError(f"{text} is not NAMESPACE/REPO_NAME")
    return namespace, repo_name


def user() -> str:
    """The user who runs the command; in containers, a user may have no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"
