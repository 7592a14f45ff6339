"""Builds and timelines as JSON documents, for the API and for the command line alike."""

from collections.abc import Sequence
from typing import Any, Final, Literal

from typing_extensions import TypedDict

from bridge.model.access import IssuedToken, Role
from bridge.model.audit import AuditEntry
from bridge.model.build import MANUAL, Build, BuildState, Letter
from bridge.model.event import RefKind
from bridge.runtime.clock import maybe_when, when
from bridge.store.values import Happening, HealthRecord, Step

_STEPS: Final = {
    BuildState.WAITING: 1,
    BuildState.TRIGGERING: 5,
    BuildState.QUEUED: 10,
    BuildState.RUNNING: 25,
}
_LAST_STEP: Final = 50
_SHORT: Final = 12


class BuildDocument(TypedDict):
    """A build, with the keys of Alauda's builds API and keys of our own; times are ISO 8601 in UTC."""

    build_id: str
    number: int
    """It counts the builds of the repository."""
    namespace: str
    repo_name: str
    status: Letter
    """W waits, I runs, S succeeded, F ended otherwise."""
    state: BuildState
    raw: str
    """The builder's own word for the state."""
    stage: str
    """The part of it that failed, in the builder's words; empty where there is none."""
    detail: str
    """Why the build is as it is, in words."""
    created_at: str
    run: int
    """Which run of the build the newest one is, from 1 on."""
    retried_by: str | None
    """Who asked for this run; null for the first one."""
    enqueued_at: str
    """When this run began to wait."""
    started_at: str | None
    ended_at: str | None
    builder: str
    build_url: str | None
    """The page of the build at its builder."""
    attempts: int
    """How often its builder was asked to start it."""
    delivery_id: str
    """The delivery that made it."""
    cause: str
    """Why it was made: push, tag, manual, schedule, or order repair.

    That is the newest code once more, after older code that came late.
    """
    created_by: str | None
    """Who asked for it, or the author of its commit."""
    auto_created: bool
    """Whether no person asked for it."""
    step_at: int
    """How far it is, from 1 for one that waits to 50 for one that has ended."""
    is_removable: bool
    """Whether it has not ended, and so can be cancelled."""
    code_repo_client: str | None
    """The kind of Git host, as the rule names it."""
    code_repo_path: str | None
    code_repo_http_url: str | None
    code_repo_branch_url: str | None
    """The page of the branch or tag."""
    code_repo_type: RefKind
    code_repo_type_value: str
    """The name of the branch or tag."""
    code_head_commit: str | None
    code_commit_http_url: str | None
    subject: str
    """The first line of the message of its commit."""
    docker_repo_path: str
    """The image, without a tag."""
    docker_repo_tag: str | None
    """The first of its tags."""
    docker_repo_tags: list[str]
    docker_repo_version_tag: str | None
    """The tag that version_tagging has added."""
    digest: str | None
    """The digest of the image, where the builder tells it."""
    image_id: str | None
    """The digest, shortened as `docker images` shows it."""
    build_node: str | None
    """A word of the rule, without effect."""
    build_context_path: str
    dockerfile_location: str


class StepDocument(TypedDict):
    """A step of a timeline: when, one word, and a sentence."""

    at: str
    what: str
    detail: str


class RunDocument(TypedDict):
    """What a run of a build has of its own."""

    run: int
    run_id: str
    """What the builder knows the run by."""
    retried_by: str | None
    """Who asked for the run; null for the first one."""
    state: BuildState
    detail: str
    enqueued_at: str
    """When the run began to wait."""
    started_at: str | None
    ended_at: str | None
    build_url: str | None
    digest: str | None


class BuildStory(BuildDocument):
    """A build with all its runs, and the timeline of the newest one."""

    runs: list[RunDocument]
    timeline: list[StepDocument]


class PartDocument(TypedDict):
    """How a builder or a channel is."""

    name: str
    """Its kind and its name, such as builder:jenkins."""
    state: Literal["up", "down"]
    since: str | None
    """Since when it is down; null for one that works."""
    paused_until: str | None
    """Until when nothing is sent to it; null without a pause."""
    why: str
    """Why it is down or paused; empty for one that works."""
    restored_at: str | None
    """Since when it works again; null where it is down, or never was."""
    last_error: str
    """Why it was down last; empty where it never was."""
    last_error_at: str | None


class PartTestDocument(TypedDict):
    """What a test of a builder or channel has shown."""

    worked: bool
    said: str


class TokenDocument(TypedDict):
    """A token, or an access key, without what is secret of it; `namespaces` is null for all of them."""

    id: str
    name: str
    role: Role
    namespaces: list[str] | None
    access_key: str | None
    created_at: str
    created_by: str
    expires_at: str | None
    revoked_at: str | None
    last_used_at: str | None
    """When it was last used, some minutes exact."""


class AuditDocument(TypedDict):
    """Who changed what, and what it was before and after."""

    id: str
    at: str
    name: str
    """Who changed it: the name of a token, or a user of the system."""
    token_id: str | None
    """The id of the token; null without one."""
    action: str
    subject: str
    """The id or the name of what was changed."""
    origin: str
    """The address of the client, or `cli`."""
    before: Any
    """What of it was changed, as it was; without secrets."""
    after: Any
    """The same as it is since then."""


class LogRow(TypedDict):
    """A piece of a log."""

    seq: int
    """It orders the pieces of a log."""
    time: float
    """When the piece was read, in Unix seconds."""
    level: int
    """Always 0: builders give no level."""
    message: str


class HappeningDocument(TypedDict):
    """An event: what happened to a delivery, a build or a notice; `seq` is its place among all."""

    seq: int
    at: str
    kind: Literal["delivery", "build", "notice"]
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
        "stage": build.stage,
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


def timeline_document(steps: Sequence[Step]) -> list[StepDocument]:
    return [{"at": when(step.at), "what": step.what, "detail": step.detail} for step in steps]


def part_document(record: HealthRecord, now: float) -> PartDocument:
    """How a part is at the time `now`, in Unix seconds."""
    down, paused = record.down_since is not None, record.paused_until > now
    return {
        "name": record.name,
        "state": "down" if down else "up",
        "since": maybe_when(record.down_since),
        "paused_until": when(record.paused_until) if paused else None,
        "why": record.why if down or paused else "",
        "restored_at": maybe_when(record.restored_at),
        "last_error": record.error,
        "last_error_at": maybe_when(record.error_at),
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
        "last_used_at": maybe_when(token.last_used_at),
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
