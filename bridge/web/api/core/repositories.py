"""Build repositories as callers may see and change them, those of files and those of the API alike."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from pydantic import ValidationError

from bridge.config.document import plain_document
from bridge.config.faults import faults_of
from bridge.config.notices import NoticeSetting
from bridge.errors import ConfigError, Fault
from bridge.model.access import Principal, Role
from bridge.model.audit import Action, Change
from bridge.model.plan import RepositoryKey
from bridge.model.repository import (
    Disabled,
    NoticesSet,
    Override,
    RepositoryChange,
    StoredRepository,
)
from bridge.rules.checking import check, resolve_notices
from bridge.rules.diff import Changes
from bridge.rules.disk import Reloaded
from bridge.rules.in_force import Decide, InForce, KnownRepository
from bridge.rules.schema import BuildRepository
from bridge.web.api.core.access import require_in
from bridge.web.api.core.builds import sees
from bridge.web.api.core.documents import NoticeChange, merged_config, new_document
from bridge.web.api.core.errors import Conflict, Faulty, Forbidden, Invalid, NotFound, Unauthenticated
from bridge.web.api.repository_documents import notices_document

MAX_DOCUMENT: Final = 256 << 10
MAX_REASON: Final = 500
REQUEST: Final = "the request"
"""The place of the faults of what was sent."""

_NONE: Final = "there is no such repository, or it takes a token to see it"
_NONE_FOR_YOU: Final = "there is no such repository, or your token may not see it"

Check = Callable[[KnownRepository], None]
"""Raises what keeps a repository from being changed."""


class RuleKeeper(Protocol):
    """Who holds the rules in force."""

    @property
    def default_notices(self) -> Sequence[NoticeSetting]:
        """The notices of repositories that say nothing of theirs."""

    @property
    def in_force(self) -> InForce: ...

    async def reload(self) -> Reloaded:
        """Use what is on disk. Raises ConfigError or StoreError."""

    async def change(self, decide: Decide) -> Changes:
        """Change by API what is in force; raises what `decide` raises, ConfigError or StoreError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryPage:
    """`rows` are in the order of their names; `count` is how many there are in all."""

    count: int
    rows: Sequence[KnownRepository]
    earlier: bool
    later: bool


class RepositoryAccess:
    """What callers may see and change of repositories.

    Each change takes the role member in the namespace, and is in force when the call returns. The audit trail
    has what a rule file would hold, and the `origin`. All raise NotFound for a repository that the caller may
    not see, and those that change also Unauthenticated, Forbidden, Faulty for what would not pass `check`,
    and StoreError.
    """

    def __init__(self, keeper: RuleKeeper) -> None:
        self._keeper = keeper

    def one(self, principal: Principal | None, namespace: str, repo_name: str) -> KnownRepository:
        return _visible(self._keeper.in_force, principal, (namespace, repo_name))

    def visible(
        self, principal: Principal | None, namespace: str | None = None, text: str | None = None
    ) -> list[RepositoryKey]:
        """The keys of those that the caller may see, in the order of their names.

        With `text`, only those that have it in their name or description, whatever the case.
        """
        wanted = (text or "").casefold()
        return sorted(
            key
            for key, found in self._keeper.in_force.rules.repositories.items()
            if namespace in {None, key[0]}
            and (found.is_public or sees(principal, key[0]))
            and wanted in f"{found.path}\n{found.description}".casefold()
        )

    def page(
        self,
        principal: Principal | None,
        namespace: str | None = None,
        text: str | None = None,
        *,
        size: int,
        number: int = 1,
        after: str | None = None,
        before: str | None = None,
    ) -> RepositoryPage:
        """Those that the caller may see; `after` and `before` are texts `namespace/repo_name`."""
        in_force = self._keeper.in_force
        keys = self.visible(principal, namespace, text)
        start = (number - 1) * size
        if after is not None:
            start = sum(key <= _key(after) for key in keys)
        elif before is not None:
            start = max(0, sum(key < _key(before) for key in keys) - size)
        rows = [_visible(in_force, principal, key) for key in keys[start : start + size]]
        later = start + size < len(keys)
        return RepositoryPage(count=len(keys), rows=rows, earlier=start > 0 and bool(rows), later=later)

    async def create(
        self, principal: Principal | None, namespace: str, document: Mapping[str, Any], origin: str
    ) -> KnownRepository:
        """Make a repository of what a rule file would hold. Raises Conflict for a name that is taken."""
        caller = _may_change(principal, namespace)
        data = new_document(namespace, document)

        def decide(in_force: InForce, now: float) -> RepositoryChange:
            key = _checked(data, in_force, caller).key
            if (known := in_force.known(key)) is not None:
                raise Conflict(_taken(known))
            entry = _entry(caller, Action.REPOSITORY_CREATED, key, origin, after=data)
            return _written(data, key, entry, now, now, by=caller.name)

        await self._change(decide)
        return self.one(principal, namespace, data["repo_name"])

    async def replace_build_config(
        self,
        principal: Principal | None,
        key: RepositoryKey,
        build_config: Mapping[str, Any],
        origin: str,
        check: Check | None = None,
    ) -> KnownRepository:
        """Change the build_config: keys that are not sent stay, and so does what is not sent of a tag_config.

        The list of tag_configs is replaced: those that come with their ids keep them, others are new. Raises
        Conflict for a repository of a file, Invalid for an unknown id, and what `check` raises for the
        repository as it is.
        """

        def decide(in_force: InForce, now: float) -> RepositoryChange:
            caller, known, stored = _own(in_force, principal, key)
            if check is not None:
                check(known)
            data = json.loads(stored.document)
            before = data["build_config"]
            config = merged_config(before, build_config, known)
            data["build_config"] = config.document
            _checked(data, in_force, caller)
            entry = _entry(
                caller, Action.REPOSITORY_CHANGED, key, origin, before=before, after=config.document
            )
            made = _written(data, key, entry, stored.created_at, now, by=stored.created_by)
            override = replace(known.override, disabled=None) if config.activates else known.override
            return replace(made, tag_config_ids=config.ids, override=override)

        await self._change(decide)
        return self.one(principal, *key)

    async def delete(self, principal: Principal | None, key: RepositoryKey, origin: str) -> None:
        """Its builds stay. Raises Conflict for a repository of a file."""

        def decide(in_force: InForce, _now: float) -> RepositoryChange:
            caller, _, stored = _own(in_force, principal, key)
            before = json.loads(stored.document)
            entry = _entry(caller, Action.REPOSITORY_DELETED, key, origin, before=before)
            return RepositoryChange(key=key, entry=entry, repository=None)

        await self._change(decide)

    async def disable(
        self, principal: Principal | None, key: RepositoryKey, reason: str, origin: str
    ) -> KnownRepository:
        """Pushes and schedules build nothing of it from now on; a person still can."""
        if len(reason) > MAX_REASON:
            raise Invalid([f"reason: is over {MAX_REASON} characters"])

        def decide(in_force: InForce, now: float) -> RepositoryChange:
            caller, known = _changeable(in_force, principal, key)
            disabled = Disabled(by=caller.name, at=now, reason=reason)
            after = {"disabled": True} | ({"reason": reason} if reason else {})
            entry = _entry(caller, Action.REPOSITORY_CHANGED, key, origin, after=after)
            return _overridden(known, entry, disabled=disabled)

        await self._change(decide)
        return self.one(principal, *key)

    async def enable(self, principal: Principal | None, key: RepositoryKey, origin: str) -> KnownRepository:
        """Pushes build it again, by the tag_configs that were active before.

        Where none was, all of them are active now. Raises Conflict where a file says that none is.
        """

        def decide(in_force: InForce, now: float) -> RepositoryChange:
            caller, known = _changeable(in_force, principal, key)
            entry = _entry(caller, Action.REPOSITORY_CHANGED, key, origin, after={"disabled": False})
            change = _overridden(known, entry, disabled=None)
            rule = in_force.rules.api.before.get(key, known.repository)
            if any(one.is_active for one in rule.build_config.tag_configs):
                return change
            if known.stored is None:
                raise Conflict(
                    f"all tag_configs of {rule.path} are inactive in a file, {known.place}: "
                    "set is_active there"
                )
            data = json.loads(known.stored.document)
            for one in data["build_config"]["tag_configs"]:
                one["is_active"] = True
            made = _written(data, key, entry, known.stored.created_at, now, by=known.stored.created_by)
            return replace(made, override=change.override)

        await self._change(decide)
        return self.one(principal, *key)

    async def set_notices(
        self,
        principal: Principal | None,
        key: RepositoryKey,
        notices: Sequence[Mapping[str, Any]],
        origin: str,
    ) -> KnownRepository:
        """Set which events go to the channels that are named; other channels keep theirs.

        A notice has the keys of a rule file's, and its list of events may be empty.
        """

        def decide(in_force: InForce, now: float) -> RepositoryChange:
            caller, known = _changeable(in_force, principal, key)
            current = known.repository.notices
            settings = self._keeper.default_notices if current is None else current
            changed = _with_notices(settings, notices, in_force)
            text = json.dumps([one.model_dump(mode="json") for one in changed])
            before, after = ({"notices": notices_document(one)} for one in (current, changed))
            entry = _entry(caller, Action.REPOSITORY_CHANGED, key, origin, before=before, after=after)
            return _overridden(known, entry, notices=NoticesSet(by=caller.name, at=now, notices=text))

        await self._change(decide)
        return self.one(principal, *key)

    async def _change(self, decide: Decide) -> None:
        try:
            await self._keeper.change(decide)
        except ConfigError as error:
            raise _faulty(error.faults) from None


def _key(path: str) -> RepositoryKey:
    namespace, _, repo_name = path.partition("/")
    return namespace, repo_name


def _visible(in_force: InForce, principal: Principal | None, key: RepositoryKey) -> KnownRepository:
    known = in_force.known(key)
    if known is None or not (known.repository.is_public or sees(principal, key[0])):
        raise NotFound(_NONE if principal is None else _NONE_FOR_YOU)
    return known


def _may_change(principal: Principal | None, namespace: str) -> Principal:
    if principal is None:
        raise Unauthenticated("this needs a token: send the header `Authorization: Bearer <token>`")
    require_in(principal, Role.MEMBER, namespace)
    return principal


def _changeable(
    in_force: InForce, principal: Principal | None, key: RepositoryKey
) -> tuple[Principal, KnownRepository]:
    known = _visible(in_force, principal, key)
    return _may_change(principal, key[0]), known


def _own(
    in_force: InForce, principal: Principal | None, key: RepositoryKey
) -> tuple[Principal, KnownRepository, StoredRepository]:
    """One that was made by API. Raises Conflict for one of a file."""
    caller, known = _changeable(in_force, principal, key)
    if known.stored is None:
        raise Conflict(f"{'/'.join(key)} is defined in a file, {known.place}: change it there")
    return caller, known, known.stored


def _taken(known: KnownRepository) -> str:
    path = known.repository.path
    if known.stored is None:
        return f"{path} is defined in a file already, {known.place}: change it there, or use another name"
    return f"{path} was made already, by the {known.place}: change or delete it, or use another name"


def _checked(data: Mapping[str, Any], in_force: InForce, caller: Principal) -> BuildRepository:
    """The rule of a document. Raises Faulty with the faults that `check` would print, and Forbidden."""
    try:
        checked = check(plain_document(REQUEST, data), in_force.files.names)
    except ConfigError as error:
        raise _faulty(error.faults) from None
    if checked.faults or checked.repository is None:
        raise _faulty(checked.faults)
    if len(json.dumps(data)) > MAX_DOCUMENT:
        raise _faulty([Fault(REQUEST, "", f"is over {MAX_DOCUMENT >> 10} KiB")])
    _check_image(checked.repository, in_force, caller)
    return checked.repository


def _check_image(repository: BuildRepository, in_force: InForce, caller: Principal) -> None:
    """Raises Forbidden for an image of a namespace in which the caller may change nothing."""
    if caller.namespaces is None:
        return
    for other in in_force.rules.repositories.values():
        if other.image == repository.image and not caller.may(Role.MEMBER, other.namespace):
            raise Forbidden(
                f"a repository of another namespace writes the image {repository.image}: "
                "give another one as build_config.image"
            )


def _faulty(faults: Sequence[Fault]) -> Faulty:
    texts = [str(fault) for fault in faults]
    count = "a fault" if len(texts) == 1 else f"{len(texts)} faults"
    return Faulty(f"nothing was changed, because of {count}: {texts[0]}", texts)


def _written(
    data: Mapping[str, Any],
    key: RepositoryKey,
    entry: Change,
    created_at: float,
    now: float,
    *,
    by: str,
) -> RepositoryChange:
    repository = StoredRepository(
        key=key,
        document=json.dumps(data, ensure_ascii=False),
        created_by=by,
        created_at=created_at,
        updated_at=now,
    )
    return RepositoryChange(key=key, entry=entry, repository=repository)


def _entry(caller: Principal, action: Action, key: RepositoryKey, origin: str, **values: Any) -> Change:
    return Change(who=caller, action=action, subject="/".join(key), origin=origin, **values)


def _overridden(
    known: KnownRepository, entry: Change, **changed: Disabled | NoticesSet | None
) -> RepositoryChange:
    fields: dict[str, Any] = dict(changed)
    override: Override = replace(known.override, **fields)
    return RepositoryChange(key=known.repository.key, entry=entry, repository=known.stored, override=override)


def _with_notices(
    settings: Sequence[NoticeSetting], notices: Sequence[Mapping[str, Any]], in_force: InForce
) -> list[NoticeSetting]:
    """The settings with those of some channels replaced. Raises Faulty."""
    document = plain_document(REQUEST, {"notices": [dict(one) for one in notices]})
    faults: list[Fault] = []
    changes: list[NoticeChange] = []
    for index, one in enumerate(notices):
        try:
            changes.append(NoticeChange.model_validate(dict(one)))
        except ValidationError as error:
            faults += faults_of(error, NoticeChange, document, ("notices", index))
    if faults:
        raise _faulty(faults)
    named, faults = resolve_notices(document, [one.names for one in changes], in_force.files.names)
    if faults:
        raise _faulty(faults)
    found = {one.channel: one for one in settings}
    for change, names in zip(changes, named, strict=True):
        before = found.pop(names.channel, None)
        if change.enabled_event_type_names:
            found[names.channel] = change.applied(names, before)
    return list(found.values())
