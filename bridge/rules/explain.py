"""What the rules decide about a delivery, as one document for each ref (pure)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from bridge.model.event import Ignored, PushEvent
from bridge.rules.elsewhere import Rejection, nearest
from bridge.rules.match import Match, Matching, RuleSet

MAX_STORED: Final = 2000
"""How many rejections are stored of one delivery: it may have 100 refs, and many rules for each."""
NO_RULE: Final = "no rule is for"
"""How a reason begins where no rule builds from the code."""
_MAX_REASON: Final = 500
_FEW: Final = 5


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One ref of a delivery: the push, the builds that match, and why the other rules do not build."""

    event: PushEvent | Ignored
    matching: Matching
    kind: str = ""
    """The kind of Git host that reported it; empty for a build by hand or by a schedule."""
    address: str = ""
    """What rules know the code by, where that is not its name."""

    @property
    def reason(self) -> str:
        """Why nothing is built; empty when something is."""
        if isinstance(self.event, Ignored):
            return self.event.reason
        if self.matching.matches:
            return ""
        rejections = self.matching.rejections
        if own := [one for one in rejections if not one.other_code]:
            return "; ".join(map(str, own[:_FEW]))
        code = self.event.repo.full_name
        near = "; ".join(map(str, self.matching.nearest or nearest(self.address or code, rejections)))
        place = f" at {self.address}" if self.address not in {"", code} else ""
        cure = f"; such a rule has code_repo_clone_url: {self.address}" if self.address else ""
        return f"{NO_RULE} {self.kind} {code}{place}{f'; the nearest: {near}' if near else ''}{cure}"

    def document(self, limit: int | None = None) -> dict[str, Any]:
        """The document that is stored and shown; `left_off` counts the rejections over the limit."""
        rejections = self.matching.rejections[:limit]
        return facts_document(self.event) | {
            "reason": self.reason or None,
            "matches": [_match(match) for match in self.matching.matches],
            "rejections": [_rejection(rejection) for rejection in rejections],
            "left_off": len(self.matching.rejections) - len(rejections),
        }


def evaluate(
    kind: str,
    events: Sequence[PushEvent | Ignored],
    rules: RuleSet,
    at: float,
    source: str | None,
    *,
    every_rule: bool = False,
) -> list[Evaluation]:
    """What the rules decide about each ref of a delivery that the source received `at` (Unix seconds).

    `every_rule` also lists the rules for other code.
    """
    match = rules.explain if every_rule else rules.match
    return [
        Evaluation(event, match(kind, event, at, source), kind, rules.address_of(kind, event.repo))
        if isinstance(event, PushEvent)
        else Evaluation(event, Matching(), kind)
        for event in events
    ]


def stored_documents(evaluations: Sequence[Evaluation]) -> list[dict[str, Any]]:
    """The documents of all refs of a delivery, with at most MAX_STORED rejections together."""
    room, found = MAX_STORED, []
    for evaluation in evaluations:
        found.append(evaluation.document(room))
        room -= len(found[-1]["rejections"])
    return found


def facts_document(event: PushEvent | Ignored) -> dict[str, Any]:
    """The facts of the push, in one flat document."""
    pushed = event if isinstance(event, PushEvent) else None
    return {
        "event": event.event,
        "repo": event.repo.full_name if event.repo else None,
        "ref_kind": event.ref.kind if event.ref else None,
        "ref_name": event.ref.name if event.ref else None,
        "sha": event.sha,
        "before": event.before,
        "tag_object_sha": pushed.tag_object_sha if pushed else None,
        "author": event.author,
        "clone_url_http": event.repo.clone_url if event.repo else None,
    }


def _match(match: Match) -> dict[str, Any]:
    return {
        "namespace": match.repository.namespace,
        "repo_name": match.repository.repo_name,
        "tag_config": list(match.tag_configs),
        "builder": match.builder,
        "image": match.image,
        "tags": list(match.tags),
        "originals": dict(match.originals),
        "version_tagging": match.version_tagging,
        "parameters": dict(match.parameters),
        "notes": list(match.notes),
    }


def _rejection(rejection: Rejection) -> dict[str, Any]:
    return {
        "namespace": rejection.namespace,
        "repo_name": rejection.repo_name,
        "tag_config": rejection.tag_config,
        "why": rejection.why[:_MAX_REASON],
    }
