"""Typical builds, as notices tell of them: what `tests/notice_samples.py` keeps the messages of."""

# Chinese sentences carry Chinese punctuation

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from support.fake_robots import START
from support.notices import FACTS

from bridge.config.templates import NoticeTemplate, Templates
from bridge.model.event import Person
from bridge.model.notice import BuildFacts, DigestFacts, EventName, Member, Notice

_TAIL: Final = """\
#9 [build 4/6] RUN go build ./...
#9 12.41 internal/cart/cart.go:42:9: undefined: prices.Round
#9 ERROR: process "/bin/sh -c go build ./..." did not complete successfully: exit code: 1
"""
_LONG: Final = "\n".join(
    [
        "--- FAIL: TestTotal (0.00s)",
        "    cart_test.go:19: total of 3 items is 29.97, not 30.00",
        *(f"ok      example.com/shop/part{number}  0.0{number}s" for number in range(10, 60)),
        "FAIL    example.com/shop/cart  0.012s",
    ]
)
_SOUND: Final = replace(FACTS, state="succeeded", detail=None, log_tail="", streak=0)
_FAILED: Final = replace(
    FACTS,
    detail="the image build failed with exit code 1",
    stage="build the image",
    images=(),
    builder="here",
    log_tail=_TAIL,
)
_PEOPLE: Final = (FACTS.author, Person("Ann Lee", "ann@example.com"))


def _notice(event: EventName, facts: BuildFacts | DigestFacts, *, waited: float = 2.0) -> Notice:
    return Notice(
        id="0192f0c1-1111-7000-8000-00000000abcd",
        channel="team",
        event=event,
        facts=facts,
        created_at=START - waited,
    )


def _push() -> DigestFacts:
    """Six images of one push, the fourth of which failed."""
    parts = ("api", "web", "worker", "cron", "docs", "proxy")
    members = []
    for place, part in enumerate(parts):
        facts = replace(
            _FAILED if part == "cron" else _SOUND,
            build_id=f"0192f0c1-0000-7000-8000-00000000020{place}",
            number=200 + place,
            build_url=f"https://ci.example.com/job/shop/{200 + place}/",
            images=() if part == "cron" else (f"registry.example.com/acme/shop-{part}:latest",),
        )
        event = EventName.FAIL if facts.state == "failed" else EventName.SUCCESS
        members.append(Member(notice_id=f"N-{place}", event=event, facts=facts))
    return DigestFacts(kind="push", members=tuple(members))


def _like(facts: BuildFacts, **changes: Any) -> BuildFacts:
    return replace(facts, **changes)


CASES: Final[Mapping[str, Notice]] = {
    "success": _notice(EventName.SUCCESS, _SOUND),
    "failed": _notice(EventName.FAIL, _FAILED),
    "fixed": _notice(
        EventName.FIXED, _like(_SOUND, streak=3, streak_since=125, streak_seconds=7800.0, author=_PEOPLE[1])
    ),
    "still-failing": _notice(
        EventName.FAIL,
        _like(
            _FAILED,
            builder="jenkins",
            detail="failed in the stage Unit tests",
            stage="Unit tests",
            streak=4,
            streak_since=125,
            log_tail=_LONG,
        ),
    ),
    "unknown": _notice(
        EventName.FAIL,
        _like(
            _FAILED,
            state="unknown",
            stage="",
            detail="the runner was killed after a command or a push had begun: no one knows how it ended",
            build_url=None,
            log_tail="",
        ),
    ),
    "superseded": _notice(
        EventName.STOP, _like(_SOUND, state="superseded", detail="superseded by #129: b485eebf was pushed")
    ),
    "cancelled": _notice(EventName.STOP, _like(_SOUND, state="cancelled", detail="cancelled by ann")),
    "manual": _notice(EventName.FAIL, _like(_FAILED, cause="manual", by="ann", duration=0.4)),
    "tag": _notice(
        EventName.SUCCESS,
        _like(
            _SOUND,
            ref_kind="tag",
            ref_name="v1.4.2",
            cause="tag",
            images=tuple(f"registry.example.com/acme/shop:{tag}" for tag in ("1.4.2", "1.4", "1", "latest")),
        ),
    ),
    "late": _notice(EventName.FAIL, _FAILED, waited=42 * 60),
    "push": _notice(EventName.FAIL, _push()),
    "by-the-fallback": replace(_notice(EventName.FAIL, _FAILED), moved_from="ops"),
}
"""By the name of the case; the clock stands at `START`."""

_OWN: Final = NoticeTemplate(
    title="{{ repository }} {{ ref }}: {{ phrase }}",
    body="""\
{{ link(subject | truncate(60), commit_url) }} · {{ author | default("?") }}
{% if reason %}{{ reason }} · {% endif %}{{ duration }}
{% for line in tail[-3:] %}
{{ loop.index }}/{{ loop.length }} {{ line }}
{% endfor %}
{{ link("shop.example.com", "https://shop.example.com/" ~ ref) }}
""",
)
_EVIL: Final = (
    "# <@all> @所有人 [x](https://evil.example) **b** <font color=red> &lt;at id=all&gt; \x86\x02\u202e"
)
TEMPLATED: Final[Mapping[str, tuple[Notice, Templates]]] = {
    "own-words": (_notice(EventName.FAIL, _FAILED), {EventName.FAIL: _OWN}),
    "own-words-hostile": (
        _notice(
            EventName.FAIL,
            _like(
                _FAILED,
                repo_name=_EVIL,
                ref_name=_EVIL,
                subject=_EVIL,
                detail=_EVIL,
                author=Person(_EVIL),
                log_tail=f"{_EVIL}\n" * 4,
                commit_url="https://git.example.com/](javascript:x)",
            ),
        ),
        {EventName.FAIL: _OWN},
    ),
}
"""Cases with templates, for the kinds that may have some."""
