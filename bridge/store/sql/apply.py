"""Carries a plan out: makes, ends and marks builds, and writes what the plan says to remember.

The store gives each build what only the store knows: an id, a time version that is unique in its repository,
and whether what a tag points to is a commit.
"""

from dataclasses import dataclass, replace
from typing import Any, Final, assert_never

from sqlalchemy import ColumnElement, Connection, Select, Subquery, func, select, update
from sqlalchemy.dialects.sqlite import insert as insert_ignore
from uuid_utils import uuid7

from bridge.model.build import UNPUSHED, Build, BuildRequest, BuildState, NewBuild, Origin
from bridge.model.notice import Streak
from bridge.model.plan import Action, Create, Plan, Rebuild, Skip, Supersede
from bridge.rules.render import time_of_version, version_tag
from bridge.store.codec import ORIGIN, REQUEST, SUBSCRIPTIONS, dump
from bridge.store.schema import build as table
from bridge.store.sql import builds, history, notices, runs, timeline
from bridge.store.sql.build_rows import build_of
from bridge.store.sql.constructs import json_text
from bridge.store.sql.turns import next_turn
from bridge.store.values import NoticesFor

_RECENT: Final = 1000


@dataclass(frozen=True, slots=True)
class Applied:
    """The ids of the builds that a plan made, and a sentence for each action that people ask about."""

    builds: tuple[str, ...]
    summaries: tuple[str, ...]


def apply(
    connection: Connection, plan: Plan, delivery_id: str, now: float, notices_for: NoticesFor
) -> Applied:
    """Carry out the plan of a delivery, in the caller's transaction."""
    for move in plan.moves:
        history.record_move(connection, move, now)
    for tip in plan.tips:
        history.set_tip(connection, tip, now)
    for key, original in plan.names.items():
        history.hold_name(connection, key, original, now)
    done = [_carry_out(connection, action, delivery_id, now, notices_for) for action in plan.actions]
    made = tuple(build_id for build_id, _ in done if build_id is not None)
    return Applied(made, tuple(summary for _, summary in done if summary))


def _carry_out(
    connection: Connection, action: Action, delivery_id: str, now: float, notices_for: NoticesFor
) -> tuple[str | None, str]:
    """The id of the build that was made, and a sentence; None and an empty one where there is none."""
    match action:
        case Create(new, number):
            pass
        case Rebuild():
            build = runs.find(connection, action.of)
            assert build is not None, "it was read in this transaction"
            if build.damage:
                return None, f"#{build.number} cannot be built again: {build.damage}"
            new, number = _again(build, action, delivery_id), action.number
        case Supersede():
            _supersede(connection, action, now, notices_for)
            return None, action.summary
        case Skip():
            return None, action.summary
        case _:
            assert_never(action)
    build_id = _create(connection, new, number, now, notices_for)
    return build_id, "; ".join([new.title, *new.notes]) if build_id else ""


def _again(build: Build, action: Rebuild, delivery_id: str) -> NewBuild:
    return build.again(
        tag_set=action.tag_set.name,
        code=action.code,
        builder=action.builder,
        delivery_id=delivery_id,
        reason=action.reason,
    )


def _supersede(connection: Connection, action: Supersede, now: float, notices_for: NoticesFor) -> None:
    if action.how == "end":
        builds.transition(
            connection,
            action.build_id,
            BuildState.SUPERSEDED,
            now,
            notices_for,
            detail=action.reason,
            superseded=action.reason,
            ended_at=now,
        )
        return
    fields: dict[str, object] = {"superseded": action.reason}
    if action.how == "cancel":
        fields["cancel_reason"] = func.coalesce(table.c.cancel_reason, action.reason)
    connection.execute(update(table).where(table.c.id == action.build_id).values(fields))
    runs.note(connection, action.build_id, now, "cancel", action.reason)


def _create(
    connection: Connection, new: NewBuild, number: int, now: float, notices_for: NoticesFor
) -> str | None:
    """Make a build, with its notices, and return its id.

    None when the delivery has made one of the tag set before.
    """
    build_id = str(uuid7())
    commit = new.sha if new.peeled or _is_commit(connection, new) else ""
    version = _version_tag(connection, new, now, commit)
    request = _request(new, build_id, number, commit, version)
    made = connection.execute(
        insert_ignore(table)
        .values(
            id=build_id,
            delivery_id=new.origin.delivery_id,
            namespace=new.namespace,
            repo_name=new.repo_name,
            number=number,
            tag_set=new.tag_set,
            time_version=version if new.version_tagging == 1 else None,
            builder=new.builder,
            ref=new.ref,
            is_public=int(new.origin.is_public),
            cause=new.origin.cause,
            request=dump(REQUEST, request),
            origin=dump(ORIGIN, _origin(connection, new)),
            subscriptions=dump(SUBSCRIPTIONS, new.subscriptions),
            state=BuildState.WAITING,
            created_at=now,
            next_at=now,
            pushed=new.pushed,
            concurrency=new.concurrency,
            image=new.image,
            serial=select(func.coalesce(func.max(table.c.serial), 0) + 1).scalar_subquery(),
            turn=next_turn(table),
        )
        .on_conflict_do_nothing(index_elements=["delivery_id", "namespace", "repo_name", "tag_set"])
        .returning(table)
    )
    row = made.mappings().first()
    if row is None:
        return None
    notes = [f"delivery {new.origin.delivery_id}", *new.notes]
    if not commit:
        notes.append(f"the host does not say whether {new.sha} is a commit: what the ref points to is built")
    timeline.add(connection, build_id, now, BuildState.WAITING, "; ".join(notes))
    build = build_of(row)
    notices.add_all(connection, build, notices_for(build, Streak()))
    return build_id


def _request(new: NewBuild, build_id: str, number: int, commit: str, version: str | None) -> BuildRequest:
    return BuildRequest(
        build_id=build_id,
        number=number,
        namespace=new.namespace,
        repo_name=new.repo_name,
        image=new.image,
        tags=tuple(dict.fromkeys([*new.tags, *([version] if version else [])])),
        version_tag=version,
        repo_url=new.repo_url,
        ref=new.ref,
        branch=new.origin.ref_name if new.origin.ref_kind == "branch" else None,
        tag=new.origin.ref_name if new.origin.ref_kind == "tag" else None,
        commit=commit,
        context=new.context,
        dockerfile=new.dockerfile,
        parameters=new.parameters,
        source=new.source,
    )


def _origin(connection: Connection, new: NewBuild) -> Origin:
    """The origin of a build; without a push, the facts of its commit come from an earlier build."""
    if new.origin.cause not in UNPUSHED:
        return new.origin
    pushed = json_text(table.c.origin, "cause").not_in(UNPUSHED)
    recent = _recent(select(table.c.request, table.c.origin).where(_of_repository(new), pushed))
    query = select(recent.c.origin).where(json_text(recent.c.request, "commit") == new.sha).limit(1)
    if (found := connection.execute(query).scalar()) is None:
        return new.origin
    try:
        known = ORIGIN.validate_json(found)
    except ValueError:  # that row is damaged
        return new.origin
    return replace(
        new.origin,
        subject=known.subject,
        author=known.author,
        committer=known.committer,
        co_authors=known.co_authors,
        commit_url=known.commit_url or new.origin.commit_url,
        code_url=known.code_url or new.origin.code_url,
    )


def _recent(query: Select[Any]) -> Subquery:
    return query.order_by(table.c.number.desc()).limit(_RECENT).subquery()


def _is_commit(connection: Connection, new: NewBuild) -> bool:
    """Whether a branch of the repository was built of it: an annotated tag's own object is on no branch."""
    same = _of_repository(new)
    recent = _recent(select(table.c.request).where(same, table.c.ref.startswith("refs/heads/")))
    query = select(1).select_from(recent).where(json_text(recent.c.request, "commit") == new.sha).limit(1)
    return connection.execute(query).first() is not None


def _of_repository(new: NewBuild) -> ColumnElement[bool]:
    return (table.c.namespace == new.namespace) & (table.c.repo_name == new.repo_name)


def _version_tag(connection: Connection, new: NewBuild, now: float, commit: str) -> str | None:
    """A time version is unique in its repository: one not past the newest is dated a second after that."""
    tag = version_tag(new.version_tagging, now, commit)
    if new.version_tagging != 1 or tag is None:
        return tag
    same = _of_repository(new)
    newest = connection.execute(select(func.max(table.c.time_version)).where(same)).scalar_one()
    if newest is None or tag > newest:
        return tag
    return version_tag(1, time_of_version(newest) + 1, commit)
