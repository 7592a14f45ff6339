"""What rules decided about each ref of a delivery, as pages show it: for each rule, what failed first."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from bridge.model.event import RefKind
from bridge.model.plan import RepositoryKey
from bridge.rules.explain import NO_RULE
from bridge.rules.pattern import RefFilter
from bridge.rules.schema import BuildRepository

SHOWN: Final = 10
"""So many rules that build nothing are shown at once."""
MAX_RULES: Final = 200
"""So many rules of a ref are on a page at all."""

_FOLDERS: Final = re.compile(r"(?<![^\s(])/(?:[^\s/():]+/)*([^\s/():]+/[^\s/():]+:[0-9]+:[0-9]+)")
RuleOf = Callable[[RepositoryKey], BuildRepository | None]
"""The rule that is in force now."""
PlaceOf = Callable[[RepositoryKey], str]
"""Where a rule is from; empty for one that is no longer there."""


@dataclass(frozen=True, slots=True)
class TagEntry:
    """One of the tag_configs of a rule: which refs it builds, and as which tag."""

    kind: RefKind
    refs: RefFilter
    tag: str
    is_active: bool

    @property
    def is_one(self) -> bool:
        """Whether it is for one name."""
        return self.refs.only_name is not None


@dataclass(slots=True)
class RuleDecision:
    """What one rule decided; `place` is its file and line, `entries` are those that it has now.

    A rejection is one of a tag_config, by its place in the list, or of the whole rule.
    """

    namespace: str
    repo_name: str
    place: str
    changed: Sequence[str] = ()
    entries: Sequence[TagEntry] = ()
    matches: list[Mapping[str, Any]] = field(default_factory=list)
    rejections: list[tuple[int | None, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefDecision:
    """What was decided about one ref; `facts` is its document. `others` are rules that build nothing of it.

    `no_rule` says that none is for this code. `left_off` counts what is not shown.
    """

    facts: Mapping[str, Any]
    rules: Sequence[RuleDecision]
    others: Sequence[RuleDecision]
    no_rule: bool
    left_off: int

    @property
    def reason(self) -> str:
        """Why nothing is built; empty when something is."""
        return without_folders(str(self.facts.get("reason") or ""))

    @property
    def is_unwanted(self) -> bool:
        """Whether rules are for the code, and none has an entry that is for the ref."""
        decided = [(rule, index) for rule in (*self.rules, *self.others) for index, _ in rule.rejections]
        if self.builds or self.left_off or not decided:
            return False
        return all(index is not None and self._is_for_another(rule, index) for rule, index in decided)

    def _is_for_another(self, rule: RuleDecision, index: int) -> bool:
        if not index < len(rule.entries):
            return False
        entry = rule.entries[index]
        return entry.kind != self.facts["ref_kind"] or entry.refs.match(self.facts["ref_name"]) is None

    @property
    def builds(self) -> int:
        return sum(len(rule.matches) for rule in self.rules)


def decisions_of(explanation: Sequence[Any], place_of: PlaceOf, rule_of: RuleOf) -> list[RefDecision]:
    """Those of a delivery; what is damaged is left out."""
    return [_decision(one, place_of, rule_of) for one in explanation if isinstance(one, Mapping)]


def _decision(facts: Mapping[str, Any], place_of: PlaceOf, rule_of: RuleOf) -> RefDecision:
    found: dict[RepositoryKey, RuleDecision] = {}
    for match in _listed(facts, "matches"):
        _rule(found, match, place_of, rule_of).matches.append({**_MATCH, **match})
    for rejection in _listed(facts, "rejections"):
        index, why = rejection.get("tag_config"), str(rejection.get("why") or "")
        _rule(found, rejection, place_of, rule_of).rejections.append((index, why))
    kept = list(found.values())[:MAX_RULES]
    building = [rule for rule in kept if rule.matches]
    silent = [rule for rule in kept if not rule.matches]
    return RefDecision(
        facts={"event": "", **dict.fromkeys(_FACTS), **facts},
        rules=[*building, *silent[:SHOWN]],
        others=silent[SHOWN:],
        no_rule=str(facts.get("reason") or "").startswith(NO_RULE),
        left_off=int(facts.get("left_off") or 0) + len(found) - len(kept),
    )


_MATCH: Final[Mapping[str, Any]] = {
    "tag_config": (),
    "builder": "",
    "image": "",
    "tags": (),
    "originals": {},
    "version_tagging": 0,
    "notes": (),
}
"""What a match has that is damaged, or from an older release."""
_FACTS: Final = ("repo", "ref_kind", "ref_name", "sha", "before", "tag_object_sha", "author")


def _listed(facts: Mapping[str, Any], key: str) -> Sequence[Mapping[str, Any]]:
    return [one for one in facts.get(key) or () if isinstance(one, Mapping)]


def _rule(
    found: dict[RepositoryKey, RuleDecision], decision: Mapping[str, Any], place_of: PlaceOf, rule_of: RuleOf
) -> RuleDecision:
    key = str(decision.get("namespace", "")), str(decision.get("repo_name", ""))
    if key not in found:
        place = without_folders(str(decision.get("place") or "") or place_of(key))
        changed = list(decision.get("changed") or ())
        found[key] = RuleDecision(*key, place=place, changed=changed, entries=_entries(rule_of(key)))
    return found[key]


def _entries(rule: BuildRepository | None) -> list[TagEntry]:
    configs = () if rule is None else rule.build_config.tag_configs
    return [TagEntry(one.code_repo_type, one.refs, one.docker_repo_tag, one.is_active) for one in configs]


def without_folders(text: str) -> str:
    """A text in which places of rules are without the folders of the server, but for the last one."""
    return _FOLDERS.sub(r"\1", text)
