"""The rules that build from other code, and which of them may have been meant (pure)."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

from bridge.model.plan import RepositoryKey
from bridge.rules.schema import BuildRepository

_NEAREST: Final = 3
_LIKE: Final = 0.5
_MAX_COMPARED: Final = 64
_MAX_SEARCHED: Final = 200
"""Rules whose names are compared letter by letter for code that no rule is for."""
_REMEMBERED: Final = 256
"""So much code is pushed again and again that no rule is for."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a repository, or one of its tag configurations, does not build; `why` is a sentence for people.

    `other_code` is what it builds from, where that is not what was pushed, and `place` is where that is said.
    """

    namespace: str
    repo_name: str
    tag_config: int | None
    why: str
    other_code: str = ""
    place: str = ""

    def __str__(self) -> str:
        where = f"{self.namespace}/{self.repo_name}"
        if self.tag_config is not None:
            where += f" tag_configs[{self.tag_config}]"
        return f"{where}{f' ({self.place})' if self.place else ''}: {self.why}"


class Elsewhere:
    """Finds rules by the name of their code."""

    def __init__(
        self, repositories: Mapping[RepositoryKey, BuildRepository], places: Mapping[RepositoryKey, str]
    ) -> None:
        self._repositories = repositories
        self._places = places
        self.nearest = lru_cache(_REMEMBERED)(self._nearest)
        """The few rules for code that is called like this, without looking long."""

    def rejection(self, repository: BuildRepository) -> Rejection:
        """That the rule builds from other code than was pushed."""
        config = repository.build_config
        why = f"builds from {config.code_repo_client} {config.code}"
        place = self._places.get(repository.key, "")
        return Rejection(repository.namespace, repository.repo_name, None, why, config.code, place)

    def _nearest(self, code: str) -> tuple[Rejection, ...]:
        same = self._by_name.get(_last_word(code), ())[:_NEAREST]
        if not same and len(self._repositories) <= _MAX_SEARCHED:
            return tuple(nearest(code, [self.rejection(one) for one in self._repositories.values()]))
        return tuple(self.rejection(one) for one in same)

    @cached_property
    def _by_name(self) -> Mapping[str, Sequence[BuildRepository]]:
        found: dict[str, list[BuildRepository]] = defaultdict(list)
        for repository in self._repositories.values():
            found[_last_word(repository.build_config.code)].append(repository)
        return found


def nearest(code: str, rejections: Sequence[Rejection]) -> list[Rejection]:
    """The few of these whose code has a similar name."""
    if not rejections:
        return []
    by_code: dict[str, Rejection] = {}
    for one in rejections:
        by_code.setdefault(one.other_code.lower()[:_MAX_COMPARED], one)
    # The daemon keeps what it has imported, and needs this only where no rule is for what was pushed.
    import difflib  # noqa: PLC0415

    near = difflib.get_close_matches(code.lower()[:_MAX_COMPARED], by_code, n=_NEAREST, cutoff=_LIKE)
    return [by_code[one] for one in near]


def _last_word(code: str) -> str:
    return code.rstrip("/").rpartition("/")[2].lower().removesuffix(".git")
