"""Rows of builds as values."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import RowMapping

from bridge.model.build import Build, BuildRequest, BuildState, Origin, run_id_of
from bridge.model.notice import Subscription
from bridge.store.codec import ORIGIN, REQUEST, SUBSCRIPTIONS, Parts


def build_of(row: RowMapping | Mapping[str, Any]) -> Build:
    """The build, as far as it can be read: what its own columns say it says in any case."""
    parts = Parts()
    none: tuple[Subscription, ...] = ()
    request = parts.read("request", lambda: REQUEST.validate_json(row["request"]), _no_request(row))
    origin = parts.read("origin", lambda: ORIGIN.validate_json(row["origin"]), _no_origin(row))
    subscriptions = parts.read(
        "subscriptions", lambda: SUBSCRIPTIONS.validate_json(row["subscriptions"]), none
    )
    state = parts.read("state", lambda: BuildState(row["state"]), BuildState.UNKNOWN)
    return Build(
        id=row["id"],
        serial=row["serial"],
        number=row["number"],
        namespace=row["namespace"],
        repo_name=row["repo_name"],
        builder=row["builder"],
        state=state,
        request=request if row["run"] == 1 else replace(request, build_id=run_id_of(row["id"], row["run"])),
        origin=origin,
        subscriptions=subscriptions,
        created_at=row["created_at"],
        enqueued_at=row["created_at"] if row["enqueued_at"] is None else row["enqueued_at"],
        run=row["run"],
        retried_by=row["retried_by"],
        raw=row["raw"],
        detail=parts.detail(row["detail"]),
        handle=row["handle"],
        url=row["url"],
        digest=row["digest"],
        triggered_at=row["triggered_at"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        attempts=row["attempts"],
        next_at=row["next_at"],
        log_offset=row["log_offset"],
        failed_line=row["failed_line"],
        cancel_reason=row["cancel_reason"],
        pushed=row["pushed"],
        superseded=row["superseded"],
        concurrency=row["concurrency"],
        caveat=row["caveat"],
        stage=row["stage"],
        images_passed=bool(row["images_passed"]),
        damage=parts.damage,
    )


def _no_request(row: RowMapping | Mapping[str, Any]) -> BuildRequest:
    return BuildRequest(
        build_id=row["id"],
        number=row["number"],
        namespace=row["namespace"],
        repo_name=row["repo_name"],
        image="",
        tags=(),
        version_tag=None,
        repo_url="",
        ref=row["ref"],
        branch=None,
        tag=None,
        commit="",
    )


def _no_origin(row: RowMapping | Mapping[str, Any]) -> Origin:
    ref = row["ref"]
    return Origin(
        delivery_id=row["delivery_id"],
        cause="",
        ref_kind="tag" if ref.startswith("refs/tags/") else "branch",
        ref_name=ref.removeprefix("refs/tags/").removeprefix("refs/heads/"),
        is_public=bool(row["is_public"]),
    )
