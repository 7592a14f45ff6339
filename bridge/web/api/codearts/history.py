"""Histories of jobs, and statistics of them."""

from collections.abc import Sequence
from typing import Final

from typing_extensions import TypedDict

from bridge.model.build import BuildState
from bridge.rules.in_force import KnownRepository
from bridge.store.reports import Period
from bridge.store.values import BuildFilter, Cursor
from bridge.web.api.codearts.base import CodeArtsBase
from bridge.web.api.codearts.queries import (
    DaysQuery,
    HistoryQuery,
    PeriodQuery,
    RecordsOfJobQuery,
    RecordsQuery,
    SpanQuery,
)
from bridge.web.api.codearts.record_documents import (
    BuildInfoRecord,
    HistoryRow,
    Numbered,
    PeriodRow,
    Record,
    build_info_record,
    history_row,
    period_row,
    record,
)
from bridge.web.api.codearts.shapes import Enveloped, enveloped
from bridge.web.api.codearts.words import HEALTH_BUILDS, causes_of, health_of
from bridge.web.api.core.builds import sees
from bridge.web.api.operation import Call, Operation

_DAY: Final = 24 * 3600
_SUMMARY: Final = 100
_SPAN: Final = ("from_date", "to_date")
_MOMENTS: Final = ("start_time", "end_time")


class History(TypedDict):
    """Builds of the last days; `total` is exact below 10 000, and otherwise how many there are at least."""

    history_records: list[HistoryRow]
    total: int


class PeriodHistory(TypedDict):
    """Builds between two days; `total` is exact below 10 000, and otherwise how many there are at least."""

    total: int
    history_records: list[PeriodRow]


class SuccessRatio(TypedDict):
    """How many builds were successful of those that have ended; the ratio is a fraction."""

    success_count: int
    total_count: int
    success_ratio: float


class RecordsOfJob(TypedDict):
    """One page of records; all numbers beside them are texts."""

    health_score: str
    page_index: str
    total_page: str
    total_record: str
    job_build_states: list[BuildInfoRecord]


class Total(TypedDict):
    """How many builds there are, exact below 10 000, and otherwise how many at least."""

    total: int


class Pagination(TypedDict):
    """Where a page lies; `total` is exact below 10 000, and otherwise how many there are at least."""

    page: int
    limit: int
    total: int


class Records(TypedDict):
    """One page of the records of a build project."""

    pagination: Pagination
    data: list[Record]


class Summary(TypedDict):
    """Jobs and builds that the caller may see, and percent of the newest 100 builds that succeeded."""

    avg_success_ratio: int
    build_no: int
    job_total: int
    version_total: str


class Summaries(TypedDict):
    """The summary."""

    summary: Summary


async def show_list_history(api: CodeArtsBase, call: Call, query: HistoryQuery) -> History:
    """List the builds of a job in the last days, the newest first."""
    known = await api.job(call, call.path["job_id"])
    now = api.core.clock()
    period = _period(call, known, now - query.interval * _DAY, now + _DAY)
    total, found = await _page(api, known, period, query.offset, query.limit)
    return {"history_records": [history_row(one, api.zone) for one in found], "total": total}


async def show_list_period_history(api: CodeArtsBase, call: Call, query: PeriodQuery) -> PeriodHistory:
    """List the builds of a job between two days, the newest first."""
    known = await api.job(call, call.path["job_id"])
    period = _period(call, known, *api.zone.days(query.start_time, query.end_time))
    total, found = await _page(api, known, period, query.offset, query.limit)
    return {"total": total, "history_records": [period_row(one, api.zone) for one in found]}


async def show_job_success_ratio(api: CodeArtsBase, call: Call, query: DaysQuery) -> SuccessRatio:
    """Show how many builds of a job between two days were successful, of those that have ended."""
    known = await api.job(call, call.path["job_id"])
    key, stranger = known.repository.key, not sees(call.principal, known.repository.namespace)
    begin, end = api.zone.days(query.start_time, query.end_time)
    async with api.core.one_list:
        outcomes = await api.core.store.reports.outcomes(key, begin, end, public=stranger)
    total = sum(outcomes.values())
    good = outcomes.get(BuildState.SUCCEEDED, 0)
    ratio = round(good / total, 2) if total else 0.0
    return {"success_count": good, "total_count": total, "success_ratio": ratio}


async def list_build_info_record(
    api: CodeArtsBase, call: Call, query: RecordsOfJobQuery
) -> Enveloped[RecordsOfJob]:
    """List the records of a job between two moments, the newest first."""
    known = await api.job(call, call.path["job_id"])
    key = known.repository.key
    period = _period(call, known, *api.zone.moments(_MOMENTS, query.start_time, query.end_time))
    total, found = await _page(api, known, period, query.page_index, query.page_size)
    newest = (await api.newest(call, [key], HEALTH_BUILDS))[key]
    return enveloped(
        {
            "health_score": str(health_of(newest)),
            "page_index": str(query.page_index),
            "total_page": str(-(-total // query.page_size)),
            "total_record": str(total),
            "job_build_states": [build_info_record(one) for one in found],
        }
    )


async def list_records(api: CodeArtsBase, call: Call, query: RecordsQuery) -> Enveloped[Records]:
    """List the records of a build project, the newest first."""
    known = await api.build_project(call, call.path["build_project_id"])
    begin, end = api.zone.moments(_SPAN, query.from_date, query.to_date)
    causes = causes_of(query.triggers) if query.triggers else None
    period = _period(call, known, begin, end, refs=_refs(query), causes=causes)
    total, found = await _page(api, known, period, query.page, query.limit)
    trusted = sees(call.principal, known.repository.namespace)
    return enveloped(
        {
            "pagination": {"page": query.page, "limit": query.limit, "total": total},
            "data": [record(one, trusted=trusted) for one in found],
        }
    )


def _refs(query: RecordsQuery) -> Sequence[str] | None:
    """The full names of the refs that are asked for."""
    branches = [f"refs/heads/{name}" for name in query.branches]
    return [*branches, *(f"refs/tags/{name}" for name in query.tags)] or None


async def show_job_total(api: CodeArtsBase, call: Call, query: SpanQuery) -> Enveloped[Total]:
    """Count the builds of a build project between two moments."""
    known = await api.build_project(call, call.path["build_project_id"])
    period = _period(call, known, *api.zone.moments(_SPAN, query.from_date, query.to_date))
    async with api.core.one_list:
        total, _ = await api.core.store.reports.page(known.repository.key, period, skip=0, size=0)
    return enveloped({"total": total})


async def show_summary_build_job_info(api: CodeArtsBase, call: Call) -> Enveloped[Summaries]:
    """Count the jobs and builds that the caller may see."""
    builds = await api.core.builds.page(call.principal, Cursor(), _SUMMARY, BuildFilter())
    jobs = api.core.repositories.page(call.principal, size=1)
    return enveloped(
        {
            "summary": {
                "avg_success_ratio": health_of(builds.rows),
                "build_no": builds.count,
                "job_total": jobs.count,
                "version_total": "0",
            }
        }
    )


def _period(
    call: Call,
    known: KnownRepository,
    begin: float,
    end: float,
    *,
    refs: Sequence[str] | None = None,
    causes: Sequence[str] | None = None,
) -> Period:
    """Of a repository that the caller sees only since it is public, its public builds."""
    stranger = not sees(call.principal, known.repository.namespace)
    return Period(begin=begin, end=end, refs=refs, causes=causes, public=stranger)


async def _page(
    api: CodeArtsBase, known: KnownRepository, period: Period, page: int, size: int
) -> tuple[int, list[Numbered]]:
    async with api.core.one_list:
        total, builds = await api.core.store.reports.page(
            known.repository.key, period, skip=page * size, size=size
        )
    return total, await api.numbered(builds)


HISTORY: Final[Sequence[Operation]] = (
    Operation("GET", "/v3/jobs/{job_id}/history", show_list_history),
    Operation("GET", "/v3/jobs/{job_id}/period-history", show_list_period_history),
    Operation("GET", "/v3/jobs/{job_id}/success-ratio", show_job_success_ratio),
    Operation("GET", "/v3/jobs/{job_id}/build-info-records", list_build_info_record),
    Operation(
        "GET", "/v1/record/{job_id}/list", list_build_info_record, name="list_build_info_record_by_job_id"
    ),
    Operation("GET", "/v1/record/{build_project_id}/records", list_records),
    Operation("GET", "/v1/record/{build_project_id}/statistics", show_job_total),
    Operation("GET", "/v1/domain/job-summary", show_summary_build_job_info),
)
