"""Builds, deliveries and timelines as JSON documents, for the API and for the command line alike."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from bridge.model.build import Build
from bridge.store.values import DeliveryRow, Step


def build_document(build: Build) -> dict[str, Any]:
    """A build, with the keys of Alauda's builds API and keys of our own."""
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
        "started_at": when(build.started_at),
        "ended_at": when(build.ended_at),
        "builder": build.builder,
        "build_url": build.url,
        "attempts": build.attempts,
        "delivery_id": origin.delivery_id,
        "cause": origin.cause,
        "created_by": origin.by or origin.author.name,
        "auto_created": origin.cause != "manual",
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
        "build_context_path": request.context,
        "dockerfile_location": request.dockerfile,
    }


def delivery_document(row: DeliveryRow) -> dict[str, Any]:
    """A delivery without its body."""
    delivery = row.delivery
    return {
        "id": delivery.id,
        "source": delivery.source,
        "forge": delivery.forge,
        "event": delivery.event,
        "key": delivery.key,
        "replay": row.replay,
        "size": len(delivery.body),
        "received_at": when(delivery.received_at),
        "state": row.state,
        "detail": row.detail,
        "explanation": row.explanation,
    }


def timeline_document(steps: Sequence[Step]) -> list[dict[str, Any]]:
    return [{"at": when(step.at), "what": step.what, "detail": step.detail} for step in steps]


def when(seconds: float | None) -> str | None:
    """Unix seconds as ISO 8601 in UTC, with milliseconds."""
    if seconds is None:
        return None
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
