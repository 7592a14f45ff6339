"""The dispatcher: each stored delivery becomes builds, or the reason why it does not."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import anyio
import anyio.to_thread
import structlog
from anyio.abc import TaskStatus
from pydantic import ValidationError

from bridge.config.forges import USUAL
from bridge.config.notices import NoticeSetting
from bridge.errors import BadPayload, StoreError
from bridge.forges.base import Forge
from bridge.forges.request import Request
from bridge.model.build import UNPUSHED, NewBuild, Origin
from bridge.model.delivery import Delivery, DeliveryState
from bridge.model.event import Ignored, Person, PushEvent, RefMove
from bridge.model.plan import RefKey
from bridge.planning.builds import plan
from bridge.planning.notice_policy import NoticePolicy
from bridge.planning.ref_history import recorded
from bridge.planning.ref_moves import beside_history, moves_of
from bridge.rules import manual, reconciled, scheduled
from bridge.rules.explain import Evaluation, evaluate, stored_documents
from bridge.rules.lending import lending
from bridge.rules.match import Match, Matching, RuleSet
from bridge.rules.schema import BuildRepository
from bridge.runtime import tracing
from bridge.runtime.events import LogEvent
from bridge.runtime.metrics import DISPATCHED
from bridge.services.base import StoreFollower
from bridge.store.base import Deliveries
from bridge.store.values import MAX_DETAIL, Decision, RecordedDecision

log = structlog.get_logger()

BATCH: Final = 64
PATIENCE_SECONDS: Final = 2.0
"""How long a batch waits for the receiver: a Git host waits for its answer, a build can start later."""
_LOOK_SECONDS: Final = 0.01
_LARGE: Final = 16 << 10
"""Larger bodies are evaluated in a thread: to read them and the files they name can take long."""


class Dispatcher(StoreFollower):
    """Decides about the stored deliveries, oldest first."""

    def __init__(
        self,
        forges: Mapping[str, Forge],
        rules: Callable[[], RuleSet],
        deliveries: Deliveries,
        *,
        default_notices: Callable[[], Sequence[NoticeSetting]],
        notice_policy: NoticePolicy,
        on_dispatched: Callable[[], None],
    ) -> None:
        super().__init__("dispatcher")
        self._forges = forges
        self._rules = rules
        self._deliveries = deliveries
        self._default_notices = default_notices
        self._notice_policy = notice_policy
        self._on_dispatched = on_dispatched
        self._moves: dict[RefKey, list[RefMove]] = {}
        """How refs moved by the deliveries of this batch, which may not be recorded yet."""

    async def round(self) -> None:
        while batch := await self._next():
            self._moves.clear()
            # Side by side, so that their writes share a commit.
            async with anyio.create_task_group() as tasks:
                for delivery in batch:
                    # Which lets a Git host have the answer to its delivery before all of these are decided.
                    await tasks.start(self._decide, delivery)

    async def _decide(self, delivery: Delivery, *, task_status: TaskStatus[None]) -> None:
        """The next delivery can be decided once this one is, while that is still to be recorded."""
        with tracing.deciding(delivery, sent=delivery.forge in self._forges) as span:
            decision = await self._decided(delivery)
            task_status.started()
            recorded = await self._record(delivery, decision)
            if recorded is not None:
                failed = recorded.state is DeliveryState.DEAD
                span.outcome(recorded.state, recorded.detail, failed)

    async def _next(self) -> list[Delivery]:
        """The deliveries to decide now. While many arrive they are stored first, for a moment at most."""
        with anyio.move_on_after(PATIENCE_SECONDS):
            while self._deliveries.crowded():  # noqa: ASYNC110  # the store has no event for it
                await anyio.sleep(_LOOK_SECONDS)
        return await self._deliveries.claim(BATCH)

    async def _decided(self, delivery: Delivery) -> Decision:
        """The decision by the rules in force; one after the other, so that no push overtakes an older one."""
        # Both at once: what decides a delivery is one set, whatever is reloaded meanwhile.
        rules, default_notices = self._rules(), self._default_notices()
        if len(delivery.body) <= _LARGE:
            evaluations = self._evaluated(delivery, rules)
        else:
            evaluations = await anyio.to_thread.run_sync(self._evaluated, delivery, rules)
        if isinstance(evaluations, Decision):
            return evaluations
        evaluations = [await self._with_history(one, delivery, rules) for one in evaluations]
        return self._decision(delivery, evaluations, rules, default_notices)

    async def _with_history(self, one: Evaluation, delivery: Delivery, rules: RuleSet) -> Evaluation:
        """Evaluated without path filters, where the list of changed files is not of all that changed."""
        event, (forge, source) = one.event, _host_of(delivery)
        for move in moves_of(forge, event, rules, source):
            earlier = self._moves.setdefault((move.code, move.ref), [])
            earlier.append(move)
            if isinstance(event, Ignored) or not rules.filters(forge, event, source):
                continue
            moves = await self._deliveries.moves(move.code, move.ref)
            for other in earlier[:-1]:
                moves = recorded(moves, other, delivery.received_at)
            event = event if event.unseen else beside_history(event, move, moves)
        if isinstance(event, Ignored) or not event.unseen:
            return one
        return evaluate(forge, [event], rules, delivery.received_at, source)[0]

    async def _record(self, delivery: Delivery, decision: Decision) -> RecordedDecision | None:
        try:
            recorded = await self._deliveries.record_decision(
                delivery.id, decision, self._notice_policy, plan
            )
        except StoreError:
            raise
        except Exception as error:
            # One delivery that cannot be decided must not stop those behind it.
            log.exception(LogEvent.DELIVERY_DECISION_FAILED, delivery_id=delivery.id)
            recorded = await self._deliveries.record_decision(
                delivery.id, _undecidable(error), self._notice_policy, plan
            )
        if recorded is None:
            return None
        DISPATCHED.labels(recorded.state).inc()
        log.info(
            LogEvent.DELIVERY_DECIDED,
            delivery_id=delivery.id,
            state=recorded.state,
            reason=recorded.detail,
            builds=list(recorded.builds) or None,
        )
        if recorded.builds:
            self._on_dispatched()
        return recorded

    def _evaluated(self, delivery: Delivery, rules: RuleSet) -> list[Evaluation] | Decision:
        """What the rules decide about each ref, or what becomes of a delivery that cannot be read."""
        try:
            return self._evaluations(delivery, rules)
        except (BadPayload, ValidationError) as error:
            why = str(error) if isinstance(error, BadPayload) else "the stored request cannot be read"
            return Decision(state=DeliveryState.DEAD, detail=why[:MAX_DETAIL], explanation=[])
        except Exception as error:
            log.exception(LogEvent.DELIVERY_DECISION_FAILED, delivery_id=delivery.id)
            return _undecidable(error)

    def _decision(
        self,
        delivery: Delivery,
        evaluations: Sequence[Evaluation],
        rules: RuleSet,
        default_notices: Sequence[NoticeSetting],
    ) -> Decision:
        builds = [
            self._new_build(delivery, evaluation.event, match, rules, default_notices)
            for evaluation in evaluations
            for match in evaluation.matching.matches
            if isinstance(evaluation.event, PushEvent)
        ]
        reasons = [evaluation.reason for evaluation in evaluations if evaluation.reason]
        forge, source = _host_of(delivery)
        return Decision(
            state=DeliveryState.DISPATCHED if builds else DeliveryState.IGNORED,
            detail="; ".join(reasons)[:MAX_DETAIL],
            explanation=stored_documents(evaluations),
            builds=builds,
            moves=[
                replace(move, seen=delivery.forge == reconciled.FORGE)
                for one in evaluations
                for move in moves_of(forge, one.event, rules, source)
            ],
        )

    def _evaluations(self, delivery: Delivery, rules: RuleSet) -> list[Evaluation]:
        if delivery.forge == manual.FORGE:
            return [_evaluate_unpushed(manual.ManualPush.read(delivery), delivery, rules)]
        if delivery.forge == scheduled.FORGE:
            return [_evaluate_unpushed(scheduled.ScheduledPush.read(delivery), delivery, rules)]
        if delivery.forge == reconciled.FORGE:
            found = reconciled.ReconciledPush.read(delivery)
            return evaluate(found.kind, [found.event()], rules, delivery.received_at, found.source)
        forge = self._forges.get(delivery.forge)
        if forge is None:
            raise BadPayload(f"this release knows no forge {delivery.forge}")
        events = forge.parse(Request(delivery.headers, delivery.body))
        return evaluate(forge.kind, events, rules, delivery.received_at, delivery.source)

    def _new_build(
        self,
        delivery: Delivery,
        event: PushEvent,
        match: Match,
        rules: RuleSet,
        default_notices: Sequence[NoticeSetting],
    ) -> NewBuild:
        repository = match.repository
        is_pushed, (_, source) = delivery.forge not in UNPUSHED, _host_of(delivery)
        address = rules.sources.address(source, event.repo)
        url = repository.build_config.code_repo_clone_url or address or ""
        lent = lending(rules, repository, source if is_pushed else rules.source_of(repository), url)
        settings = default_notices if repository.notices is None else repository.notices
        return NewBuild(
            namespace=repository.namespace,
            repo_name=repository.repo_name,
            builder=match.builder,
            tag_set=f"{event.ref.full}\n{match.context}\n{match.dockerfile}",
            image=match.image,
            tags=match.tags,
            version_tagging=match.version_tagging,
            repo_url=url,
            source=lent.source,
            ref=event.ref.full,
            sha=event.sha,
            peeled=event.peeled,
            context=match.context,
            dockerfile=match.dockerfile,
            parameters=match.parameters,
            origin=self._origin(delivery, event, repository),
            subscriptions=tuple(setting.subscription for setting in settings),
            code=repository.build_config.code_repository,
            pushed=event.pushed,
            commit_tags=match.commit_tags,
            on_newer=repository.build_config.on_newer if event.ref.kind == "branch" else "queue",
            concurrency=repository.build_config.concurrency,
            named=match.named,
            notes=tuple(note for note in (_origin_note(delivery), *match.notes, lent.why) if note),
        )

    def _origin(self, delivery: Delivery, event: PushEvent, repository: BuildRepository) -> Origin:
        config, commit = repository.build_config, event.commit
        forge = self._forges.get(config.code_repo_client)
        pages = USUAL.pages if forge is None else forge.traits.pages
        page = pages.of_repository(event.repo.web_url, event.repo.clone_url)
        return Origin(
            delivery_id=delivery.id,
            cause=delivery.forge if delivery.forge in UNPUSHED else event.event,
            ref_kind=event.ref.kind,
            ref_name=event.ref.name,
            subject=commit.subject if commit else "",
            author=commit.author if commit else event.pusher,
            committer=commit.committer if commit else Person(),
            co_authors=commit.co_authors if commit else (),
            commit_url=(commit.url if commit else None)
            or (pages.of_commit(page, event.sha) if event.peeled else None),
            is_public=repository.is_public,
            by=event.pusher.name if delivery.forge == manual.FORGE else None,
            client=config.client_as_written,
            code_path=config.code_path,
            code_url=page,
            ref_url=pages.of_ref(page, event.ref.kind, event.ref.name),
            build_node=config.build_node,
        )


def _host_of(delivery: Delivery) -> tuple[str, str]:
    """The kind of Git host that was pushed to, and its source."""
    if delivery.forge == reconciled.FORGE:
        found = reconciled.ReconciledPush.read(delivery)
        return found.kind, found.source
    return delivery.forge, delivery.source


def _origin_note(delivery: Delivery) -> str:
    return reconciled.NOTE if delivery.forge == reconciled.FORGE else ""


def _evaluate_unpushed(
    push: manual.ManualPush | scheduled.ScheduledPush, delivery: Delivery, rules: RuleSet
) -> Evaluation:
    """What no one pushed is built by the rules of its own repository only."""
    repository = rules.repository(push.namespace, push.repo_name)
    if repository is None:
        raise BadPayload(f"there is no rule for {push.namespace}/{push.repo_name}")
    event = push.event()
    if isinstance(event, Ignored):
        return Evaluation(event, Matching())
    if isinstance(push, scheduled.ScheduledPush):
        return Evaluation(event, rules.match_by_hand(repository, event, delivery.received_at))
    matching = rules.match_by_hand(
        repository,
        event,
        delivery.received_at,
        docker_repo_tag=push.docker_repo_tag,
        parameters=push.parameters,
    )
    return Evaluation(event, matching)


def _undecidable(error: Exception) -> Decision:
    why = f"it cannot be decided: {type(error).__name__} (a fault of the bridge; the log has more)"
    return Decision(state=DeliveryState.DEAD, detail=why, explanation=[])
