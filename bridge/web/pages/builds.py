"""The pages about builds."""

from collections.abc import Sequence
from typing import ClassVar

from starlette.responses import Response

from bridge.model.build import BuildState
from bridge.web.api.pages import PAGE_SIZE
from bridge.web.api.queries import BuildQuery
from bridge.web.pages.failures import labelled
from bridge.web.pages.visit import PageRoute, Subject, Visit


class BuildPages(Subject):
    """The list of builds."""

    async def show_list(self, visit: Visit) -> Response:
        query = visit.query(BuildQuery)
        page = await self.core.builds.page(visit.principal, query.cursor, PAGE_SIZE, query.filter)
        beside = visit.neighbours(page, lambda build: build.id)
        options = [(state.value, visit.text(f"state.{state}")) for state in BuildState]
        return visit.page("builds.html", page=page, query=query, beside=beside, state_options=options)

    routes: ClassVar[Sequence[PageRoute]] = (
        PageRoute(
            "GET",
            "/builds",
            show_list,
            labelled(state="builds.state", namespace="builds.namespace", repo_name="builds.repository"),
        ),
    )
