"""The differences between two sets of rules (pure)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from bridge.rules.match import RuleSet
from bridge.rules.schema import BuildRepository

MAX_PATHS: Final = 20


@dataclass(frozen=True, slots=True)
class Change:
    """A repository whose rule has changed; `paths` are the keys that differ, such as `build_config.image`."""

    repository: BuildRepository
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """The repositories that were added, changed and removed, each sorted by path.

    `forbidden` are the repositories that build nothing any more, because no tag configuration is active now.
    """

    added: tuple[BuildRepository, ...]
    changed: tuple[Change, ...]
    forbidden: tuple[BuildRepository, ...]
    removed: tuple[BuildRepository, ...]

    def document(self, limit: int) -> dict[str, Any]:
        """The counts, and the paths of at most `limit` repositories of each group."""
        groups = {"added": self.added, "forbidden": self.forbidden, "removed": self.removed}
        paths = {
            name: [found.path for found in repositories[:limit]] for name, repositories in groups.items()
        }
        changed = {change.repository.path: list(change.paths) for change in self.changed[:limit]}
        counts = {name: len(repositories) for name, repositories in groups.items()}
        return {**paths, "changed": changed, "counts": {**counts, "changed": len(self.changed)}}


def compare(old: RuleSet, new: RuleSet) -> Changes:
    """What differs in `new`."""
    before, after = old.repositories, new.repositories
    both = sorted(before.keys() & after.keys())
    differing = [(before[key], after[key]) for key in both if before[key] != after[key]]
    return Changes(
        added=tuple(after[key] for key in sorted(after.keys() - before.keys())),
        changed=tuple(
            Change(is_now, tuple(islice(_differing(_as_written(was), _as_written(is_now)), MAX_PATHS)))
            for was, is_now in differing
            if not _was_forbidden(was, is_now)
        ),
        forbidden=tuple(is_now for was, is_now in differing if _was_forbidden(was, is_now)),
        removed=tuple(before[key] for key in sorted(before.keys() - after.keys())),
    )


def _was_forbidden(was: BuildRepository, is_now: BuildRepository) -> bool:
    return _is_active(was) and not _is_active(is_now)


def _is_active(repository: BuildRepository) -> bool:
    return any(config.is_active for config in repository.build_config.tag_configs)


def _as_written(repository: BuildRepository) -> dict[str, Any]:
    document = repository.model_dump()
    document["build_config"]["code_repo_client"] = repository.build_config.client_as_written
    return document


def _differing(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """The paths at which two documents differ; not the values, which may be confidential."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            yield from _differing(old.get(key), new.get(key), f"{path}.{key}" if path else str(key))
    elif isinstance(old, tuple | list) and isinstance(new, tuple | list) and len(old) == len(new):
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _differing(one, other, f"{path}[{index}]")
    elif old != new:
        yield path
