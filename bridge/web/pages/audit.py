"""The page of admins about who changed what, and when, from where."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final
from urllib.parse import quote

import orjson
from starlette.responses import Response

from bridge.model.access import Role
from bridge.model.audit import Action, AuditEntry
from bridge.web.api.core.access import require
from bridge.web.api.pages import PAGE_SIZE
from bridge.web.api.queries import AuditQuery
from bridge.web.pages.failures import labelled
from bridge.web.pages.visit import PageRoute, Subject, Visit

MAX_CHANGES: Final = 20
"""How many values of one entry are shown; the same data at /v1 has all."""
_DEEPEST: Final = 4
_SHORT_ID: Final = 10
_PAGES: Final = {
    "build": "/builds/",
    "delivery": "/deliveries/",
    "notice": "/notices/",
    "token": "/admin/tokens/",
    "repository": "/repositories/",
}
"""Where the subjects of actions have a page, by the first word of the action."""
_PARTS: Final = ("builder", "channel")
_COUNTS: Final = frozenset(f"counts.{name}" for name in ("added", "changed", "forbidden", "removed"))
"""Where nothing was changed by a reload that is as good as empty."""
_TRUTHS: Final = ("true", "false")
_NOTHING: Final = object()


@dataclass(frozen=True, slots=True)
class Difference:
    """A value that changed; `before` and `after` are None where it was empty, or nothing is known of it."""

    name: str
    before: str | None
    after: str | None


class AuditPages(Subject):
    """The audit trail."""

    async def show_list(self, visit: Visit) -> Response:
        require(visit.caller, Role.ADMIN)
        query = visit.query(AuditQuery)
        async with self.core.one_list:
            page = await self.core.store.audit.page(
                query.cursor, PAGE_SIZE, name=query.name, action=query.action
            )
        beside = visit.neighbours(page, lambda entry: entry.id)
        rows = [
            (
                entry,
                _words(visit, entry.action),
                await self._subject(visit, entry),
                _address(entry),
                *_shown(visit, entry),
            )
            for entry in page.rows
        ]
        actions = [(one.value, _words(visit, one)) for one in Action]
        return visit.page("audit.html", page=page, rows=rows, beside=beside, query=query, actions=actions)

    async def _subject(self, visit: Visit, entry: AuditEntry) -> str:
        """What was changed, as its readers call it; else its id, of a session the beginning."""
        kind, subject = entry.action.partition(".")[0], entry.subject
        if kind == "build" and (build := await self.core.store.builds.get(subject)) is not None:
            return f"{build.full_name} #{build.number}"
        if kind == "token" and (token := await self.core.store.tokens.get(subject)) is not None:
            return token.name
        if kind == "part":
            part, _, name = subject.partition(":")
            return visit.text(f"audit.part_{part}", name=name) if part in _PARTS else subject
        if kind == "rules":
            return ""
        return subject[:_SHORT_ID] if kind == "session" else subject

    routes: ClassVar[Sequence[PageRoute]] = (
        PageRoute("GET", "/admin/audit", show_list, labelled(name="audit.who", action="audit.what")),
    )


def _words(visit: Visit, action: str) -> str:
    """What was done, in words; the word of a later release as it is."""
    word = action.replace(".", "_")
    return visit.text(f"audit.action_{word}") if visit.knows(f"audit.action_{word}") else action


def _address(entry: AuditEntry) -> str | None:
    """The page of what was changed."""
    below = _PAGES.get(entry.action.partition(".")[0])
    return None if below is None else f"{below}{quote(entry.subject)}"


def _shown(visit: Visit, entry: AuditEntry) -> tuple[Sequence[Difference], int]:
    """The first values that changed, in words, and how many more there are."""
    found = [one for one in changes(entry.before, entry.after) if not _is_said(one, entry)]
    return [_said(visit, one) for one in found[:MAX_CHANGES]], max(0, len(found) - MAX_CHANGES)


def _is_said(one: Difference, entry: AuditEntry) -> bool:
    """Whether it stands in the row already, or counts nothing."""
    names_subject = entry.action.startswith("build.") and one.name == "build"
    return names_subject or (one.name in _COUNTS and one.after == "0")


def _said(visit: Visit, one: Difference) -> Difference:
    word = one.name.replace(".", "_")
    name = visit.text(f"audit.field_{word}") if visit.knows(f"audit.field_{word}") else one.name
    return Difference(name, *(value and _value(visit, one.name, value) for value in (one.before, one.after)))


def _value(visit: Visit, name: str, value: str) -> str:
    """A word of the bridge in the words of the pages."""
    if name == "worked" and value in _TRUTHS:
        return visit.text(f"audit.worked_{value}")
    if name == "disabled" and value in _TRUTHS:
        return visit.text(f"audit.is_{value}")
    key = {"state": f"state.{value}", "role": f"tokens.role_{value}"}.get(name, "")
    return visit.text(key) if visit.knows(key) else value


def changes(before: Any, after: Any) -> Iterator[Difference]:
    """What differs between two JSON values, each value by its name; of one that is new or gone, all of it."""
    yield from _changes("", _NOTHING if before is None else before, _NOTHING if after is None else after, 0)


def _changes(name: str, before: Any, after: Any, depth: int) -> Iterator[Difference]:
    if before == after:
        return
    both = [one for one in (before, after) if one is not _NOTHING]
    if depth < _DEEPEST and all(isinstance(one, dict) for one in both):
        keys = dict.fromkeys(key for one in both for key in one)
        for key in keys:
            old, new = (one.get(key, _NOTHING) if one is not _NOTHING else one for one in (before, after))
            yield from _changes(f"{name}.{key}" if name else key, old, new, depth + 1)
        return
    old_text, new_text = _text(before), _text(after)
    if old_text != new_text:
        yield Difference(name, old_text, new_text)


def _text(value: Any) -> str | None:
    if value is _NOTHING or value is None or value in ("", [], {}):
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    return orjson.dumps(value).decode()
