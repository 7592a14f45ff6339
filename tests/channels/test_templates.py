"""What a template of a notice can say, what is wrong with one, and what is sent where one fails."""

# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation

import re
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson
import pytest
from structlog.testing import capture_logs
from support.fake_robots import Turnable
from support.notices import FACTS, SERVICE, Messages, context, notice
from support.templates import CONFIG, fault

from bridge.channels.adapters.dingtalk.channel import DingTalk, DingTalkSettings
from bridge.channels.adapters.mail.message import make_message
from bridge.channels.adapters.telegram.channel import Telegram, TelegramSettings
from bridge.channels.adapters.wecom.channel import WeCom, WeComSettings
from bridge.channels.base import ChannelContext
from bridge.channels.content import DETAILS, Content, Link
from bridge.channels.rendering import compose, fitted
from bridge.channels.templated import fault_of_template
from bridge.channels.templates.filters import FILTERS, TESTS
from bridge.channels.templates.names import names_of, samples
from bridge.channels.words import Speech, words_of
from bridge.config.channels import common
from bridge.config.loader import load_config
from bridge.config.templates import NoticeTemplate
from bridge.model.event import Person
from bridge.model.notice import DigestFacts, EventName, Member, Notice, ServiceFacts
from bridge.registry import KINDS, previews
from bridge.runtime.metrics import REGISTRY

DING = DingTalkSettings.model_validate(
    {"url": "https://oapi.dingtalk.com/robot/send?access_token=0123456789"}
)
WECOM = WeComSettings.model_validate(
    {"url": "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=0123456789"}
)
TELEGRAM = TelegramSettings.model_validate({"token": "123456789:AAbbCCddEEffGGhhIIjj", "chat": -100})


def given(event: EventName = EventName.FAIL, language: str = "en", **parts: str) -> ChannelContext:
    return context(language=language, templates={event: NoticeTemplate(**parts)})


def content(sent: Notice, where: ChannelContext) -> Content:
    assert fault_of_template(sent, where) is None
    return compose(sent, where, DETAILS[0])


def body(source: str, sent: Notice | None = None, language: str = "en", **changes: Any) -> list[str]:
    """The lines of a template, a link as `<text|address>`."""
    sent = sent or notice(**changes)
    lines = content(sent, given(sent.event, language, body=source)).lines
    return [
        "".join(f"<{span.text}|{span.url}>" if isinstance(span, Link) else span for span in line)
        for line in lines
    ]


def test_title_and_body_take_the_place_of_the_usual_ones_and_the_rest_stays() -> None:
    usual = compose(notice(), given(EventName.START, body="x"), DETAILS[0])
    own = content(
        notice(), given(title="{{ repository }} is broken", body="by {{ author }}\n\n  {{ status }}")
    )
    assert (own.title, own.subject, own.status) == ("shop is broken",) * 2 + ("",)
    assert own.heading() == "❌ shop is broken"
    assert own.lines == (("by 张三",), ("FAILED",))
    assert own.tail == ()
    assert (own.footer, own.tone, own.mark) == (usual.footer, usual.tone, usual.mark)
    titled = content(notice(), given(title="{{ repository }} is broken"))
    assert (titled.lines, titled.tail) == (usual.lines, usual.tail)
    worded = content(notice(), given(body="x"))
    assert worded.title == usual.title
    assert worded.heading() == usual.heading() == "❌ Build failed · acme/shop"


def test_a_message_shows_the_template_with_mention_and_footer() -> None:
    where = context(
        language="en",
        templates={
            EventName.FAIL: NoticeTemplate(title="{{ ref }} broke", body="{{ link('see', build_url) }}")
        },
    )
    sent = orjson.loads(DingTalk("team", DING, where).render(notice(), 18_000))
    page = "https://ci.example.com/job/shop/128/"
    assert sent["markdown"] == {
        "title": "main broke",
        "text": f"### ❌ main broke\n\n- [see]({page})\n\n[View log]({page}) · N-0000abcd\n\n@zhangsan",
    }
    wecom = orjson.loads(WeCom("team", WECOM, where).render(notice(), 4_000))["markdown"]["content"]
    assert wecom.startswith("### ❌ main broke\n> [see](")
    card = WECOM.model_copy(update={"form": "card"})
    shown = orjson.loads(WeCom("team", card, replace(where, contacts={})).render(notice(), 4_000))
    assert shown["template_card"]["main_title"] == {"title": "❌ main broke"}
    assert shown["template_card"]["sub_title_text"] == "see"


def test_every_name_of_a_build_has_a_plain_value() -> None:
    source = (
        "{{ event }} {{ language }} {{ mark }} {{ status }} {{ phrase }}\n"
        "{{ namespace }}/{{ repository }} {{ number }} {{ run }} {{ label }} {{ kind }} {{ ref }}\n"
        "{{ sha[:8] }} {{ commit_url }} {{ subject }} {{ author }} {{ by }} {{ cause }} {{ why }}\n"
        "{{ images | join(' ') }} {{ images[0] }} {{ builder }} {{ duration }} {{ stage }}: {{ reason }}\n"
        "{{ failures }} {{ failing_since }} {{ build_url }}\n"
        "{% for line in tail %}{{ loop.index }} {{ line }}\n{% endfor %}"
    )
    assert body(source, streak=3, streak_since=126, by="root", cause="manual", run=2, stage="Unit tests") == [
        "buildJobFail en 🔁 STILL FAILING Build still failing",
        "acme/shop 128 2 #128.2 branch main",
        (
            "1a2b3c4d https://git.example.com/acme/shop/commit/1a2b3c4d 修复登录超时 张三 root manual "
            "by hand (root)"
        ),
        (
            "registry.example.com/acme/shop:1.4.2 registry.example.com/acme/shop:latest "
            "registry.example.com/acme/shop:1.4.2 jenkins 3m12s Unit tests: docker build"
        ),
        "3 126 https://ci.example.com/job/shop/128/",
        "1 step 3/9",
        "2 error: no such file",
    ]
    shown = body("{{ status }} {{ why }} {{ duration }}", language="zh-CN")
    assert shown == ["失败 推送触发（张三） 3 分 12 秒"]


def test_names_without_a_value_are_empty() -> None:
    source = (
        "{{ commit_url }}{{ author }}{{ by }}{{ images }}{{ duration }}{{ reason }}{{ tail }}"
        "{{ failing_since }}"
        "{{ images | first }}|{{ 'no image' if not images }}{{ 'x' if images }}|"
        "{{ images[0] | default('none') }}"
    )
    nothing: dict[str, Any] = {
        "commit_url": None,
        "author": Person(),
        "images": (),
        "duration": None,
        "detail": None,
    }
    assert body(source, log_tail="", **nothing) == ["|no image|none"]


def test_a_notice_about_the_bridge_has_names_of_its_own() -> None:
    about = notice(EventName.DEGRADED, ServiceFacts(subject="channel:team", detail="no answer; gone"))
    assert body("{{ part }}: {{ reason }} {{ mark }}{{ status }}", about) == [
        "channel team: no answer; gone ⚠️DEGRADED"
    ]
    assert fault("{{ ref }}", EventName.DEGRADED) == (
        "ref }}",
        "there is no name ref; known are event, language, mark, part, phrase, reason, status",
    )


def test_filters_do_what_they_are_called() -> None:
    assert body(
        "{{ repository | upper }} {{ 'ABC' | lower }} {{ 'abc' | capitalize }} {{ '  x ' | trim }}"
        " {{ images | length }} {{ images | last | replace('registry.example.com/', '') }}"
        " {{ 'abcdef' | truncate(4) }} {{ by | default('nobody') }} {{ images | join(', ') | first }}"
        " {{ number ~ '/' ~ none ~ failures }} {{ images[:1] }}"
    ) == ["SHOP abc Abc x 2 acme/shop:latest abc… nobody r 128/1 registry.example.com/acme/shop:1.4.2"]


def test_links_lead_to_safe_addresses_only_and_cannot_be_forged() -> None:
    hostile = "\x86 \x02https://evil.example\x03 [x](https://evil.example)"
    line = "{{ link('commit ' ~ sha[:4], commit_url) }} {{ link(subject, build_url) }} {{ subject }}"
    shown = body(line, subject=hostile, build_url="javascript:alert(1)", commit_url="https://g.example/a)b")
    words = "https://evil.example [x](https://evil.example)"
    assert shown == [f"<commit 1a2b|https://g.example/a%29b> {words} {words}"]
    forged = body(
        "{{ '\\x86\\x87' }}{{ link('a', 'https://x.example/' ~ ref) }}{{ '\\x87' }}", ref_name="a b@c"
    )
    assert forged == ["<a|https://x.example/a%20b%40c>" * 2]


@pytest.mark.parametrize(
    "address",
    [
        "subject",
        "a_url",
        "'//x'",
        "subject ~ '/'",
        "'https://' ~ ref",
        "'javascript:x'",
        "'https://a@b/'",
        "1",
    ],
)
def test_no_text_of_strangers_says_where_a_link_leads(address: str) -> None:
    _, problem = fault(f"{{% for a_url in tail %}}{{{{ link('x', {address}) }}}}{{% endfor %}}")
    assert (
        problem == "an address is commit_url, build_url, page_url, or a text that begins with https://HOST/"
    )


def test_a_line_begins_no_heading_and_no_list_and_keeps_no_control_character() -> None:
    shown = body("{{ subject }}\n{{ subject[2:] }}\n- a\tb  c\u202e", subject="x\u2028# head")
    assert shown == ["x # head", "＃ head", "－ a b c"]


def test_a_template_that_fails_is_said_in_the_log_and_the_usual_text_goes_out() -> None:
    where = given(body="{% if failing_since < 3 %}x{% endif %}", title="own title")
    usual = compose(notice(), given(EventName.START, body="x"), DETAILS[0])
    with capture_logs() as logged:
        assert compose(notice(), where, DETAILS[0]) == usual
    why = "'<' not supported between instances of 'NoneType' and 'int'"
    assert logged == [
        {
            "event": "notice.template_failed",
            "log_level": "warning",
            "channel": "team",
            "notice_id": notice().id,
            "kind": "buildJobFail",
            "error": why,
        }
    ]
    assert fault_of_template(notice(), where) == why
    assert content(notice(streak_since=1), where).lines == (("x",),)


@pytest.mark.parametrize("kind", ["APPRISE", "WECOM", "MAIL"])
def test_a_template_that_fails_is_said_and_counted_once_in_a_send(kind: str) -> None:
    """The first shortens by itself, the next falls back to text, the last is made for each recipient."""
    where = given(body="{{ images[9] }}")
    sent = notice(build_url=None)
    before = failed()
    with capture_logs() as logged:
        for _ in range(2):  # a send of the same notice later is another notice object
            written(kind, where, replace(sent))
    assert [line["event"] for line in logged] == ["notice.template_failed"] * 2
    assert failed() - before == 2


def failed() -> float:
    return REGISTRY.get_sample_value("buildbridge_notice_templates_failed_total", {"channel": "team"}) or 0


def written(kind: str, where: ChannelContext, sent: Notice) -> None:
    """What a send of this kind writes of a notice, as often as it does."""
    match kind:
        case "APPRISE":
            from bridge.channels.adapters.apprise.service import Service  # noqa: PLC0415  # optional

            Service("voipms://password:user@example.com/16135550100/16135550101").written(sent, where)
        case "WECOM":
            card = WeCom("team", WECOM.model_copy(update={"form": "card"}), where)
            card.render(sent, 4_000)
            card.render(sent, 2_000)
        case _:
            for recipient in ("ann@example.com", "bob@example.com"):
                make_message(sent, "ci@example.com", recipient, where, DETAILS[0])


def test_a_title_that_is_empty_is_the_usual_one() -> None:
    assert content(notice(), given(title="{{ by }}")).title == "[FAILED] acme/shop main #128"


def test_a_notice_of_another_channel_still_says_for_which() -> None:
    own = content(replace(notice(), moved_from="ops"), given(body="own"))
    assert own.lines[1] == ("own",)
    assert "ops" in "".join(map(str, own.lines[0]))


def test_digests_and_test_messages_have_the_usual_words() -> None:
    member = Member(notice_id="N-1", event=EventName.FAIL, facts=FACTS)
    digest = replace(notice(), facts=DigestFacts(kind="job", members=(member,)))
    assert compose(digest, given(body="own"), DETAILS[0]).lines != (("own",),)
    test = notice(EventName.DEGRADED, replace(SERVICE, is_test=True))
    assert compose(test, given(EventName.DEGRADED, body="own"), DETAILS[0]).lines != (("own",),)
    assert compose(notice(EventName.START), given(body="own"), DETAILS[0]).lines != (("own",),)


@pytest.mark.parametrize("letter", ["a", "修", "𠮷", "&"])
def test_a_text_that_is_too_long_is_cut_where_the_vendor_counts_no_more(letter: str) -> None:
    source = "\n".join(f"{place} {letter * 70}" for place in range(14))
    where = given(body=source, language="zh-CN")
    for limit in (700, 2000, 4000):
        rendered = WeCom("team", WECOM, where).render(notice(), limit)
        text = orjson.loads(rendered)["markdown"]["content"]
        size = len(text.encode())
        assert size <= limit
        is_whole = f"13 {letter * 70}\n" in text
        assert is_whole or limit - size < 25, "the room is used up to a character and a line"
        assert ("已截断" in text) != is_whole
        assert text.endswith("@zhangsan>")


def test_telegram_counts_what_is_shown_in_its_own_units() -> None:
    where = given(body="\n".join(["{{ subject | replace('x', '𠮷𠮷𠮷𠮷𠮷') }}"] * 8))
    text = orjson.loads(Telegram("team", TELEGRAM, where).render(notice(subject="x" * 60), 4_000))["text"]
    assert 1_850 < text.count("𠮷") < 2_000
    assert "shortened" in text


def test_a_link_is_whole_or_missing() -> None:
    where = given(body="abc {{ link('the log', build_url) }} def")
    shown = {
        fitted(notice(), where, lambda one: repr(one.lines).encode(), limit).decode()
        for limit in range(4, 120)
    }
    assert all(("Link" in one) == ("https://ci.example.com/job/shop/128/" in one) for one in shown)
    assert "(('abc ',),)" in shown


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_the_guide_names_every_name_and_filter_and_its_example_is_good(language: str, tmp_path: Path) -> None:
    guide = files("bridge").joinpath(f"guides/{language}/notices.md").read_text("utf-8")
    example = guide.partition("    templates:\n")
    start = example[0].rindex("```yaml\n") + len("```yaml\n")
    rest = f"{example[1]}{example[2]}".partition("```")
    section = rest[2].partition("\n## ")[0]
    named = set(re.findall(r"`([a-z_]+)(?:\([^`]*\))?`", section))
    facts = [one for event in (EventName.FAIL, EventName.DEGRADED) for one in samples(event)]
    names = {
        name for one in facts for name in names_of(EventName.FAIL, one, Speech(words_of("en"), str), "en")
    }
    assert names | set(FILTERS) | {"link", "if", "for"} <= named
    assert {f"is {test}" for test in TESTS} <= set(re.findall(r"`(is [a-z]+)`", section))
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "team-url").write_text(DING.url.reveal())
    (tmp_path / "bridge.yaml").write_text(example[0][start:] + rest[0], "utf-8")
    channels = load_config(tmp_path / "bridge.yaml", KINDS, {}).channels
    templates = [
        (event, template)
        for name in ("team", "releases")
        for event, template in common(channels[name].settings).templates.items()
    ]
    assert len(templates) == 3
    for event, template in templates:
        for one in samples(event):
            where = context(templates={event: template})
            assert content(replace(notice(event), facts=one), where).title


def test_a_preview_shows_the_template_or_why_it_failed(tmp_path: Path) -> None:
    templates = (
        "{buildJobFail: {title: '{{ label }} broke', body: '{% if number == 7 %}{{ tail[9] }}{% endif %}'}}"
    )
    before = CONFIG.partition("    templates:")[0]
    (tmp_path / "bridge.yaml").write_text(f"{before}    language: en\n    templates: {templates}\n", "utf-8")
    config = load_config(tmp_path / "bridge.yaml", KINDS, {})

    def shown(number: int) -> str:
        return previews(config, Messages(), Turnable(), notice(number=number))["team"]

    assert "title: #128 broke\n" in shown(128)
    assert shown(7).startswith(
        "the template of buildJobFail failed, this is the usual text: list object has no element 9; | default"
    )
    assert "title: [FAILED] acme/shop main #7\n" in shown(7)
