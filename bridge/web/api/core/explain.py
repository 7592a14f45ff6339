"""What the rules in force, or others, make of a delivery, as far as a caller may see it; nothing is built."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import anyio
from anyio import to_thread

from bridge.config.document import documents_of, plain_document
from bridge.config.faults import suggest_or_list
from bridge.config.settings import SourceSettings
from bridge.errors import BadPayload, ConfigError, DeliveryError, Fault
from bridge.forges.base import Forge
from bridge.forges.push import check_ref_name
from bridge.forges.request import Request
from bridge.model.access import Principal, Role
from bridge.model.event import Ref
from bridge.rules.explain import MAX_STORED, Evaluation, evaluate
from bridge.rules.loader import load_documents
from bridge.rules.match import Matching, RuleSet
from bridge.runtime.clock import Clock
from bridge.store.base import Deliveries
from bridge.web.api.core.access import require_in
from bridge.web.api.core.builds import sees
from bridge.web.api.core.deliveries import DeliveryAccess
from bridge.web.api.core.errors import Conflict, Faulty, Invalid
from bridge.web.api.core.readings import (
    NOT_BY_ADDRESS,
    Reading,
    invented_push,
    kinds_by_word,
    read_invented,
    read_pasted,
    read_stored,
    sender_of,
)
from bridge.web.api.core.repositories import MAX_DOCUMENT, RuleKeeper

_GIVEN: Final = "rules"
"""The place of the faults of rules that were sent."""

GivenRules = str | Mapping[str, Any] | None
"""The YAML text of rules or one rule, to be used in place of those in force."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A delivery, and what `rules` make of each of its refs."""

    reading: Reading
    evaluations: Sequence[Evaluation]
    rules: RuleSet


class Explainer:
    """Explains one delivery at a time: what is read and evaluated has a bounded size, but takes a moment.

    A caller sees what the rules of its namespaces decide. Rules that it gives must be for namespaces in which
    it is a member. Each call raises Faulty and Forbidden for these, Invalid for what cannot be understood.
    """

    def __init__(
        self,
        keeper: RuleKeeper,
        access: DeliveryAccess,
        deliveries: Deliveries,
        *,
        forges: Mapping[str, Forge],
        sources: Mapping[str, SourceSettings],
        clock: Clock,
    ) -> None:
        self._keeper = keeper
        self._access = access
        self._deliveries = deliveries
        self._forges = forges
        self._sources = sources
        self._clock = clock
        self._one = anyio.Semaphore(1)

    async def pasted(
        self, caller: Principal, request: Request, source: str | None, given: GivenRules
    ) -> Explanation:
        """A delivery that was received elsewhere, as if it came now, to `source` if that is named.

        Its signature is checked for an admin only: others could try out secrets with it.
        """
        rules = await self.given(caller, given)

        def read() -> Reading:
            forge, senders = sender_of(
                request, source, forges=self._forges, sources=self._sources, option="`source`"
            )
            is_admin = caller.role is Role.ADMIN and caller.namespaces is None
            return read_pasted(request, forge, senders, self._clock(), verifies=is_admin)

        async with self._one:
            try:
                reading = await to_thread.run_sync(read)
            except DeliveryError as error:
                raise Invalid([f"delivery: {error}"]) from None
            return await to_thread.run_sync(_explanation, caller, reading, rules)

    async def stored(self, caller: Principal, delivery_id: str, given: GivenRules) -> Explanation:
        """A delivery that is stored. Raises NotFound, and Conflict for one that no Git host sent."""
        row, _, _ = await self._access.one(caller, delivery_id)
        rules = await self.given(caller, given)
        if row.damage:
            raise Conflict(f"{delivery_id}: {row.damage}")
        if (forge := self._forges.get(row.delivery.forge)) is None:
            raise Conflict(f"{delivery_id} came from no Git host: GET /v1/deliveries/{delivery_id} has it")
        async with self._one:
            try:
                reading = await read_stored(row.delivery, forge, rules, self._deliveries)
            except DeliveryError as error:
                raise Conflict(f"{delivery_id} cannot be understood: {error}") from None
            return await to_thread.run_sync(_explanation, caller, reading, rules)

    async def invented(
        self,
        caller: Principal,
        *,
        client: str,
        repository: str,
        ref: Ref,
        changed: Sequence[str],
        message: str,
        source: str | None,
        given: GivenRules,
    ) -> Explanation:
        """A push that never was; `client` is a kind of Git host, also by a former word for it.

        Without a `source`, it is the only one of that kind, or any of them.
        """
        rules = await self.given(caller, given)
        forges = self._keeper.in_force.files.names.forges
        kinds = kinds_by_word(forges)
        if (kind := kinds.get(client.lower())) is None:
            hint = suggest_or_list(client, forges).removeprefix("; ")
            raise Invalid([f"push.code_repo_client: there is no kind {client[:80]} of Git host; {hint}"])
        by_clone_url = forges[kind].by_clone_url
        if not by_clone_url and "://" in repository:
            raise Invalid([f"push.repository: {NOT_BY_ADDRESS}"])
        try:
            check_ref_name(ref.name)
        except BadPayload as error:
            raise Invalid([f"push.{ref.kind}: {error}"]) from None
        sources = self._keeper.in_force.files.names.sources
        if source is not None and source not in (known := sources.of_kind(kind)):
            names = ", ".join(known) or "none"
            raise Invalid([f"push.source: there is no source {source[:80]} of the kind {kind}, only {names}"])
        event = invented_push(repository, ref, changed, message, by_clone_url=by_clone_url)
        async with self._one:
            reading = read_invented(self._forges[kind], event, self._clock(), source or sources.only(kind))
            return await to_thread.run_sync(_explanation, caller, reading, rules)

    async def given(self, caller: Principal, given: GivenRules) -> RuleSet:
        """The rules that a caller gives, or those in force. Raises Faulty and Forbidden."""
        if given is None:
            return self._keeper.in_force.rules
        names = self._keeper.in_force.files.names

        def load() -> RuleSet:
            text = given if isinstance(given, str) else json.dumps(given)
            if len(text) > MAX_DOCUMENT:
                raise ConfigError([Fault(_GIVEN, "", f"are over {MAX_DOCUMENT >> 10} KiB: send fewer")])
            documents = documents_of(_GIVEN, text) if text is given else [plain_document(_GIVEN, given)]
            return load_documents(documents, names)

        try:
            async with self._one:
                rules = await to_thread.run_sync(load)
        except ConfigError as error:
            faults = [str(fault) for fault in error.faults]
            count = "a fault" if len(faults) == 1 else f"{len(faults)} faults"
            raise Faulty(f"the rules that were sent have {count}: {faults[0]}", faults) from None
        for namespace in sorted({namespace for namespace, _ in rules.repositories}):
            require_in(caller, Role.MEMBER, namespace)
        return rules


def _explanation(caller: Principal, reading: Reading, rules: RuleSet) -> Explanation:
    """Rules for other code are explained, too, where that is not more than is told of a delivery.

    Raises Invalid for more refs and rules than one answer holds.
    """
    every_rule = len(reading.events) * len(rules.repositories) <= MAX_STORED
    found: list[Evaluation] = []
    builds = 0
    for event in reading.events:
        if builds > MAX_STORED:
            raise Invalid([f"over {MAX_STORED} builds would be made: explain one ref at a time, as a push"])
        found += evaluate(
            reading.forge.kind, [event], rules, reading.at, reading.source, every_rule=every_rule
        )
        builds += len(found[-1].matching.matches)
    if caller.namespaces is not None:
        found = [replace(one, matching=_visible(caller, one.matching)) for one in found]
    return Explanation(reading=reading, evaluations=found, rules=rules)


def _visible(caller: Principal, matching: Matching) -> Matching:
    return Matching(
        tuple(match for match in matching.matches if sees(caller, match.repository.namespace)),
        tuple(rejection for rejection in matching.rejections if sees(caller, rejection.namespace)),
    )
