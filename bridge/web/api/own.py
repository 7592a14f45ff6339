"""Our own API below `/v1`: builds, their logs, deliveries, and a reload of the rules."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

import anyio.to_thread
from starlette.responses import Response

from bridge.errors import ConfigError
from bridge.model.access import Role
from bridge.rules.in_force import KnownRepository
from bridge.store.values import HealthRecord
from bridge.web.api.answers import failure, headers_of, success
from bridge.web.api.build_calls import BuildCalls
from bridge.web.api.core.access import require
from bridge.web.api.core.builds import sees
from bridge.web.api.core.core import Core
from bridge.web.api.core.errors import CallError, Conflict, Faulty, Invalid, NotFound
from bridge.web.api.core.previews import notice_about
from bridge.web.api.core.trigger import order_of
from bridge.web.api.delivery_documents import DeliveryDocument, DeliveryStory, delivery_document
from bridge.web.api.documents import (
    AuditDocument,
    BuildDocument,
    BuildStory,
    LogRow,
    PartDocument,
    PartTestDocument,
    audit_document,
    build_document,
    part_document,
    runs_document,
    timeline_document,
)
from bridge.web.api.events import Events
from bridge.web.api.explain import ExplainOrder, explained
from bridge.web.api.explanation_documents import ExplanationDocument
from bridge.web.api.idempotency import Attempts
from bridge.web.api.missed_documents import MissedDocument, missed_document
from bridge.web.api.node_documents import NodeDocument, node_documents
from bridge.web.api.notice_calls import NoticeCalls
from bridge.web.api.notice_documents import PreviewDocument
from bridge.web.api.operation import EVENT_STREAM, Call, KnowsCallers, Operation
from bridge.web.api.pages import PAGE_SIZE, ListPage, PageLinks
from bridge.web.api.queries import (
    AuditQuery,
    BuildQuery,
    DeliveryQuery,
    EventQuery,
    LogQuery,
    NewBuildOrder,
    PreviewQuery,
    RepositoryQuery,
)
from bridge.web.api.repository_calls import RepositoryCalls, address
from bridge.web.api.repository_documents import (
    BuildConfigDocument,
    ChangedBuildConfig,
    NewRepository,
    RepositoryStory,
    build_config_document,
    repository_story,
)
from bridge.web.api.silence_calls import SilenceCalls
from bridge.web.api.token_calls import TokenCalls

MAX_LISTED: Final = 1000
"""How many faults or changed repositories an answer lists."""
_REPOSITORY: Final = "/v1/repositories/{namespace}/{repo_name}"
_BUILD: Final = "/v1/builds/{build_id}"
_DELIVERY: Final = "/v1/deliveries/{delivery_id}"
_BYTES: Final = "application/octet-stream"
_SEQ: Final = re.compile(r"[0-9]{1,15}")


def _envelope(data: Mapping[str, Any], code: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "type": "object",
        "properties": {"code": code, "msg": {"type": "string"}, "data": data},
        "required": ["code", "msg", "data"],
    }


class OwnApi(BuildCalls, NoticeCalls, SilenceCalls, TokenCalls):
    """The views."""

    name: ClassVar[str] = "own"
    error_schema: ClassVar[Mapping[str, Any]] = _envelope({}, code={"type": "integer", "minimum": 1})

    @classmethod
    def answer_schema(cls, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        return _envelope(schema, code={"const": 0})

    def __init__(
        self, callers: KnowsCallers, attempts: Attempts, core: Core, events: Events, links: PageLinks
    ) -> None:
        super().__init__(callers, attempts)
        self._core = core
        self._repositories = RepositoryCalls(core)
        self._events = events
        self._links = links

    def success(self, content: Any, status: int) -> Response:
        return success(content, status)

    def failure(self, error: CallError, why: str) -> Response:
        data = {"faults": error.faults[:MAX_LISTED]} if isinstance(error, Faulty) else None
        answer = failure(error.status, why, data)
        answer.headers.update(headers_of(error))
        return answer

    async def list_builds(self, call: Call, query: BuildQuery) -> ListPage[BuildDocument]:
        """List builds, the newest first."""
        page = await self._core.builds.page(call.principal, query.cursor, PAGE_SIZE, query.filter)
        return self._links.listed(call, page, lambda build: build.id, build_document)

    async def show_build(self, call: Call) -> BuildStory:
        """Show a build, its runs, and the timeline of the newest one."""
        build = await self._core.builds.one(call.principal, call.path["build_id"])
        steps = await self._core.store.builds.steps(build.id)
        runs = runs_document(await self._core.store.builds.runs(build.id))
        return {**await self._build_document(call, build), "runs": runs, "timeline": timeline_document(steps)}

    async def show_log(self, call: Call, query: LogQuery) -> list[LogRow]:
        """Show the log of a build, piece by piece."""
        build = await self._core.builds.one(call.principal, call.path["build_id"])
        pieces = await self._core.store.builds.log(
            build.id, int(query.after), run=query.run, start=query.start_time, end=query.end_time
        )
        return [{"seq": piece.seq, "time": piece.at, "level": 0, "message": piece.text} for piece in pieces]

    async def preview_notices(self, call: Call, query: PreviewQuery) -> list[PreviewDocument]:
        """Show what each channel would send about a build now; nothing is sent."""
        require(call.caller, Role.ADMIN)  # it names whom channels mention, and how
        build = await self._core.builds.one(call.principal, call.path["build_id"])
        notice = await notice_about(self._core.store, build, query.event, self._core.clock())
        if notice is None:
            raise Conflict(f"there is no notice of {build.full_name} #{build.number} yet: it has not begun")
        shown = await anyio.to_thread.run_sync(self._core.previews, notice, query.language)
        return [{"channel": name, "text": text} for name, text in shown.items()]

    async def trigger(self, call: Call, body: NewBuildOrder) -> BuildDocument:
        """Build a tag or a branch, at a commit or the newest one.

        The answer is the first build that is made; all of them have its delivery_id.
        """
        known = self._core.repositories.one(call.principal, body.namespace, body.repo_name)
        caller, repository = call.caller, known.repository
        order = order_of(repository, body.tag, body.branch, body.code_commit_id)
        build, *_ = await self._core.trigger.trigger(caller, repository, order, call.origin, call.claim_id)
        return await self._build_document(call, build)

    async def list_deliveries(self, call: Call, query: DeliveryQuery) -> ListPage[DeliveryDocument]:
        """List deliveries, the newest first. Who may not read all gets those that built something there."""
        page = await self._core.deliveries.page(call.caller, query.cursor, PAGE_SIZE, query.filter)
        return self._links.listed(call, page, lambda head: head.id, delivery_document)

    async def show_delivery(self, call: Call) -> DeliveryStory:
        """Show a delivery, why it built or not, and the builds that it made."""
        row, steps, builds = await self._core.deliveries.one(call.caller, call.path["delivery_id"])
        shown = await self._core.builds.with_reasons(call.principal, builds)
        return {
            **delivery_document(row.head),
            "explanation": row.explanation,
            "timeline": timeline_document(steps),
            "builds": [build_document(build) for build in shown],
        }

    async def show_body(self, call: Call) -> Response:
        """Show the body of a delivery, as it was sent and without secrets."""
        row, _, _ = await self._core.deliveries.one(call.caller, call.path["delivery_id"])
        # It came from outside: no browser may take it for a page of ours.
        headers = {"x-content-type-options": "nosniff"}
        return Response(row.delivery.body, headers=headers, media_type=_BYTES)

    async def show_headers(self, call: Call) -> dict[str, str]:
        """Show the headers of a delivery that are kept: those that say what it is."""
        row, _, _ = await self._core.deliveries.one(call.caller, call.path["delivery_id"])
        return dict(row.delivery.headers)

    async def redeliver(self, call: Call) -> DeliveryDocument:
        """Have a delivery evaluated once more, by the rules of today; the answer is the new delivery."""
        delivery_id = call.path["delivery_id"]
        new_id = await self._core.deliveries.redeliver(call.caller, delivery_id, call.origin, call.claim_id)
        row, _, _ = await self._core.deliveries.one(call.caller, new_id)
        return delivery_document(row.head)

    async def show_health(self, call: Call) -> list[PartDocument]:
        """Show which builders and channels work, and since when and why others do not.

        Who may read all sees what else does not work, such as `rules` that have faults, a `configuration` of
        which something waits for a restart, a `source:NAME` whose Git host does not say its refs, or a
        `node:NAME` that was not heard of.
        """
        names = self._core.keeper.in_force.files.names
        parts = [f"builder:{name}" for name in names.builders] + [
            f"channel:{name}" for name in names.channels
        ]
        known = {record.name: record for record in await self._core.store.health.all()}
        known |= {record.name: record for record in await self._core.health.late_nodes()}
        if call.caller.namespaces is None:
            parts += [name for name, one in known.items() if one.down_since is not None and name not in parts]
        now = self._core.clock()
        return [part_document(known.get(part, HealthRecord(name=part)), now) for part in parts]

    async def list_nodes(self, call: Call) -> list[NodeDocument]:
        """List the daemons that serve the store, by name; for who may read all."""
        roll = await self._core.health.nodes(call.caller)
        return node_documents(roll, is_shared=self._core.store.nodes.is_shared)

    async def test_builder(self, call: Call) -> PartTestDocument:
        """Have a builder asked whether it could build; builds nothing."""
        if (tested := await self._tested(call, "builder")) is None:
            raise NotFound("there is no builder of this name: see /v1/health for those that there are")
        return tested

    async def test_channel(self, call: Call) -> PartTestDocument:
        """Send one real notice to a channel; if it is taken, what waits there is sent."""
        if (tested := await self._tested(call, "channel")) is None:
            raise NotFound("there is no channel of this name: see /v1/health for those that there are")
        return tested

    async def _tested(self, call: Call, kind: str) -> PartTestDocument | None:
        found = await self._core.health.test(call.caller, f"{kind}:{call.path['name']}", call.origin)
        return None if found is None else {"worked": found[0], "said": found[1]}

    async def explain(self, call: Call, body: ExplainOrder) -> list[ExplanationDocument]:
        """Say what the rules make of a delivery or a push, one document for each ref; nothing is built.

        Each caller sees what the rules of its namespaces decide. Who gives `rules`, to use them in place of
        those in force, has to be a member of their namespaces. The signature of a delivery that is not stored
        is checked for admins only.
        """
        return await explained(self._core.explainer, call.caller, body)

    async def stream_events(self, call: Call, query: EventQuery) -> Response:
        """Stream what happens to builds, deliveries and notices, as server-sent events.

        The data of each is a document with `seq`, which is its id, too. A client that comes back sends the
        header `Last-Event-ID`, as browsers do, and misses nothing.
        """
        last = call.request.headers.get("last-event-id")
        if last and not _SEQ.fullmatch(last):
            raise Invalid([f"Last-Event-ID: {last[:20]} is the id of no event here: leave it out"])
        after = int(last) if last else query.after
        return self._events.stream(call.principal, after, origin=call.origin, ping=query.ping)

    async def reload(self, call: Call) -> dict[str, Any]:
        """Use the configuration, the secrets and the rules on disk: what changed, or 422 with their faults.

        `waits_for_restart` are the keys of `bridge.yaml` that have changed since the start and cannot be used
        before the next one.
        """
        try:
            done = await self._core.health.reload(call.caller, call.origin)
        except ConfigError as error:
            raise _faulty(error) from None
        return done.document(MAX_LISTED)

    async def list_changes(self, call: Call, query: AuditQuery) -> ListPage[AuditDocument]:
        """List who changed what, the newest first; for admins."""
        require(call.caller, Role.ADMIN)
        async with self._core.one_list:
            page = await self._core.store.audit.page(
                query.cursor, PAGE_SIZE, name=query.name, action=query.action
            )
        return self._links.listed(call, page, lambda entry: entry.id, audit_document)

    async def list_missed(self, call: Call) -> list[MissedDocument]:
        """List pushes that no webhook reported, the newest first, at most 1000."""
        return [missed_document(one) for one in await self._core.health.missed(call.caller, MAX_LISTED)]

    async def create_repository(self, call: Call, body: NewRepository) -> RepositoryStory:
        """Make a repository. The body has the keys of a rule file; the namespace is that of the address."""
        return repository_story(
            await self._repositories.create(call, call.path["namespace"], body.content), trusted=True
        )

    async def list_repositories(self, call: Call, query: RepositoryQuery) -> ListPage[RepositoryStory]:
        """List repositories by name."""
        page = self._repositories.page(call, query)
        return self._links.listed_repositories(call, page, lambda known: _story(call, known))

    async def show_repository(self, call: Call) -> RepositoryStory:
        """Show a repository."""
        return _story(call, self._repositories.one(call, address(call)))

    async def replace_build_config(self, call: Call, body: ChangedBuildConfig) -> BuildConfigDocument:
        """Change the build_config of a repository that was made by API; keys that are not sent stay.

        The list of tag_configs is replaced: those that are sent with their ids keep them, others are new.
        With the ETag of the repository as If-Match, what somebody else has changed meanwhile stays: 412.
        """

        def shown(known: KnownRepository) -> Response:
            return self.success(_story(call, known), 200)

        return build_config_document(
            await self._repositories.replace_build_config(call, address(call), body.content, shown)
        )

    async def delete_repository(self, call: Call) -> None:
        """Delete a repository that was made by API; its builds stay."""
        await self._repositories.delete(call, address(call))

    operations: ClassVar[Sequence[Operation]] = (
        Operation("POST", "/v1/repositories/{namespace}", create_repository, status=201),
        Operation("GET", "/v1/repositories", list_repositories, public=True),
        Operation("GET", _REPOSITORY, show_repository, public=True),
        Operation("PUT", f"{_REPOSITORY}/build-config", replace_build_config, public=True, conditional=True),
        Operation("DELETE", _REPOSITORY, delete_repository, public=True),
        Operation("GET", "/v1/builds", list_builds, public=True),
        Operation("POST", "/v1/builds", trigger, status=201, public=True),
        Operation("GET", _BUILD, show_build, public=True),
        *BuildCalls.build_operations,
        Operation("GET", f"{_BUILD}/logs", show_log, public=True),
        Operation("GET", f"{_BUILD}/previews", preview_notices),
        Operation("GET", "/v1/deliveries", list_deliveries),
        Operation("GET", _DELIVERY, show_delivery),
        Operation("GET", f"{_DELIVERY}/body", show_body, media_type=_BYTES),
        Operation("GET", f"{_DELIVERY}/headers", show_headers),
        Operation("POST", f"{_DELIVERY}/redeliver", redeliver, status=201),
        *NoticeCalls.notice_operations,
        *SilenceCalls.silence_operations,
        *TokenCalls.token_operations,
        Operation("GET", "/v1/health", show_health),
        Operation("GET", "/v1/nodes", list_nodes),
        Operation("POST", "/v1/builders/{name}/test", test_builder, keyed=False),
        Operation("POST", "/v1/channels/{name}/test", test_channel, keyed=False),
        Operation("POST", "/v1/explain", explain, keyed=False),
        Operation("GET", "/v1/events", stream_events, public=True, media_type=EVENT_STREAM),
        Operation("POST", "/v1/reload", reload),
        Operation("GET", "/v1/audit", list_changes),
        Operation("GET", "/v1/missed", list_missed),
    )


def _story(call: Call, known: KnownRepository) -> RepositoryStory:
    return repository_story(known, trusted=sees(call.principal, known.repository.namespace))


def _faulty(error: ConfigError) -> Faulty:
    faults = [str(fault) for fault in error.faults]
    count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    why = (
        f"bridge.yaml and the rules have {count}: what was good stays in force, correct the files and reload"
    )
    return Faulty(why, faults)
