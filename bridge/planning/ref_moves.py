"""How a delivery says that refs moved, and whether the bridge has seen where they moved from (pure)."""

from collections.abc import Sequence
from dataclasses import replace

from bridge.forges.push import is_zero
from bridge.model.event import Ignored, PushEvent, RefMove
from bridge.model.plan import KnownMove
from bridge.planning.ref_history import unseen
from bridge.rules.match import RuleSet


def move_of(forge: str, event: PushEvent | Ignored, rules: RuleSet) -> RefMove | None:
    """How a ref of code that some rule builds from moved, where the host says so."""
    if event.ref is None or event.repo is None or event.before is None:
        return None
    found = rules.of_code(forge, event.repo)
    if not found:
        return None
    return RefMove(
        code=found[0].build_config.code_repository,
        ref=event.ref.full,
        before=None if is_zero(event.before) else event.before,
        after=event.pushed if isinstance(event, PushEvent) else None,
        clone_url=event.repo.clone_url or event.repo.ssh_url,
        builders={(one.namespace, one.repo_name): one.build_config.builder or "" for one in found},
    )


def beside_history(event: PushEvent, move: RefMove, moves: Sequence[KnownMove]) -> PushEvent:
    """The push, which says so where it does not go on from what `moves`, the recorded ones, lead to."""
    return replace(event, unseen=unseen(moves, move))
