"""Problems that no file shows by itself: builds that fail on this machine, channels that get no notices."""

from collections.abc import Iterator
from pathlib import Path

from bridge.builders.base import Advice, BuilderContext, Target
from bridge.cli.placeholders import placeholders
from bridge.cli.setup import repository_name, run
from bridge.config.channels import common
from bridge.config.loader import Config
from bridge.errors import Fault, StoreError
from bridge.model.build import SeenJob
from bridge.model.notice import MESSAGE_CHANNEL
from bridge.registry import BUILDERS, targets
from bridge.rules.match import RuleSet
from bridge.rules.schema import BuildRepository
from bridge.runtime.clock import system_clock
from bridge.runtime.disk import free_bytes, same_disk, size_text
from bridge.store.open import is_made, open_store


def advice(config: Config, rules: RuleSet) -> Iterator[Fault]:
    """What is left to be changed, what builders warn of, and channels with one robot or without notices."""
    try:
        seen = _seen_jobs(config)
    except StoreError as error:
        seen = {}
        problem = f"what triggers and tests have seen of jobs is not known now: {error}"
        yield Fault(str(config.file), "store", problem, warning=True)
    yield from placeholders(config)
    store_folder = config.state_path.parent
    yield from _short_disk(config, "store", store_folder)
    for name, adapter in config.builders.items():
        context = BuilderContext(state=config.state_path / name, clock=system_clock)
        builder = BUILDERS[adapter.kind](name, adapter.settings, context)
        if builder.folder is not None and not same_disk(builder.folder, store_folder):
            yield from _short_disk(config, f"builders.{name}", builder.folder)
        targets = [
            _target(config, rules, repository)
            for repository in rules.repositories.values()
            if repository.build_config.builder == name
        ]
        for one in builder.advice(targets, seen.get(name, ())):
            yield _fault(one, f"builders.{name}", adapter.place, rules)
    for names in _twins(config):
        first, *others = names
        problem = (
            f"channel {first} is the robot of {' and '.join(others)}, too: both use up its one limit; "
            "keep one of them, or create a robot for each"
        )
        yield Fault(str(config.file), f"channels.{first}", problem, warning=True)
    for name in _silent_channels(config, rules):
        problem = f"channel {name} gets no notices: no rule and no notices.default names it"
        yield Fault(str(config.file), f"channels.{name}", problem, warning=True)


def _short_disk(config: Config, path: str, folder: Path) -> Iterator[Fault]:
    """A disk on which no build would start now; `path` is the key that puts it there."""
    needed, free = config.settings.store.min_free, free_bytes(folder)
    if free < needed:
        problem = (
            f"{size_text(free)} are free on the disk of {folder}, and no build starts below "
            f"{size_text(needed)} (`store.min_free`): make room, or set `folder` of a builder to another disk"
        )
        yield Fault(str(config.file), path, problem, warning=True)


def _twins(config: Config) -> list[list[str]]:
    """The names of channels that have one target, for each such target."""
    names: dict[str, list[str]] = {}
    for name, target in targets(config).items():
        names.setdefault(target, []).append(name)
    return [same for same in names.values() if len(same) > 1]


def _silent_channels(config: Config, rules: RuleSet) -> list[str]:
    """The channels that no notice and no other channel names, without in-app messages: they keep all."""
    of_rules = (notice for repository in rules.repositories.values() for notice in repository.notices or ())
    named = {MESSAGE_CHANNEL, *(notice.channel for notice in (*config.default_notices, *of_rules))}
    named.update(member for name, pool in config.settings.pools.items() if name in named for member in pool)
    named.update(common(channel.settings).fallback for channel in config.channels.values())
    return [name for name in config.channels if name not in named]


def _target(config: Config, rules: RuleSet, repository: BuildRepository) -> Target:
    return Target(
        repository=repository.path,
        image=repository.image,
        clone_url=_clone_url(config, rules, repository),
        parameters=tuple(repository.build_config.parameters),
    )


def _clone_url(config: Config, rules: RuleSet, repository: BuildRepository) -> str | None:
    """Where its code is fetched: as its rule says, or from the one host that is known for its source."""
    rule, source = repository.build_config, rules.source_of(repository)
    if rule.code_repo_clone_url is not None or source is None:
        return rule.code_repo_clone_url
    access, url = config.clone_access.get(source), rules.sources.made_address(source, rule.code_path)
    return access.address(url) if access is not None and url is not None else url


def _fault(advice: Advice, builder: str, place: str, rules: RuleSet) -> Fault:
    """The warning at the place that it is about."""
    if advice.repository is None:
        return Fault(place, builder, advice.problem, warning=True)
    key = repository_name(advice.repository)
    return Fault(rules.places[key], "build_config.parameters", advice.problem, warning=True)


def _seen_jobs(config: Config) -> dict[str, list[SeenJob]]:
    """What is kept of the jobs of each builder; nothing without a store. Raises StoreError."""
    if not is_made(config.store_url):
        return {}

    async def read() -> dict[str, list[SeenJob]]:
        async with open_store(config.store_url, exclusive=False) as store:
            return {name: await store.jobs.of(name) for name in config.builders}

    return run(read)
