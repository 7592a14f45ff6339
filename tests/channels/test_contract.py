"""What `bridge.channels.base` promises, for every kind of channel in the registry."""

import logging
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from support.channel_contract import (
    OUTCOMES,
    Answer,
    Contract,
    Markup,
    find_contract,
    make_channel,
    shows_words,
)
from support.examples import examples
from support.fake_robots import Turnable
from support.hostile import NOTICES, digests
from support.in_chinese import check_chinese
from support.notices import AUTHOR, CONTACT, SERVICE, context, notice
from support.sources import check_vendor_page

from bridge.channels.base import Dead, Ok, RateLimited, Suppressed
from bridge.channels.templated import fault_of_template
from bridge.config.templates import NoticeTemplate
from bridge.model.event import Person
from bridge.model.notice import BuildFacts, DigestFacts, EventName, Member, Notice
from bridge.registry import CHANNELS

FOUND = {kind: contract for kind in CHANNELS if (contract := find_contract(kind))}
"""A kind without a contract turns the first test red."""
RENDERED = {kind: contract.markup for kind, contract in FOUND.items() if contract.markup}
HURRIED = 0.3
PROMPT = 30.0
"""Seconds within which a send ends on a busy machine when its time-outs are cut to `HURRIED`."""

every_kind = pytest.mark.parametrize("kind", FOUND)
every_answer = pytest.mark.parametrize(
    ("kind", "answer"), [(kind, answer) for kind, contract in FOUND.items() for answer in contract.answers]
)
every_rendering = pytest.mark.parametrize("kind", RENDERED)
every_template = pytest.mark.parametrize("kind", [kind for kind in RENDERED if shows_words(kind)])
every_mention = pytest.mark.parametrize("kind", [kind for kind, found in RENDERED.items() if found.mention])


def hurry(contract: Contract[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    for constant in contract.timeouts:
        monkeypatch.setattr(constant, HURRIED)


@pytest.mark.parametrize("kind", CHANNELS)
def test_a_kind_has_a_contract_that_says_of_each_answer_what_it_is_or_why_it_cannot_be(kind: str) -> None:
    contract = find_contract(kind)
    assert contract, f"{kind} has no tests/channels/<folder of the adapter>/contract.py"
    assert {*contract.answers, *contract.absent} == set(Answer), "each Answer is in `answers` or in `absent`"
    assert not {*contract.answers} & {*contract.absent}
    assert Answer.TAKEN in contract.answers
    assert all(reason.strip() for reason in contract.absent.values())
    declared = CHANNELS[kind].contact is not None
    assert (contract.markup is not None and contract.markup.mention is not None) == declared


@pytest.mark.parametrize(
    "kind", [kind for kind, contract in FOUND.items() if Answer.UNREACHABLE in contract.answers]
)
def test_an_adapter_for_a_server_names_the_page_of_its_vendor(kind: str) -> None:
    check_vendor_page(CHANNELS[kind])


@every_mention
def test_the_contact_of_the_samples_is_of_the_form_of_the_kind(kind: str) -> None:
    contact, found = CHANNELS[kind].contact, FOUND[kind].gives(None)["contacts"]
    assert contact
    assert all(re.fullmatch(contact.form.pattern, one) for one in found.values())


@every_answer
async def test_each_class_of_answer_is_its_outcome_after_one_attempt_and_shows_no_secret(
    kind: str,
    answer: Answer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    contract = FOUND[kind]
    if answer is Answer.SILENT:
        hurry(contract, monkeypatch)
    caplog.set_level(logging.DEBUG, logger="bridge")
    async with contract.serve(tmp_path, Turnable()) as peer:
        channel = make_channel(kind, contract, peer, contract.answers[answer](peer))
        with anyio.fail_after(PROMPT):
            outcome = await channel.send(notice())
        await channel.aclose()
        taken = contract.taken(peer)
    assert isinstance(outcome, OUTCOMES[answer]), outcome
    assert bool(taken) == (answer is Answer.TAKEN)
    if isinstance(outcome, Dead):
        assert outcome.reason == ("config" if answer is Answer.CREDENTIALS else "content")
    if isinstance(outcome, RateLimited):
        assert 70 <= outcome.after <= 78
    check_chinese(kind, outcome)
    for shown in (repr(outcome), caplog.text, repr(channel), repr(CHANNELS[kind].Settings)):
        assert not any(secret in shown for secret in contract.secrets)


@every_kind
async def test_a_notice_of_two_hours_ago_is_still_valid_and_says_that_it_is_late(
    kind: str, tmp_path: Path
) -> None:
    contract, clock = FOUND[kind], Turnable()
    async with contract.serve(tmp_path, clock) as peer:
        channel = make_channel(kind, contract, peer, clock=clock)
        clock.now += 2 * 3600
        assert isinstance(await channel.send(notice()), Ok)
        taken = contract.taken(peer)
    assert taken
    assert contract.markup is None or all("延迟 2 小时送达" in text for text in taken)


@every_kind
@pytest.mark.parametrize("event", list(EventName))
async def test_a_notice_of_each_event_is_taken_about_a_build_and_about_the_bridge(
    kind: str, event: EventName, tmp_path: Path
) -> None:
    contract = FOUND[kind]
    async with contract.serve(tmp_path, Turnable()) as peer:
        channel = make_channel(kind, contract, peer)
        of_build = await channel.send(notice(event))
        of_bridge = await channel.send(replace(notice(event, SERVICE), id="another"))
        taken = contract.taken(peer)
    shows = event in contract.events
    assert isinstance(of_build, Ok if shows else Suppressed)
    assert isinstance(of_bridge, Ok if contract.of_bridge else Suppressed)
    check_chinese(kind, of_build)
    check_chinese(kind, of_bridge)
    assert bool(taken) == (shows or contract.of_bridge)
    assert not shows or "acme/shop" in taken[0]
    assert not contract.of_bridge or "jenkins" in taken[-1]


@pytest.mark.parametrize(
    "kind", [kind for kind, contract in FOUND.items() if Answer.SILENT in contract.answers]
)
async def test_a_send_can_be_cancelled_and_the_channel_used_again(kind: str, tmp_path: Path) -> None:
    contract = FOUND[kind]
    async with contract.serve(tmp_path, Turnable()) as peer:
        silent = make_channel(kind, contract, peer, contract.answers[Answer.SILENT](peer))
        with anyio.fail_after(PROMPT):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(silent.send, notice())
                while not contract.asked(peer):  # noqa: ASYNC110  # a peer wakes no one
                    await anyio.sleep(0.01)
                tasks.cancel_scope.cancel()
            assert isinstance(await silent.send(notice()), Ok)
            await silent.aclose()


@every_kind
async def test_a_channel_that_never_sent_is_closed_as_well(kind: str, tmp_path: Path) -> None:
    contract = FOUND[kind]
    async with contract.serve(tmp_path, Turnable()) as peer:
        with anyio.fail_after(PROMPT):
            await make_channel(kind, contract, peer).aclose()
        assert contract.taken(peer) == []


def mentions(markup: Markup, text: str) -> bool:
    return markup.mention is not None and text.endswith(markup.mention)


@every_rendering
@settings(max_examples=examples(200), deadline=None)
@given(sent=NOTICES, language=st.sampled_from(["zh-CN", "en"]))
def test_whatever_the_facts_the_notice_fits_and_texts_of_strangers_have_no_power(
    kind: str, sent: Notice, language: str
) -> None:
    markup = RENDERED[kind]
    written = markup.write(sent, context(language=language))
    assert written.size <= markup.limit
    assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\ufffd\ud800-\udfff]", written.text)
    text = written.text
    if markup.mention is not None and mentions(markup, text):
        text = text.removesuffix(markup.mention)
    assert not re.search(markup.power, re.sub(markup.own, "", text))


@pytest.mark.parametrize("kind", [kind for kind in RENDERED if CHANNELS[kind].digest_size])
@settings(max_examples=8, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(data=st.data(), language=st.sampled_from(["zh-CN", "en"]))
def test_a_digest_of_as_many_as_a_kind_folds_names_each_build_once_and_fits(
    kind: str, data: st.DataObject, language: str
) -> None:
    markup, size = RENDERED[kind], CHANNELS[kind].digest_size
    sent = data.draw(digests(size))
    written = markup.write(sent, context(language=language))
    assert written.size <= markup.limit
    sent_facts = sent.facts
    assert isinstance(sent_facts, DigestFacts)
    found = Counter(re.findall(r"#(9000000\d\d)\b", written.text))
    if sent_facts.kind == "job":  # the newest has a line about its log
        found[str(900_000_000 + size - 1)] = 1
    assert found == dict.fromkeys((str(900_000_000 + place) for place in range(size)), 1)
    text = written.text
    if markup.mention is not None and mentions(markup, text):
        text = text.removesuffix(markup.mention)
    assert not re.search(markup.power, re.sub(markup.own, "", text))


@pytest.mark.parametrize("kind", [kind for kind in RENDERED if CHANNELS[kind].digest_size])
async def test_the_largest_digest_is_one_message_that_the_peer_takes(kind: str, tmp_path: Path) -> None:
    contract, size, facts = FOUND[kind], CHANNELS[kind].digest_size, notice(log_tail="").facts
    assert isinstance(facts, BuildFacts)
    members = tuple(
        Member(
            notice_id=f"N-{place}",
            event=EventName.FAIL,
            facts=replace(facts, number=9000 + place, build_id=str(place), subject="𠮷修" * 40),
            moved_from="abc"[place % 3] * 64,
        )
        for place in range(size)
    )
    sent = replace(notice(), facts=DigestFacts(kind="backlog", members=members))
    async with contract.serve(tmp_path, Turnable()) as peer:
        assert isinstance(await make_channel(kind, contract, peer).send(sent), Ok)
        (text,) = contract.taken(peer)
    assert {int(found) for found in re.findall(r"#(9\d\d\d)\b", text)} == set(range(9000, 9000 + size))


BUILD = """
{{ subject }}{{ ref }} {{ link(subject, commit_url) }}{{ link(ref, build_url) }}
{% for line in tail %}
{{ line }}{{ link(line, "https://ci.example.com/" ~ ref) }}
{{ images | join("\n") }}{% endfor %}
{{ subject[1:] }}{{ author | replace("a", "](http://x.example)") }}{{ reason | upper }} # {{ why }}
- {{ subject | truncate(3) }}
{{ "\\x86\\x02@all <!channel>" }}
"""
SERVICE_TEMPLATE = "{{ part }}{{ reason }}\n{{ reason[1:] }} {{ part | lower }}"


@every_template
@settings(max_examples=examples(100), deadline=None)
@given(sent=NOTICES, language=st.sampled_from(["zh-CN", "en"]), has_body=st.booleans())
def test_a_template_gives_no_power_to_what_strangers_wrote_and_fits(
    kind: str, sent: Notice, language: str, *, has_body: bool
) -> None:
    markup, about_build = RENDERED[kind], isinstance(sent.facts, BuildFacts)
    own = NoticeTemplate(
        title="{{ subject }} {{ ref }} #" if about_build else "# {{ part }}",
        body=(BUILD if about_build else SERVICE_TEMPLATE) if has_body else None,
    )
    given = context(language=language, templates={sent.event: own})
    assert fault_of_template(sent, given) is None
    written = markup.write(sent, given)
    assert written.size <= markup.limit
    text = written.text
    if markup.mention is not None and mentions(markup, text):
        text = text.removesuffix(markup.mention)
    assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\ufffd\ud800-\udfff]", text)
    assert not re.search(markup.power, re.sub(markup.own, "", text))


@every_template
async def test_a_title_of_ones_own_takes_the_place_of_the_usual_one(kind: str, tmp_path: Path) -> None:
    contract, own = FOUND[kind], NoticeTemplate(title="{{ ref }} is broken", body="one\n\ntwo {{ label }}")
    async with contract.serve(tmp_path, Turnable()) as peer:
        channel = make_channel(kind, contract, peer, templates={EventName.FAIL: own})
        assert isinstance(await channel.send(notice()), Ok)
        await channel.aclose()
        (text,) = contract.taken(peer)
    assert "main is broken" in text
    assert not re.search(r"·\W*main is broken", text), "nothing stands before it but a mark"
    assert "构建失败" not in text
    assert re.search(r"two #128(?!\d)", text)
    assert "提交" not in text
    assert "N-0000abcd" in text


@every_mention
@settings(max_examples=examples(50), deadline=None)
@given(sent=NOTICES)
def test_a_mention_is_the_authors_and_only_after_a_failure_or_a_fix(kind: str, sent: Notice) -> None:
    markup, facts = RENDERED[kind], sent.facts
    assert not mentions(markup, markup.write(sent, context()).text) or (
        isinstance(facts, BuildFacts)
        and AUTHOR in {one.email for one in (facts.author, facts.committer, *facts.co_authors)}
        and sent.event in {EventName.FAIL, EventName.FIXED}
        and facts.cause != "schedule"
    )


@every_rendering
@pytest.mark.parametrize(
    "name",
    [
        "@all",
        "@所有人",
        "@everyone",
        "<at id=all></at>",
        "<!channel>",
        "<@U1>",
        "<@all>",
        "<@zhangsan>",
        CONTACT,
    ],
)
def test_no_name_in_a_commit_mentions_anyone(kind: str, name: str) -> None:
    markup = RENDERED[kind]
    person = Person(name, f"{name}@example.com")
    sent = notice(author=person, committer=person, co_authors=(person,), subject=name, ref_name=name, by=name)
    text = markup.write(sent, context()).text
    assert not mentions(markup, text)
    assert not re.search(markup.power, re.sub(markup.own, "", text))


@every_mention
def test_a_co_author_of_a_failure_is_mentioned_and_the_committer_for_an_unknown_author(kind: str) -> None:
    markup, stranger, known = RENDERED[kind], Person("Eve", "eve@example.com"), Person("张三", AUTHOR)
    for more in ({"co_authors": (known,)}, {"committer": known}):
        assert mentions(markup, markup.write(notice(author=stranger, **more), context()).text)


@every_mention
@pytest.mark.parametrize(
    ("event", "changes", "expected"),
    [
        (EventName.FAIL, {}, True),
        (EventName.FIXED, {}, True),
        (EventName.SUCCESS, {}, False),
        (EventName.FAIL, {"cause": "schedule"}, False),
        (EventName.FAIL, {"cause": "manual by bob"}, False),
    ],
)
def test_the_author_of_a_failure_or_a_fix_is_mentioned(
    kind: str, event: EventName, changes: Mapping[str, Any], expected: bool
) -> None:
    markup = RENDERED[kind]
    assert mentions(markup, markup.write(notice(event, **changes), context()).text) is expected
    assert not mentions(markup, markup.write(notice(event, **changes), context(contacts={})).text)
