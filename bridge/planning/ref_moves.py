"""How a delivery says that refs moved, and whether the bridge has seen where they moved from (pure)."""

from collections.abc import Sequence
from dataclasses import replace

from bridge.forges.push import is_zero
from bridge.model.event import Ignored, PushEvent, RefMove
from bridge.model.plan import KnownMove, RepositoryKey
from bridge.planning.ref_history import unseen
from bridge.rules.match import RuleSet


def moves_of(forge: str, event: PushEvent | Ignored, rules: RuleSet, source: str | None) -> list[RefMove]:
    """How a ref of code that some rule builds from moved, where the host says so.

    There is one for each name of the code: rules that name the source know it by another than those that do
    not.
    """
    if event.ref is None or event.repo is None or event.before is None:
        return []
    builders: dict[str, dict[RepositoryKey, str]] = {}
    for one in rules.of_code(forge, event.repo, source):
        builders.setdefault(one.build_config.code_repository, {})[one.key] = one.build_config.builder or ""
    return [
        RefMove(
            code=code,
            ref=event.ref.full,
            before=None if is_zero(event.before) else event.before,
            after=event.pushed if isinstance(event, PushEvent) else None,
            clone_url=rules.sources.address(source or "", event.repo),
            builders=found,
        )
        for code, found in builders.items()
    ]


def beside_history(event: PushEvent, move: RefMove, moves: Sequence[KnownMove]) -> PushEvent:
    """The push, which says so where it does not go on from what `moves`, the recorded ones, lead to."""
    return replace(event, unseen=unseen(moves, move))
