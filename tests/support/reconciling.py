"""A reconciler and the dispatcher that it wakes, on code of real Git servers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import cycle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from support.git import Origin, git
from support.harness import DispatcherHarness
from support.rules import rules_of
from support.scripted import Store, delivery_of

from bridge.config.settings import ServerSettings, SourceSettings
from bridge.model.build import Build, BuildState
from bridge.model.missed import MissedRef, MissedState
from bridge.planning.looked_code import LOOK_SECONDS
from bridge.planning.notice_policy import ServiceNoticePolicy
from bridge.registry import FORGES, WEBHOOKS
from bridge.rules.match import RuleSet
from bridge.rules.sources import SourceFacts, Sources
from bridge.runtime.git.access import CloneAccess
from bridge.services.look_queue import FIRST_SECONDS
from bridge.services.reconciler import GRACE_SECONDS, Reconciler
from bridge.store.refs import NewLook

NONE = "0" * 40
RULE = """
namespace: acme
repo_name: {name}
build_config:
  code_repo_client: {kind}
  code_repo_namespace: acme
  code_repo_name: {name}
  code_repo_clone_url: {url}
  tag_configs:
    - {{code_repo_type: branch, code_repo_type_value: [main, "release/*"], docker_repo_tag: "{{branch}}"}}
    - {{code_repo_type: tag, code_repo_type_value: "v*", docker_repo_tag: "{{tag}}"}}
"""


@dataclass
class InForce:
    """What a daemon would have in force, for one source with the name of its kind in small letters."""

    rules: RuleSet
    kind: str
    source: Mapping[str, Any] = field(default_factory=dict)
    access: CloneAccess | None = None
    public_url: str = "https://bridge.example.com"

    @property
    def config(self) -> Any:
        given = {"kind": self.kind, "missed": "tell", "poll": None, "api": None, **self.source}
        sources = {self.kind.lower(): SourceSettings.model_construct(**given)}
        settings = SimpleNamespace(sources=sources, server=ServerSettings(public_url=self.public_url))
        access = {} if self.access is None else {self.kind.lower(): self.access}
        return SimpleNamespace(settings=settings, clone_access=access)


class ReconcilerHarness(DispatcherHarness):
    """`repositories` are the addresses of the code, by its names."""

    kind = "Gitea"
    _sent = 0

    def __init__(self, store: Store, folder: Path, repositories: Mapping[str, str], **source: Any) -> None:
        texts = [RULE.format(name=name, url=url, kind=self.kind) for name, url in repositories.items()]
        sources = Sources({self.kind.lower(): SourceFacts(self.kind)})
        rules = replace(rules_of(folder, "---\n".join(texts)), sources=sources)
        super().__init__(store, rules, {self.kind: FORGES[self.kind]})
        self.in_force = InForce(self.rules, self.kind, source)
        dispatching = self._rounds.pop(self.dispatcher)
        self.reconciler = self.add(self.another())
        self._rounds[self.dispatcher] = dispatching

    def another(self) -> Reconciler:
        return Reconciler(
            self.in_force,
            self.store,
            ServiceNoticePolicy(self.store.clock),
            self.store.clock,
            WEBHOOKS,
            on_missed=self.hand_over("on_missed", self.dispatcher),
            jitter=lambda: 0.5,
        )

    def pause_dispatcher(self) -> None:
        """Have deliveries wait for another process."""
        del self._rounds[self.dispatcher]

    async def begin(self) -> None:
        """The first look at each repository."""
        await self.advance(FIRST_SECONDS * 1.1)

    async def look(self) -> None:
        """The next look, and the one after the grace."""
        await self.advance(LOOK_SECONDS)
        await self.advance(GRACE_SECONDS)

    async def push(self, name: str, url: str, ref: str, before: str, after: str) -> None:
        """The webhook of a push."""
        self._sent += 1
        body = {
            "ref": ref,
            "before": before,
            "after": after,
            "repository": {"full_name": f"acme/{name}", "clone_url": url},
            "head_commit": None if after == NONE else {"id": after, "message": "a change"},
        }
        delivery = delivery_of(
            f"hook-{self._sent}",
            self.store.clock(),
            source="gitea",
            forge="Gitea",
            headers={"x-gitea-event": "push", "content-type": "application/json"},
            body=json.dumps(body).encode(),
        )
        await (self.put(delivery) if self.dispatcher in self._rounds else self.store.deliveries.put(delivery))

    async def builds(self) -> list[Build]:
        return await self.store.builds.in_state("jenkins", *BuildState)

    async def missed(self) -> list[MissedRef]:
        """The oldest first."""
        return list(reversed(await self.store.looks.missed(1000)))

    async def named(self) -> list[tuple[str, str, str, str]]:
        return [(one.ref, one.before, one.after, one.state) for one in await self.missed()]


def without_addresses(rules: RuleSet, sources: Sources | None = None) -> RuleSet:
    """The same rules, of which none says where its code is."""
    bare = {"code_repo_clone_url": None}
    found = {
        key: rule.model_copy(update={"build_config": rule.build_config.model_copy(update=bare)})
        for key, rule in rules.repositories.items()
    }
    return replace(rules, repositories=found, sources=sources or rules.sources)


def heads(origin: Origin) -> dict[str, str]:
    """What the refs of a repository point to."""
    lines = git(origin.remote, "for-each-ref", "--format=%(refname) %(objectname)").splitlines()
    return dict(line.split(" ") for line in lines)


def origins(folder: Path, names: Sequence[str]) -> dict[str, Origin]:
    """Repositories with one commit on main each."""
    made = {}
    for name in names:
        made[name] = origin = Origin(folder / name)
        origin.commit({"a": name})
        origin.push()
    return made


async def keep_missed(store: Store, *reasons: str, repo: str = "acme/shop", at: float | None = None) -> None:
    """As after a look that found a push of main for each of these reasons."""
    now = store.clock() if at is None else at
    code = f"Gitea {repo}"
    missed = [
        MissedRef(
            code=code,
            source="gitea",
            repo=repo,
            ref="refs/heads/main",
            before="",
            after="1" * 40,
            at=now,
            reason=reason,
            state=state,
        )
        for reason, state in zip(reasons, cycle(MissedState), strict=False)
    ]
    known = await store.looks.last(code)
    look = NewLook(code=code, looks=known.looks, clone_url="https://x/y", looked_at=now, missed=missed)
    assert await store.looks.keep(look)
