"""The code at Git hosts that is looked at, and the moves of its refs (pure)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bridge.config.loader import Config
from bridge.config.settings import SourceSettings
from bridge.model.event import RefKind
from bridge.model.missed import HostRef
from bridge.rules.match import RuleSet
from bridge.rules.reconciled import ReconciledPush
from bridge.rules.schema import BuildRepository
from bridge.runtime.git.access import CloneAccess, web_server

LOOK_SECONDS: Final = 300.0
"""From one look at a repository to the next."""
_NO_OBJECT: Final = "0" * 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """Code that rules build from; `clone_url` is what a rule says, `access` is what the source lends.

    `made_url` is the clone address that the source and the name give.
    """

    key: str
    source: str
    rule: BuildRepository
    settings: SourceSettings
    access: CloneAccess | None
    clone_url: str | None
    made_url: str | None

    @property
    def name(self) -> str:
        return self.rule.build_config.code

    @property
    def path(self) -> str | None:
        """The name at the host; None where only the address names it."""
        return self.rule.build_config.code_path

    @property
    def polled(self) -> bool:
        return self.settings.poll is not None

    @property
    def every(self) -> float:
        """The seconds from one look to the next."""
        poll = self.settings.poll
        return LOOK_SECONDS if poll is None else poll.total_seconds()

    def host(self, url: str) -> str:
        """What is asked gently."""
        return web_server(url) or self.source


@dataclass(frozen=True, slots=True)
class Move:
    """A ref that moved to what it is `at` now, None where it is gone; `before` is empty for a new one.

    Where it is `doubtful`, a webhook reported another move at about the time at which the host was asked, or
    one is stored that no one has read yet.
    """

    ref: str
    before: str
    at: HostRef | None
    push: ReconciledPush
    doubtful: bool


def codes(rules: RuleSet, config: Config) -> dict[str, Code]:
    """The code that active rules build from, where its source is known, by its keys.

    Rules that name the source know code by another key than those that do not: then it has one of both.
    """
    accesses, found = config.clone_access, dict[tuple[str, str], Code]()
    for rule in rules.repositories.values():
        source, of_rule = rules.source_of(rule), rule.build_config
        settings = config.settings.sources.get(source or "")
        is_active = any(one.is_active for one in of_rule.tag_configs) and not rules.api.disabled(rule.key)
        if source is None or settings is None or not is_active:
            continue
        key, same = of_rule.code_repository, (source, of_rule.code_key)
        if same in found and found[same].key <= key:
            continue
        found[same] = Code(
            key=key,
            source=source,
            rule=rule,
            settings=settings,
            access=accesses.get(source),
            clone_url=of_rule.code_repo_clone_url,
            made_url=rules.sources.made_address(source, of_rule.code_path),
        )
    return {code.key: code for code in found.values()}


def move_of(code: Code, url: str, ref: str, before: str, at: HostRef | None, *, doubtful: bool) -> Move:
    """The move of a ref, as the push that it must have been."""
    kind: RefKind = "tag" if ref.startswith("refs/tags/") else "branch"
    now = at or HostRef(_NO_OBJECT, _NO_OBJECT)
    push = ReconciledPush(
        kind=code.rule.build_config.code_repo_client,
        source=code.source,
        full_name=code.name,
        clone_url=url,
        ref_kind=kind,
        ref_name=ref.split("/", 2)[-1],
        before=before or _NO_OBJECT,
        pushed=now.pushed,
        sha=now.sha,
    )
    return Move(ref, before, at, push, doubtful)


def failing_looks(failing: Sequence[tuple[str, str]]) -> str:
    """What fails, in one sentence: the first of these names of code with its error, and how many more."""
    (name, error), *others = sorted(failing)
    more = f" and {len(others)} more" if others else ""
    return f"pushes of {name}{more} cannot be looked for: {error}"
