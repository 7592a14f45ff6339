"""The notices of jobs: which of five events go to which kind of channel; our other events stay."""

import re
from collections.abc import Sequence
from typing import Final

from typing_extensions import TypedDict

from bridge.config.notices import NoticeSetting
from bridge.model.access import Role
from bridge.model.notice import EventName
from bridge.rules.in_force import KnownRepository
from bridge.runtime.http_client import host_fault, url_fault
from bridge.web.api.codearts.base import CodeArtsBase
from bridge.web.api.codearts.queries import NoticeBody, NoticeTypeQuery, WebhookBody
from bridge.web.api.codearts.shapes import Enveloped, enveloped
from bridge.web.api.codearts.words import EVENTS, MESSAGE, NOTICE_TYPES, ROBOTS
from bridge.web.api.core.access import require_in
from bridge.web.api.core.builds import sees
from bridge.web.api.core.errors import Invalid
from bridge.web.api.operation import Call, Operation

_ALWAYS: Final = "MESSAGE always has all five events: every event is a message in the app, and none is sent"


class NoticeRow(TypedDict):
    """Which events go to one kind of channel; where it leads to is never shown."""

    notice_type: str
    enable_map: dict[str, bool]
    param_config: None


class Changed(TypedDict):
    """The job that was changed."""

    job_id: str


async def list_notice(api: CodeArtsBase, call: Call) -> Enveloped[list[NoticeRow]]:
    """List which events of a job go to which kind of channel."""
    known = await api.job(call, call.path["job_id"])
    settings = _settings(api, known) if sees(call.principal, known.repository.namespace) else ()
    return enveloped(
        [
            {"notice_type": kind, "enable_map": _enable_map(kind, settings), "param_config": None}
            for kind in NOTICE_TYPES
        ]
    )


def _settings(api: CodeArtsBase, known: KnownRepository) -> Sequence[NoticeSetting]:
    own = known.repository.notices
    return api.core.keeper.default_notices if own is None else own


def _enable_map(kind: str, settings: Sequence[NoticeSetting]) -> dict[str, bool]:
    enabled = {event for one in settings if one.notice_type == kind for event in one.events}
    return {event.value: kind == MESSAGE or event in enabled for event in EVENTS}


async def update_notice(api: CodeArtsBase, call: Call, body: NoticeBody) -> Enveloped[Changed]:
    """Set which of the five events of a job go to one kind of channel; others of them do not any more.

    Where channels lead to is set in bridge.yaml. MESSAGE always has all five events.
    """
    known = await api.job(call, call.path["job_id"])
    kind = _kind(body.notice_type)
    if body.param_config:
        raise Invalid(["param_config: where a channel leads to is set in bridge.yaml: leave it out"])
    if _is_true(body.use_project_notice):
        raise Invalid(["use_project_notice: each job has its own notices here: leave it out, or say false"])
    off = body.send_switch is not None and not _is_true(body.send_switch)
    wanted = [] if off else _events(body.enabled_event_type_names)
    if kind == MESSAGE:
        require_in(call.caller, Role.MEMBER, known.repository.namespace)
        if set(wanted) != set(EVENTS):
            raise Invalid([_ALWAYS])
        return enveloped({"job_id": call.path["job_id"]})
    return await _set(api, call, known, kind, wanted, whole=off)


async def disable_notice(api: CodeArtsBase, call: Call, query: NoticeTypeQuery) -> Enveloped[Changed]:
    """Switch one kind of channel off for a job: no event goes to it any more."""
    known = await api.job(call, call.path["job_id"])
    kind = _kind(query.notice_type)
    if kind == MESSAGE:
        raise Invalid([_ALWAYS])
    return await _set(api, call, known, kind, [], whole=True)


async def _set(
    api: CodeArtsBase,
    call: Call,
    known: KnownRepository,
    kind: str,
    wanted: Sequence[EventName],
    *,
    whole: bool,
) -> Enveloped[Changed]:
    """Set the events of the channels of this kind that the job has, or of the only one there is.

    With `whole`, no other event stays.
    """
    require_in(call.caller, Role.MEMBER, known.repository.namespace)
    found = [one for one in _settings(api, known) if one.notice_type == kind]
    if not found and not wanted:
        return enveloped({"job_id": call.path["job_id"]})
    notices = []
    for one in found or [NoticeSetting(notice_type=kind)]:
        kept = [event for event in one.events if event not in EVENTS] if found else []
        events = [*wanted, *([] if whole else kept)]
        channel = {"channel": one.channel} if one.channel else {}
        notices.append({"notice_type": kind, "enabled_event_type_names": [*events], **channel})
    await api.repositories.set_notices(call, known.repository.key, notices)
    return enveloped({"job_id": call.path["job_id"]})


def _kind(text: str) -> str:
    """The kind of a channel, whatever its case. Raises Invalid."""
    kind = text.upper()
    if kind not in NOTICE_TYPES:
        raise Invalid([f"notice_type: there is no {text[:40]} here, only {', '.join(NOTICE_TYPES)}"])
    return kind


def _events(names: Sequence[str]) -> list[EventName]:
    """Raises Invalid for what is not one of the five."""
    known = {event.value: event for event in EVENTS}
    if unknown := [name[:40] for name in names if name not in known]:
        raise Invalid(
            [f"enabled_event_type_names: there is no {', '.join(unknown)}, only {', '.join(known)}"]
        )
    return [known[name] for name in dict.fromkeys(names)]


def _is_true(text: str | None) -> bool:
    return (text or "").lower() == "true"


async def check_webhook_url(api: CodeArtsBase, call: Call, body: WebhookBody) -> Enveloped[None]:
    """Check the address of a robot by what is written: nothing is sent to it.

    Only names are good, and no numbers, nor names inside of a private network: unless
    `api.codearts.allow_private` is set.
    """
    await api.job(call, body.job_id)
    if body.notice_type.upper() not in ROBOTS:
        raise Invalid([f"notice_type: only {', '.join(ROBOTS)} have the address of a robot"])
    url = body.webhook_url
    if re.search(r"[\s\x00-\x1f\x7f\\]", url):
        raise Invalid(["webhook_url: has a space or another character that no address has"])
    fault = url_fault(url, allow_private=api.allow_private) or (
        None if api.allow_private else host_fault(url)
    )
    if fault:
        raise Invalid([f"webhook_url: {fault.replace('allow_private', 'api.codearts.allow_private')}"])
    return enveloped(None)


NOTICES: Final[Sequence[Operation]] = (
    Operation("GET", "/v3/jobs/notice/{job_id}/query", list_notice),
    Operation("GET", "/v1/job/{job_id}/notice", list_notice, name="show_job_notice_config_info"),
    Operation("POST", "/v3/jobs/notice/{job_id}/update", update_notice),
    Operation("PUT", "/v1/job/{job_id}/notice", update_notice, name="update_new_notice_new"),
    Operation("POST", "/v3/jobs/notice/{job_id}/disable", disable_notice),
    Operation("POST", "/v1/job/check/webhook-url", check_webhook_url, keyed=False),
)
