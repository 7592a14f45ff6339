"""Problems that no file shows by itself: builds that fail on this machine, channels that get no notices."""

from collections.abc import Iterator

from bridge.builders.base import BuilderContext, Target
from bridge.cli.scaffold import invented_secrets
from bridge.config.loader import Config
from bridge.errors import Fault
from bridge.model.notice import MESSAGE_CHANNEL
from bridge.registry import BUILDERS, targets
from bridge.rules.match import RuleSet
from bridge.rules.schema import BuildRepository
from bridge.runtime.clock import system_clock


def advice(config: Config, rules: RuleSet) -> Iterator[Fault]:
    """Placeholder secrets, what each builder warns of, and channels with one robot or without notices."""
    for name, value in invented_secrets().items():
        if value in config.secrets:
            problem = f"the secret {name} is the one that `init` invented: put the real one in its place"
            yield Fault(str(config.file), "", problem, warning=True)
    for name, adapter in config.builders.items():
        context = BuilderContext(state=config.state_path / name, clock=system_clock)
        builder = BUILDERS[adapter.kind](name, adapter.settings, context)
        targets = [
            _target(repository)
            for repository in rules.repositories.values()
            if repository.build_config.builder == name
        ]
        for problem in builder.advice(targets):
            yield Fault(str(config.file), f"builders.{name}", problem, warning=True)
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


def _twins(config: Config) -> list[list[str]]:
    """The names of channels that have one target, for each such target."""
    names: dict[str, list[str]] = {}
    for name, target in targets(config).items():
        names.setdefault(target, []).append(name)
    return [same for same in names.values() if len(same) > 1]


def _silent_channels(config: Config, rules: RuleSet) -> list[str]:
    """The channels that no notice names, without the in-app messages: they keep every notice."""
    of_rules = (notice for repository in rules.repositories.values() for notice in repository.notices or ())
    named = {MESSAGE_CHANNEL, *(notice.channel for notice in (*config.default_notices, *of_rules))}
    return [name for name in config.channels if name not in named]


def _target(repository: BuildRepository) -> Target:
    clone_url = repository.build_config.code_repo_clone_url
    return Target(repository=repository.path, image=repository.image, clone_url=clone_url)
