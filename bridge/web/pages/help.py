"""The guides of this version, as pages."""

from collections.abc import Sequence
from functools import partial
from itertools import groupby
from typing import ClassVar, Final

from anyio import to_thread
from starlette.responses import Response

from bridge.runtime.topics import Topic, same_name
from bridge.web.api.core.errors import NoSuchPath
from bridge.web.pages.guides import guide, one_line
from bridge.web.pages.visit import PageParts, PageRoute, Subject, Visit

_FIRST: Final = ("install", "rules", "troubleshooting")
"""The guides that most readers come for, in their order."""


def _place(topic: Topic) -> int:
    return _FIRST.index(topic.name)


def _group(topic: Topic) -> str:
    return topic.group


def _listed(topics: Sequence[Topic], visit: Visit) -> list[tuple[str, str, str]]:
    """Name, title and first sentence of each; those about one vendor have a title that says enough."""
    return [
        (
            one.name,
            one.title(visit.language),
            one_line(one.first_sentence(visit.language)) if one.group == "guides" else "",
        )
        for one in topics
    ]


class HelpPages(Subject):
    """The list of guides, and each of them."""

    def __init__(self, parts: PageParts) -> None:
        super().__init__(parts)
        self._topics = parts.topics
        self._names = frozenset(topic.name for topic in parts.topics)

    async def show_list(self, visit: Visit) -> Response:
        first = sorted((one for one in self._topics if one.name in _FIRST), key=_place)
        rest = [one for one in self._topics if one.name not in _FIRST]
        groups = [("first", first), *((group, list(of)) for group, of in groupby(rest, _group))]
        return visit.page("help.html", groups=[(group, _listed(of, visit)) for group, of in groups])

    async def show_topic(self, visit: Visit) -> Response:
        name = visit.path["topic"]
        found = [topic for topic in self._topics if same_name(topic.name, name)]
        if not found:
            raise NoSuchPath(str(visit.text("help.no_topic")))
        if found[0].name != name:
            return visit.go(f"/help/{found[0].name}")
        # Guides on one page have anchors of their own.
        before = ["", *(f"{topic.group}-" for topic in found[1:])]
        make = partial(guide, language=visit.language, names=self._names, say=visit.say)
        guides = [
            await to_thread.run_sync(partial(make, topic, before=one))
            for topic, one in zip(found, before, strict=True)
        ]
        return visit.page("guide.html", guides=guides, title=found[0].title(visit.language))

    routes: ClassVar[Sequence[PageRoute]] = (
        PageRoute("GET", "/help", show_list),
        PageRoute("GET", "/help/{topic}", show_topic),
    )
