"""What a delivery makes: its builds, and what they mean for others, in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from sqlalchemy import JSON, ColumnElement, Connection, and_, func, select, type_coerce, update
from sqlalchemy.dialects.sqlite import insert as insert_or_nothing
from uuid_utils import uuid7

from bridge.model.build import UNPUSHED, Build, BuildRequest, BuildState, NewBuild
from bridge.model.event import RefMove
from bridge.planning.ref_history import Chain
from bridge.rules.render import time_of_version, version_tag
from bridge.store.codec import ORIGIN, REQUEST, SUBSCRIPTIONS, dump
from bridge.store.schema import build as table
from bridge.store.sqlite import builds, timeline
from bridge.store.sqlite import ref_history as order
from bridge.store.sqlite import tag_names as naming
from bridge.store.sqlite.ref_history import TagSet
from bridge.store.values import NoticesFor

REPAIR: Final = "order repair"
_RECENT: Final = 1000
_OWN: Final = "\ncommit"
"""Ends the name of the set of those tags that name their commit, where they are built alone."""


@dataclass(slots=True)
class Making:
    """The making of one delivery's builds.

    `asked` says that a person wanted the delivery once more. `made` are the ids of the builds, `told` is a
    sentence for each deed and for each thing left undone.
    """

    connection: Connection
    delivery_id: str
    now: float
    notices_for: NoticesFor
    asked: bool
    made: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def run(self, moves: Sequence[RefMove], wanted: Sequence[NewBuild]) -> None:
        """Note how refs moved, make what is wanted, and put right what came in the wrong order."""
        since = self.now - order.REPEAT_SECONDS
        repeated = [move for move in moves if order.is_repeat(self.connection, move, since)]
        for move in moves:
            if move not in repeated:
                order.note(self.connection, move, self.now)
        told_twice = {(move.code, move.ref, move.after) for move in repeated if not self.asked}
        for new in wanted:
            is_repeat = (new.code, new.ref, new.pushed) in told_twice
            earlier = self._built_by(new, since) if is_repeat else None
            if earlier is None:
                self._push(new)
            else:
                self.told.append(f"{_what(new)}: the same push came as delivery {earlier}")
        for move in moves:
            self._put_right(move)

    def _built_by(self, new: NewBuild, since: float) -> str | None:
        """The delivery that the same was built for."""
        line = _line(new)
        own = replace(line, name=f"{line.name}{_OWN}")
        same = (_of(line) | _of(own)) & (table.c.pushed == new.pushed) & (table.c.created_at >= since)
        query = select(table.c.delivery_id).where(same).order_by(table.c.number.desc()).limit(1)
        return self.connection.execute(query).scalar()

    def _push(self, new: NewBuild) -> None:
        known = order.chain(self.connection, new.code, new.ref)
        newer = order.newer_build(self.connection, known, _line(new))
        if newer is None:
            self._build_newest(new)
        elif self.asked or new.origin.cause == "manual":
            why = f"older than {newer.pushed}, which was already pushed; somebody asked for it"
            self._create(replace(new, notes=(*new.notes, why)))
        else:
            self._build_older(new, f"older than what was already pushed: {newer.pushed}")

    def _build_newest(self, new: NewBuild) -> None:
        request = self._create(new)
        if request is None or new.origin.cause in UNPUSHED:
            return
        if set(new.tags) - set(new.commit_tags):
            order.set_tip(self.connection, new, self.now)
        if new.on_newer != "queue":
            self._supersede(new, request)

    def _build_older(self, new: NewBuild, why: str) -> None:
        """Tags that name the commit can come late, as a set of their own; the others stay where they are."""
        tagging = 2 if new.version_tagging == 2 else 0  # noqa: PLR2004  # the commit id
        if new.commit_tags or tagging:
            notes = (*new.notes, f"{why}; so only the tags of its own commit are built")
            own = replace(new, tag_set=f"{new.tag_set}{_OWN}", tags=new.commit_tags, named={})
            self._create(replace(own, version_tagging=tagging, notes=notes))
        else:
            self.told.append(f"{_what(new)}: {why}")

    def _create(self, new: NewBuild) -> BuildRequest | None:
        new = naming.told_apart(self.connection, new, self.now)
        request = _create(self.connection, new, self.now)
        if request is not None:
            self.made.append(request.build_id)
            self.told.append("; ".join([_what(new), *new.notes]))
        return request

    def _supersede(self, new: NewBuild, by: BuildRequest) -> None:
        """End the older builds of the tag set: those that wait at once, others by way of their builder."""
        why = f"superseded by #{by.number}: {new.pushed} was pushed"
        older = [build for build in self._unended(_line(new)) if build.number < by.number]
        for build in older:
            if build.state is BuildState.WAITING:
                self._end(build, why)
            elif new.on_newer == "cancel":
                self._mark(build, superseded=why, cancel_reason=build.cancel_reason or why)
            elif build.state is BuildState.TRIGGERING:
                self._mark(build, superseded=why)  # should it come back to wait

    def _put_right(self, move: RefMove) -> None:
        """Where older code came after the newest: end what waits of it; if it ran, build the newest again."""
        known = order.chain(self.connection, move.code, move.ref)
        for line in order.tips(self.connection, move):
            newest = order.newer_build(self.connection, known, line)
            if newest is None or (line.namespace, line.repo_name) not in move.builders:
                continue
            self._end_older(newest, line, known)
            new = _again(newest, line, move, self.delivery_id)
            if newest.superseded is not None or self._overtaken(newest, line):
                self._create(new)
            order.set_tip(self.connection, new, self.now)

    def _end_older(self, newest: Build, line: TagSet, known: Chain) -> None:
        why = f"older than what was already pushed: {newest.pushed}"
        for build in self._unended(line):
            waits = build.state is BuildState.WAITING and build.origin.cause != "manual"
            if waits and build.number > newest.number and newest.pushed in known.newer(build.pushed):
                self._end(build, why)
                self.told.append(f"{build.full_name} #{build.number} was ended: {why}")

    def _overtaken(self, newest: Build, line: TagSet) -> bool:
        later = _of(line) & (table.c.number > newest.number) & table.c.triggered_at.is_not(None)
        return self.connection.execute(select(table.c.id).where(later).limit(1)).first() is not None

    def _unended(self, line: TagSet) -> list[Build]:
        unended = table.c.state.in_([state for state in BuildState if not state.terminal])
        query = select(table).where(_of(line), unended).order_by(table.c.number)
        return [builds.build_of(row) for row in self.connection.execute(query).mappings()]

    def _end(self, build: Build, why: str) -> None:
        builds.move(
            self.connection,
            build.id,
            BuildState.SUPERSEDED,
            self.now,
            self.notices_for,
            detail=why,
            superseded=why,
            ended_at=self.now,
        )

    def _mark(self, build: Build, **fields: str) -> None:
        self.connection.execute(update(table).where(table.c.id == build.id).values(**fields))
        timeline.add(self.connection, build.id, self.now, "cancel", fields["superseded"])


def _line(new: NewBuild) -> TagSet:
    return TagSet(new.namespace, new.repo_name, new.tag_set, new.pushed)


def _of(line: TagSet) -> ColumnElement[bool]:
    return and_(
        table.c.namespace == line.namespace,
        table.c.repo_name == line.repo_name,
        table.c.tag_set == line.name,
    )


def _what(new: NewBuild) -> str:
    return f"{new.namespace}/{new.repo_name} ({', '.join(new.tags) or new.sha})"


def _again(newest: Build, line: TagSet, move: RefMove, delivery_id: str) -> NewBuild:
    """What was built before, once more."""
    request = newest.request
    tagging = 0 if request.version_tag is None else 2 if request.version_tag == request.commit else 1
    tags = request.tags if tagging != 1 else tuple(tag for tag in request.tags if tag != request.version_tag)
    return NewBuild(
        namespace=newest.namespace,
        repo_name=newest.repo_name,
        builder=move.builders[line.namespace, line.repo_name],
        tag_set=line.name,
        image=request.image,
        tags=tags,
        version_tagging=tagging,
        repo_url=request.repo_url,
        ref=request.ref,
        sha=request.commit or newest.pushed,
        peeled=bool(request.commit),
        context=request.context,
        dockerfile=request.dockerfile,
        parameters=request.parameters,
        origin=replace(newest.origin, delivery_id=delivery_id, cause=REPAIR),
        subscriptions=newest.subscriptions,
        code=move.code,
        pushed=newest.pushed,
        concurrency=newest.concurrency,
        notes=(f"again, since {line.pushed} is older and was built after #{newest.number}",),
    )


def _create(connection: Connection, new: NewBuild, now: float) -> BuildRequest | None:
    """Make a build with the next number of its repository; None when this delivery has made it before."""
    build_id = str(uuid7())
    same = and_(table.c.namespace == new.namespace, table.c.repo_name == new.repo_name)
    number = (connection.execute(select(func.max(table.c.number)).where(same)).scalar_one() or 0) + 1
    commit = new.sha if new.peeled or _is_commit(connection, new.sha, same) else ""
    version_tag = _version_tag(connection, new, now, commit, same)
    tags = tuple(dict.fromkeys([*new.tags, *([version_tag] if version_tag else [])]))
    request = BuildRequest(
        build_id=build_id,
        number=number,
        namespace=new.namespace,
        repo_name=new.repo_name,
        image=new.image,
        tags=tags,
        version_tag=version_tag,
        repo_url=new.repo_url,
        ref=new.ref,
        branch=new.origin.ref_name if new.origin.ref_kind == "branch" else None,
        tag=new.origin.ref_name if new.origin.ref_kind == "tag" else None,
        commit=commit,
        context=new.context,
        dockerfile=new.dockerfile,
        parameters=new.parameters,
    )
    made = connection.execute(
        insert_or_nothing(table)
        .values(
            id=build_id,
            delivery_id=new.origin.delivery_id,
            namespace=new.namespace,
            repo_name=new.repo_name,
            number=number,
            tag_set=new.tag_set,
            time_version=version_tag if new.version_tagging == 1 else None,
            builder=new.builder,
            ref=new.ref,
            is_public=int(new.origin.is_public),
            request=dump(REQUEST, request),
            origin=dump(ORIGIN, new.origin),
            subscriptions=dump(SUBSCRIPTIONS, new.subscriptions),
            state=BuildState.WAITING,
            created_at=now,
            next_at=now,
            pushed=new.pushed,
            concurrency=new.concurrency,
        )
        .on_conflict_do_nothing(index_elements=["delivery_id", "namespace", "repo_name", "tag_set"])
    )
    if not made.rowcount:
        return None
    notes = [f"delivery {new.origin.delivery_id}", *new.notes]
    if not commit:
        notes.append(f"the host does not say whether {new.sha} is a commit: what the ref points to is built")
    timeline.add(connection, build_id, now, BuildState.WAITING, "; ".join(notes))
    return request


def _is_commit(connection: Connection, sha: str, same: ColumnElement[bool]) -> bool:
    """Whether a branch of the repository was built of it: an annotated tag's own object is on no branch."""
    branches = select(table.c.request).where(same, table.c.ref.startswith("refs/heads/"))
    recent = branches.order_by(table.c.number.desc()).limit(_RECENT).subquery()
    built = type_coerce(recent.c.request, JSON)["commit"].as_string()
    return connection.execute(select(1).select_from(recent).where(built == sha).limit(1)).first() is not None


def _version_tag(
    connection: Connection, new: NewBuild, now: float, commit: str, same: ColumnElement[bool]
) -> str | None:
    """A time version is unique in its repository: one not past the newest is dated a second after that."""
    tag = version_tag(new.version_tagging, now, commit)
    if new.version_tagging != 1 or tag is None:
        return tag
    newest = connection.execute(select(func.max(table.c.time_version)).where(same)).scalar_one()
    if newest is None or tag > newest:
        return tag
    return version_tag(1, time_of_version(newest) + 1, commit)
