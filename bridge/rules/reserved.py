"""Literal tags are reserved (pure): a branch that is called `latest` does not get another's tag `latest`.

A tag configuration without placeholders holds its tag among all rules with the same image. Only the refs that
such a configuration is for may also have the tag in another way, as the branch `main` by `{branch}`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from bridge.model.event import Ref
from bridge.rules.render import parse_template
from bridge.rules.schema import BuildConfig, BuildRepository
from bridge.rules.tag_config import TagConfig


@dataclass(frozen=True, slots=True)
class _Holder:
    """A tag configuration that holds its literal tag; `code` is the repository that it is for."""

    path: str
    code: str
    config: TagConfig

    def is_for(self, code: str, ref: Ref) -> bool:
        same = (self.code, self.config.code_repo_type) == (code, ref.kind)
        return same and self.config.refs.match(ref.name) is not None


class Reserved:
    """The literal tags of all rules, by image."""

    def __init__(self, repositories: Iterable[BuildRepository] = ()) -> None:
        self._holders: dict[tuple[str, str], list[_Holder]] = {}
        for repository in repositories:
            code = repository.build_config.code_repository
            for config in literals(repository.build_config):
                key = (repository.image, config.docker_repo_tag)
                self._holders.setdefault(key, []).append(_Holder(repository.path, code, config))

    def holder(self, repository: BuildRepository, tag: str, ref: Ref) -> str | None:
        """What holds the tag, so that this ref of the repository's code cannot have it; None when it can."""
        holders = self._holders.get((repository.image, tag))
        if holders is None or any(
            one.is_for(repository.build_config.code_repository, ref) for one in holders
        ):
            return None
        config = holders[0].config
        return f"{holders[0].path}, for the {config.code_repo_type} {config.refs}"


def literals(config: BuildConfig) -> list[TagConfig]:
    """The tag configurations whose tag is written out."""
    return [one for one in config.tag_configs if not parse_template(one.docker_repo_tag).names]
