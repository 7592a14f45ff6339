"""Builds, deliveries and timelines as JSON documents, for the API and for the command line alike."""

from collections.abc import Sequence
from typing import Any, Final

from typing_extensions import TypedDict

from bridge.model.access import IssuedToken
from bridge.model.audit import AuditEntry
from bridge.model.build import MANUAL, Build, BuildState
from bridge.runtime.clock import maybe_when, when
from bridge.store.values import DeliveryHead, Happening, HealthRecord, Step

_STEPS: Final = {
    BuildState.WAITING: 1,
    BuildState.TRIGGERING: 5,
    BuildState.QUEUED: 10,
    BuildState.RUNNING: 25,
}
_LAST_STEP: Final = 50
_SHORT: Final = 12


class BuildDocument(TypedDict):
    """A build, with the keys of Alauda's builds API and keys of our own; times are ISO 8601 in UTC.

    `step_at` grows from 1 for a build that waits to 50 for one that has ended; `is_removable` says that it
    has not. `code_repo_branch_url` is the page of the branch or tag.
    """

    build_id: str
    number: int
    namespace: str
    repo_name: str
    status: str
    state: str
    raw: str
    detail: str
    created_at: str
    run: int
    retried_by: str | None
    enqueued_at: str
    started_at: str | None
    ended_at: str | None
    builder: str
    build_url: str | None
    attempts: int
    delivery_id: str
    cause: str
    created_by: str | None
    auto_created: bool
    step_at: int
    is_removable: bool
    code_repo_client: str | None
    code_repo_path: str | None
    code_repo_http_url: str | None
    code_repo_branch_url: str | None
    code_repo_type: str
    code_repo_type_value: str
    code_head_commit: str | None
    code_commit_http_url: str | None
    subject: str
    docker_repo_path: str
    docker_repo_tag: str | None
    docker_repo_tags: list[str]
    docker_repo_version_tag: str | None
    digest: str | None
    image_id: str | None
    build_node: str | None
    build_context_path: str
    dockerfile_location: str


class StepDocument(TypedDict):
    """A step of a timeline: when, one word, and a sentence."""

    at: str
    what: str
    detail: str


class RunDocument(TypedDict):
    """What a run of a build has of its own; `run_id` is what its builder knows it by."""

    run: int
    run_id: str
    retried_by: str | None
    state: str
    detail: str
    enqueued_at: str
    started_at: str | None
    ended_at: str | None
    build_url: str | None
    digest: str | None


class BuildStory(BuildDocument):
    """A build with all its runs, and the timeline of the newest one."""

    runs: list[RunDocument]
    timeline: list[StepDocument]


class DeliveryDocument(TypedDict):
    """A delivery without its body, whose `size` is in bytes; `replay` counts the redeliveries before it."""

    id: str
    source: str
    forge: str
    event: str
    key: str
    replay: int
    size: int
    received_at: str
    state: str
    detail: str


class DeliveryStory(DeliveryDocument):
    """A delivery with its timeline, the builds that it made, and what each rule decided (`explanation`)."""

    explanation: Any
    timeline: list[StepDocument]
    builds: list[BuildDocument]


class PartDocument(TypedDict):
    """How a builder or a channel is: `up`, or `down` since when and why; `name` begins with its kind."""

    name: str
    state: str
    since: str | None
    why: str


class TokenDocument(TypedDict):
    """A token, or an access key, without what is secret of it; `namespaces` is null for all of them."""

    id: str
    name: str
    role: str
    namespaces: list[str] | None
    access_key: str | None
    created_at: str
    created_by: str
    expires_at: str | None
    revoked_at: str | None


class AuditDocument(TypedDict):
    """Who changed what, from which address (or `cli`), and what it was before and after."""

    id: str
    at: str
    name: str
    token_id: str | None
    action: str
    subject: str
    origin: str
    before: Any
    after: Any


class LogRow(TypedDict):
    """A piece of a log: `seq` orders the pieces, `time` is when it was read, in Unix seconds."""

    seq: int
    time: float
    level: int
    message: str


class HappeningDocument(TypedDict):
    """An event: what happened to a delivery, a build or a notice; `seq` is its place among all."""

    seq: int
    at: str
    kind: str
    id: str
    what: str
    detail: str
    namespace: str | None
    repo_name: str | None
    number: int | None


def build_document(build: Build) -> BuildDocument:
    request, origin = build.request, build.origin
    return {
        "build_id": build.id,
        "number": build.number,
        "namespace": build.namespace,
        "repo_name": build.repo_name,
        "status": build.state.letter,
        "state": build.state,
        "raw": build.raw,
        "detail": build.detail,
        "created_at": when(build.created_at),
        "run": build.run,
        "retried_by": build.retried_by,
        "enqueued_at": when(build.enqueued_at),
        "started_at": maybe_when(build.started_at),
        "ended_at": maybe_when(build.ended_at),
        "builder": build.builder,
        "build_url": build.url,
        "attempts": build.attempts,
        "delivery_id": origin.delivery_id,
        "cause": origin.cause,
        "created_by": origin.by or origin.author.name,
        "auto_created": origin.cause != MANUAL,
        "step_at": _STEPS.get(build.state, _LAST_STEP),
        "is_removable": not build.state.terminal,
        "code_repo_client": origin.client,
        "code_repo_path": origin.code_path,
        "code_repo_http_url": origin.code_url,
        "code_repo_branch_url": origin.ref_url,
        "code_repo_type": origin.ref_kind,
        "code_repo_type_value": origin.ref_name,
        "code_head_commit": request.commit or None,
        "code_commit_http_url": origin.commit_url,
        "subject": origin.subject,
        "docker_repo_path": request.image,
        "docker_repo_tag": request.tags[0] if request.tags else None,
        "docker_repo_tags": list(request.tags),
        "docker_repo_version_tag": request.version_tag,
        "digest": build.digest,
        "image_id": _short(build.digest),
        "build_node": origin.build_node,
        "build_context_path": request.context,
        "dockerfile_location": request.dockerfile,
    }


def _short(digest: str | None) -> str | None:
    """The digest as `docker images` shows it."""
    return None if digest is None else digest.rpartition(":")[2][:_SHORT]


def runs_document(runs: Sequence[Build]) -> list[RunDocument]:
    """All runs of a build, the first one first."""
    return [
        {
            "run": build.run,
            "run_id": build.run_id,
            "retried_by": build.retried_by,
            "state": build.state,
            "detail": build.detail,
            "enqueued_at": when(build.enqueued_at),
            "started_at": maybe_when(build.started_at),
            "ended_at": maybe_when(build.ended_at),
            "build_url": build.url,
            "digest": build.digest,
        }
        for build in runs
    ]


def delivery_document(head: DeliveryHead) -> DeliveryDocument:
    return {
        "id": head.id,
        "source": head.source,
        "forge": head.forge,
        "event": head.event,
        "key": head.key,
        "replay": head.replay,
        "size": head.size,
        "received_at": when(head.received_at),
        "state": head.state,
        "detail": head.detail,
    }


def timeline_document(steps: Sequence[Step]) -> list[StepDocument]:
    return [{"at": when(step.at), "what": step.what, "detail": step.detail} for step in steps]


def part_document(record: HealthRecord) -> PartDocument:
    down = record.down_since is not None
    return {
        "name": record.name,
        "state": "down" if down else "up",
        "since": maybe_when(record.down_since),
        "why": record.why if down else "",
    }


def token_document(token: IssuedToken) -> TokenDocument:
    return {
        "id": token.id,
        "name": token.name,
        "role": token.role,
        "namespaces": None if token.namespaces is None else sorted(token.namespaces),
        "access_key": token.access_key,
        "created_at": when(token.created_at),
        "created_by": token.created_by,
        "expires_at": maybe_when(token.expires_at),
        "revoked_at": maybe_when(token.revoked_at),
    }


def audit_document(entry: AuditEntry) -> AuditDocument:
    return {
        "id": entry.id,
        "at": when(entry.at),
        "name": entry.name,
        "token_id": entry.token_id,
        "action": entry.action,
        "subject": entry.subject,
        "origin": entry.origin,
        "before": entry.before,
        "after": entry.after,
    }


def happening_document(one: Happening) -> HappeningDocument:
    return {
        "seq": one.seq,
        "at": when(one.at),
        "kind": one.kind,
        "id": one.subject,
        "what": one.what,
        "detail": one.detail,
        "namespace": one.namespace,
        "repo_name": one.repo_name,
        "number": one.number,
    }
