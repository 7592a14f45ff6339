"""Problems that no file shows by itself, but that make builds fail on this machine."""

from collections.abc import Iterator

from bridge.builders.base import BuilderContext, Target
from bridge.cli.scaffold import invented_secrets
from bridge.config.loader import Config
from bridge.errors import Fault
from bridge.registry import BUILDERS
from bridge.rules.match import RuleSet
from bridge.rules.schema import BuildRepository
from bridge.runtime.clock import system_clock


def advice(config: Config, rules: RuleSet) -> Iterator[Fault]:
    """Placeholder secrets of `init`, and what each builder warns of in its settings and its rules."""
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


def _target(repository: BuildRepository) -> Target:
    clone_url = repository.build_config.code_repo_clone_url
    return Target(repository=repository.path, image=repository.image, clone_url=clone_url)
