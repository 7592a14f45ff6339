"""What another set of rules changes (pure)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from bridge.rules.match import RuleSet
from bridge.rules.schema import BuildRepository

MAX_PLACES: Final = 20


@dataclass(frozen=True, slots=True)
class Change:
    """A repository that is not as it was; `places` are the paths in its rule at which it differs."""

    repository: BuildRepository
    places: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What came, changed and went, each sorted by its path.

    `forbidden` repositories are those that build nothing any more, since nothing in them is active now.
    """

    added: tuple[BuildRepository, ...]
    changed: tuple[Change, ...]
    forbidden: tuple[BuildRepository, ...]
    removed: tuple[BuildRepository, ...]

    def document(self, limit: int) -> dict[str, Any]:
        """The counts, and the paths of at most `limit` repositories of each sort."""
        sorts = {"added": self.added, "forbidden": self.forbidden, "removed": self.removed}
        paths = {name: [found.path for found in repositories[:limit]] for name, repositories in sorts.items()}
        changed = {change.repository.path: list(change.places) for change in self.changed[:limit]}
        counts = {name: len(repositories) for name, repositories in sorts.items()}
        return {**paths, "changed": changed, "counts": {**counts, "changed": len(self.changed)}}


def compare(old: RuleSet, new: RuleSet) -> Changes:
    """What is not the same in `new`."""
    before, after = old.repositories, new.repositories
    both = sorted(before.keys() & after.keys())
    differing = [(before[key], after[key]) for key in both if before[key] != after[key]]
    return Changes(
        added=tuple(after[key] for key in sorted(after.keys() - before.keys())),
        changed=tuple(
            Change(is_now, tuple(islice(_places(was.model_dump(), is_now.model_dump()), MAX_PLACES)))
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


def _places(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """The paths at which two documents differ: never their values, which may be nobody else's business."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            yield from _places(old.get(key), new.get(key), f"{path}.{key}" if path else str(key))
    elif isinstance(old, tuple | list) and isinstance(new, tuple | list) and len(old) == len(new):
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _places(one, other, f"{path}[{index}]")
    elif old != new:
        yield path
