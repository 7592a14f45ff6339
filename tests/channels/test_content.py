"""The words of a notice, whatever channel gives them their form."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from support.fake_robots import START, Turnable
from support.notices import AUTHOR, CONTACT, FACTS, context, notice

from bridge.channels.content import DETAILS, Content
from bridge.channels.content import Link as WebLink
from bridge.channels.mentions import mentions
from bridge.channels.rendering import compose
from bridge.channels.words import Language
from bridge.config.people import ContactKey, PersonSettings, contacts_by_name
from bridge.config.types import Shape
from bridge.model.event import Person
from bridge.model.notice import DigestFacts, DigestKind, EventName, Member


def content(
    event: EventName = EventName.FAIL, *, late: float = 0, language: Language = "en", **facts: Any
) -> Content:
    given = context(Turnable(START + late), language=language)
    return compose(notice(event, **facts), given, DETAILS[0])


def lines(found: Content) -> list[str]:
    return ["".join(span if isinstance(span, str) else span.text for span in line) for line in found.lines]


@pytest.mark.parametrize(
    ("event", "facts", "word"),
    [
        (EventName.FAIL, {"streak": 1}, "FAILED"),
        (EventName.FAIL, {"streak": 2}, "STILL FAILING"),
        (EventName.FAIL, {"streak": 2, "state": "unknown"}, "UNKNOWN"),
        (EventName.STOP, {"state": "superseded"}, "SUPERSEDED"),
        (EventName.STOP, {"state": "canceled"}, "STOPPED"),
        (EventName.FIXED, {"streak": 2}, "FIXED"),
    ],
)
def test_a_title_shows_the_result_of_the_build(event: EventName, facts: dict[str, Any], word: str) -> None:
    assert content(event, **facts).title == f"[{word}] acme/shop main #128"


def test_failures_in_a_row_are_counted_from_the_second_on() -> None:
    assert not any("Failing for" in line for line in lines(content(streak=1)))
    assert lines(content(streak=2, streak_since=127, log_tail=""))[-1] == "Failing for 2 builds since #127"


@pytest.mark.parametrize(
    ("language", "streak", "expected"),
    [
        ("en", 1, "Broken since #124: 1 failure, for 2h10m"),
        ("en", 3, "Broken since #124: 3 failures in a row, over 2h10m"),
        ("zh-CN", 1, "失败 1 次后恢复（#124，历时 2 小时 10 分）"),  # noqa: RUF001  # Chinese punctuation
        ("zh-CN", 3, "连续失败 3 次后恢复（自 #124，历时 2 小时 10 分）"),  # noqa: RUF001  # Chinese punctuation
    ],
)
def test_a_repair_tells_what_it_ended(language: Language, streak: int, expected: str) -> None:
    ended: dict[str, Any] = {"streak": streak, "streak_since": 124, "streak_seconds": 7_800, "log_tail": ""}
    found = content(EventName.FIXED, language=language, **ended)
    assert lines(found)[-1] == expected


def test_images_are_listed_after_a_success_only_and_the_rest_is_counted() -> None:
    images = tuple(f"r/{number}" for number in range(5))
    assert "Image r/0, r/1, r/2 and others, 5 in all" in lines(content(EventName.SUCCESS, images=images))
    assert "Image r/0, r/1, r/2" in lines(content(EventName.SUCCESS, images=images[:3]))
    assert not any("Image" in line for line in lines(content(images=images)))


def test_a_later_run_of_a_build_is_told_from_the_first() -> None:
    assert content().title.endswith(" #128")
    again = content(run=2)
    assert again.title.endswith(" #128.2")
    assert "#128.2" in lines(again)[0]


def test_a_tag_is_called_one() -> None:
    assert lines(content(ref_kind="tag", ref_name="v1"))[0].startswith("Tag v1 · ")
    assert lines(content(ref_kind="branch", ref_name="v1"))[0].startswith("Branch v1 · ")


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.4, "under 1s"),
        (1, "1s"),
        (59.9, "59s"),
        (60, "1m"),
        (3_599, "59m59s"),
        (3_600, "1h"),
        (3_605, "1h"),
        (86_399, "23h59m"),
        (90_000, "1d1h"),
    ],
)
def test_the_duration_of_a_build_is_shown_in_the_two_largest_units(seconds: float, shown: str) -> None:
    assert f"builder jenkins · took {shown} · by push (张三)" in lines(content(duration=seconds))


@pytest.mark.parametrize("seconds", [None, -1.0, float("nan"), float("inf")])
def test_the_duration_of_a_build_is_left_out_when_it_is_unknown(seconds: float | None) -> None:
    assert "builder jenkins · by push (张三)" in lines(content(duration=seconds))


@pytest.mark.parametrize(
    ("late", "expected"),
    [(300, None), (301, "delivered 5m late"), (3_719, "delivered 1h1m late"), (-60, None)],
)
def test_a_notice_that_is_over_five_minutes_late_says_so(late: float, expected: str | None) -> None:
    found = [span for span in content(late=late).footer if isinstance(span, str) and "late" in span]
    assert found == ([expected] if expected else [])


def test_the_log_is_on_the_builders_page_or_a_command_shows_it() -> None:
    page = "https://ci.example.com/job/shop/128/"
    assert content(build_url=page).footer[0] == WebLink("View log", page)
    for url in (None, "javascript:alert(1)"):
        assert content(build_url=url).footer[0] == "Log: buildbridge builds log acme/shop#128"


@pytest.mark.parametrize("builder", [None, "https://ci.example.com/job/shop/128/"])
def test_with_a_public_url_the_log_is_on_our_page_and_the_number_leads_to_the_builder(
    builder: str | None,
) -> None:
    ours = f"https://bridge.example.com/builds/{FACTS.build_id}"
    given = context(Turnable(START), language="en", public_url="https://bridge.example.com")
    found = compose(notice(EventName.FAIL, build_url=builder), given, DETAILS[0])
    assert found.footer[0] == WebLink("View log", ours)
    number = next(
        span for line in found.lines for span in line if not isinstance(span, str) and "#" in span.text
    )
    assert number.url == (builder or ours)


@pytest.mark.parametrize("email", ["zhang.san@example.com", " Zhang.San@EXAMPLE.com "])
def test_an_author_is_known_however_the_address_is_written(email: str) -> None:
    sent = notice(author=Person("Zhang", email))
    assert mentions(sent, {AUTHOR: CONTACT}) == (CONTACT,)


@pytest.mark.parametrize(
    ("listed", "written", "same"),
    [
        ("zs@users.noreply.github.com", "123+zs@users.noreply.github.com", True),
        ("123+ZS@users.noreply.github.com", "zs@users.noreply.github.com", True),
        ("7-zs@users.noreply.gitlab.com", "zs@users.noreply.gitlab.com", True),
        ("123+zs@user.noreply.gitee.com", "zs@user.noreply.gitee.com", True),
        ("zs@noreply.gitea.example.com", "9+zs@noreply.gitea.example.com", True),
        ("7-zs@users.noreply.github.com", "zs@users.noreply.github.com", False),
        ("123+zs@corp.example.com", "zs@corp.example.com", False),
        ("zs@users.noreply.github.com", "zs@users.noreply.gitlab.com", False),
    ],
)
def test_a_hidden_address_is_the_same_with_and_without_its_number(
    listed: str, written: str, same: bool
) -> None:
    people = {"a@example.com": PersonSettings.model_validate({"emails": [listed], "chat": CONTACT})}
    known = contacts_by_name(people, ContactKey("chat", "", Shape("", "")))
    expected = (CONTACT,) if same else ()
    assert mentions(notice(author=Person("Zhang", written)), known) == expected


PEOPLE = {"ann@x.example": "ann", "bob@x.example": "bob", "eve@x.example": "eve", "root": "root"}
ANN, BOB, EVE = (Person(name, f"{name}@x.example") for name in ("ann", "bob", "eve"))
STRANGER = Person("ann", "ann@elsewhere.example")
BOT = Person("dependabot[bot]", "49+dependabot[bot]@users.noreply.github.com")


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"author": ANN, "committer": BOB}, ("ann",)),
        ({"author": STRANGER, "committer": BOB}, ("bob",)),
        ({"author": Person("ann"), "committer": Person("bob")}, ()),
        ({"author": ANN, "co_authors": (BOB, ANN, EVE)}, ("ann", "bob", "eve")),
        ({"author": STRANGER, "committer": STRANGER, "co_authors": (EVE,)}, ("eve",)),
        ({"author": BOT, "committer": BOT}, ()),
        ({"author": ANN, "cause": "manual", "by": "Root"}, ("root",)),
        ({"author": ANN, "cause": "manual", "by": "bob@x.example"}, ()),
        ({"author": ANN, "cause": "manual", "by": "someone"}, ()),
        ({"author": ANN, "committer": BOB, "co_authors": (EVE,), "cause": "schedule"}, ()),
        ({"author": ANN, "committer": BOB, "co_authors": (EVE,), "cause": "order repair"}, ()),
    ],
)
def test_who_is_mentioned_is_who_wrote_or_started_what_failed(
    facts: dict[str, Any], expected: tuple[str, ...]
) -> None:
    known = PEOPLE | {"dependabot[bot]@users.noreply.github.com": "bot"}
    assert mentions(notice(**facts), known) == expected
    assert mentions(notice(EventName.FIXED, **facts), known) == expected
    assert mentions(notice(EventName.SUCCESS, **facts), known) == ()


def test_a_message_that_stands_for_many_mentions_each_once_and_ten_at_most() -> None:
    contacts = {f"{number}@x.example": str(number) for number in range(20)}
    writers = [Person(str(number), f"{number}@x.example") for number in range(20)]
    members = tuple(
        Member(notice_id=str(one), event=EventName.FAIL, facts=replace(FACTS, author=one, co_authors=(two,)))
        for one, two in pairwise(writers)
    )
    digest = replace(notice(), facts=DigestFacts(kind="backlog", members=members))
    assert mentions(digest, contacts) == tuple(map(str, range(10)))


@pytest.mark.parametrize("cause", ["manual", "order", "schedule", "Order by the watch", "MANUAL by bob"])
def test_a_build_that_the_author_did_not_cause_mentions_no_one(cause: str) -> None:
    assert mentions(notice(cause=cause), {AUTHOR: CONTACT}) == ()


@pytest.mark.parametrize(
    ("language", "cause", "by", "expected"),
    [
        ("zh-CN", "manual", "root", "手动触发（root）"),  # noqa: RUF001  # Chinese punctuation
        ("zh-CN", "schedule", None, "定时触发"),
        ("zh-CN", "tag", None, "标签触发（张三）"),  # noqa: RUF001  # Chinese punctuation
        ("zh-CN", "push", None, "推送触发（张三）"),  # noqa: RUF001  # Chinese punctuation
        ("en", "manual", "root", "by hand (root)"),
        ("en", "schedule", None, "by schedule"),
    ],
)
def test_what_caused_a_build_is_said_in_the_readers_language(
    language: Language, cause: str, by: str | None, expected: str
) -> None:
    about = lines(content(language=language, cause=cause, by=by, detail=None, log_tail=""))[-1]
    assert about.split(" · ")[-1] == expected


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", "Here because channel {} is out of order"),
        ("zh-CN", "渠道 {} 异常，改由此渠道发送"),  # noqa: RUF001  # Chinese punctuation
    ],
)
def test_a_notice_says_for_which_channel_it_is_here(language: Language, expected: str) -> None:
    given, moved = context(language=language), notice(log_tail="")
    assert not any(
        word in line for line in lines(compose(moved, given, DETAILS[0])) for word in ["渠道", "Here"]
    )
    for detail in DETAILS:
        found = compose(replace(moved, moved_from="ops"), given, detail)
        assert lines(found)[0] == expected.format("ops")


@pytest.mark.parametrize(
    ("kind", "origins", "expected"),
    [
        ("backlog", [None, "ops", "ops"], "Here because channel ops is out of order"),
        ("push", ["ops", "team", "ops"], "Here because channel ops, team is out of order"),
        ("backlog", ["a", "b", "c"], "Here because channel a, b… is out of order"),
        ("job", [None, None, "ops"], "Here because channel ops is out of order"),
    ],
)
def test_a_digest_says_for_which_channels_some_of_it_is_here(
    kind: DigestKind, origins: list[str | None], expected: str
) -> None:
    members = tuple(
        Member(
            notice_id=f"{place}",
            event=EventName.FAIL,
            facts=replace(FACTS, build_id=f"{place}", log_tail=""),
            moved_from=origin,
        )
        for place, origin in enumerate(origins)
    )
    digest = replace(notice(), facts=DigestFacts(kind=kind, members=members))
    found = lines(compose(digest, context(language="en"), DETAILS[0]))
    assert [line for line in found if line.startswith("Here")] == [expected]


def test_a_failure_says_in_which_stage_and_a_reason_that_says_only_that_is_left_out() -> None:
    def said(stage: str, detail: str) -> list[str]:
        lines = compose(notice(stage=stage, detail=detail), context(language="en"), DETAILS[0]).lines
        return [str(line[0]) for line in lines if str(line[0]).startswith(("Failed in: ", "Reason: "))]

    alone = "failed in the job 'image' of the stage 'build'"
    assert said("build / image", alone) == ["Failed in: build / image"]
    assert said("build / image", f"{alone}: stuck") == ["Failed in: build / image", f"Reason: {alone}: stuck"]
    assert said("", alone) == [f"Reason: {alone}"]
    assert said("a\n<b> @all" + "x" * 100, "") == ["Failed in: a <b> @all" + "x" * 69 + "…"]
