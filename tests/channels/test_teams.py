"""Cards of Teams, and what the answers of a workflow mean."""

import json
from dataclasses import replace
from typing import Any

import pytest
from channels.teams.workflow import MAX_CARDS, MAX_SECONDS, shown, teams_workflow
from support.fake_robots import FakeRobot, Turnable, answer
from support.notices import SERVICE, context, notice

from bridge.channels.adapters.teams.channel import Teams
from bridge.channels.base import Dead, Ok, RateLimited, Retry, Unknown
from bridge.model.event import Person
from bridge.model.notice import BuildFacts, DigestFacts, EventName, Member, Notice

ACCEPTED = Ok("the workflow accepted it: only its run history shows whether Teams took the card")


def channel(workflow: FakeRobot, clock: Turnable, **lent: Any) -> Teams:
    given = Teams.Settings.model_validate({"url": workflow.url, "allow_private": True})
    return Teams("ops", given, context(clock, **lent))


def failed(code: str, words: str = "as scripted") -> bytes:
    return json.dumps({"error": {"code": code, "message": words}}).encode()


def card(workflow: FakeRobot) -> dict[str, Any]:
    found: dict[str, Any] = workflow.messages[0]["attachments"][0]["content"]
    return found


async def test_a_card_has_a_coloured_heading_a_button_and_a_mention_of_the_author() -> None:
    clock = Turnable()
    async with teams_workflow(clock) as workflow:
        assert await channel(workflow, clock, language="en").send(notice()) == ACCEPTED
    assert shown(workflow.messages[0]) == (
        "❌ Build failed · acme/shop\n"
        "Branch main · [1a2b3c4d](https://git.example.com/acme/shop/commit/1a2b3c4d)"
        " · [#128](https://ci.example.com/job/shop/128/)\n"
        "Commit 修复登录超时\n"
        "builder jenkins · took 3m12s · by push (张三)\n"
        "Reason: docker build\n"
        "End of the log:\n"
        "step 3/9\n"
        "error: no such file\n"
        "N-0000abcd\n"
        "[View log](https://ci.example.com/job/shop/128/)\n"
        "<at>zhangsan</at>"
    )
    body = card(workflow)["body"]
    assert body[0]["color"] == "Attention"
    assert body[2]["fontType"] == "Monospace"
    assert card(workflow)["msteams"]["entities"] == [
        {"type": "mention", "text": "<at>zhangsan</at>", "mentioned": {"id": "zhangsan", "name": "zhangsan"}}
    ]


@pytest.mark.parametrize(
    ("event", "colour"),
    [(EventName.FIXED, "Good"), (EventName.STOP, "Default"), (EventName.FAIL, "Attention")],
)
async def test_the_colour_of_the_heading_is_that_of_the_event(event: EventName, colour: str) -> None:
    clock = Turnable()
    async with teams_workflow(clock) as workflow:
        await channel(workflow, clock).send(notice(event))
    assert card(workflow)["body"][0]["color"] == colour


async def test_a_notice_about_the_bridge_has_no_button_and_mentions_nobody() -> None:
    clock = Turnable()
    async with teams_workflow(clock) as workflow:
        assert await channel(workflow, clock).send(notice(EventName.DEGRADED, SERVICE)) == ACCEPTED
    assert card(workflow)["actions"] == []
    assert card(workflow)["msteams"]["entities"] == []


async def test_texts_of_strangers_begin_no_list_and_mention_nobody() -> None:
    clock = Turnable()
    async with teams_workflow(clock) as workflow:
        ops = channel(workflow, clock, contacts={})
        await ops.send(notice(subject="<at>zhangsan</at> [x](http://evil.example)", log_tail="- one\n# two"))
        await ops.send(notice(EventName.DEGRADED, replace(SERVICE, detail="- what a server said")))
    text = "\n".join(map(shown, workflow.messages))
    assert "what a server said" in text
    assert "<at>" not in text
    assert "http://evil" not in text
    assert not [line for line in text.split("\n") if line.startswith(("-", "#"))]


async def test_all_authors_of_a_push_are_mentioned_each_by_the_own_name() -> None:
    clock = Turnable()
    facts = notice().facts
    assert isinstance(facts, BuildFacts)
    authors = ["zhang@a.example.com", "zhang@b.example.com"]
    members = tuple(
        Member(
            notice_id=f"N-{name}",
            event=EventName.FAIL,
            facts=replace(facts, build_id=name, author=Person("张", name)),
        )
        for name in authors
    )
    sent = Notice(
        id="N-1", channel="ops", event=EventName.FAIL, facts=DigestFacts(kind="backlog", members=members),
        created_at=clock.now,
    )  # fmt: skip
    async with teams_workflow(clock) as workflow:
        await channel(workflow, clock, contacts={name: name for name in authors}).send(sent)
    entities = card(workflow)["msteams"]["entities"]
    assert [entity["mentioned"]["id"] for entity in entities] == authors
    assert len({entity["text"] for entity in entities}) == len(authors)


@pytest.mark.parametrize(
    ("status", "code", "reason", "cure"),
    [
        (401, "DirectApiAuthorizationRequired", "config", "let anyone trigger it"),
        (401, "DirectApiInvalidAuthorizationScheme", "config", "copy the workflow's URL again"),
        (403, "AuthorizationFailed", "config", "copy the workflow's URL again"),
        (400, "WorkflowTriggerIsNotEnabled", "config", "turn it on"),
        (404, "WorkflowNotFound", "config", "turn it on"),
        (404, "WorkflowTriggerNotFound", "config", "turn it on"),
        (400, "MissingApiVersionParameter", "config", "the URL is not whole"),
        (400, "TriggerInputSchemaMismatch", "content", "TriggerInputSchemaMismatch"),
        (400, "InvalidRequestContent", "content", "InvalidRequestContent"),
    ],
)
async def test_the_code_of_a_failure_decides(status: int, code: str, reason: str, cure: str) -> None:
    clock = Turnable()
    async with teams_workflow(clock) as workflow:
        workflow.scripted.append(answer(status, failed(code)))
        outcome = await channel(workflow, clock).send(notice())
    assert isinstance(outcome, Dead)
    assert outcome.reason == reason
    assert cure in outcome.why
    assert code in outcome.why


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b"", Unknown),
        (200, b"1", Unknown),
        (202, b"<html><body>please wait</body></html>", Unknown),
        (400, b"bad request", Retry),
        (404, b"", Retry),
        (400, b'{"error": "no code"}', Retry),
        (502, failed("NoResponse"), Unknown),
        (429, failed("TooManyRequests"), RateLimited),
    ],
)
async def test_only_202_is_success_and_only_a_code_of_the_workflow_ends_a_notice(
    status: int, body: bytes, expected: type
) -> None:
    clock = Turnable()
    async with teams_workflow(clock) as workflow:
        workflow.scripted.append(answer(status, body))
        assert isinstance(await channel(workflow, clock).send(notice()), expected)


async def test_a_card_that_is_too_large_is_shortened_once() -> None:
    clock = Turnable()
    async with teams_workflow(clock) as workflow:
        workflow.scripted.append(answer(413, failed("RequestEntityTooLarge")))
        assert await channel(workflow, clock).send(notice(log_tail="行\n" * 300)) == ACCEPTED
    assert len(workflow.requests) == 2
    assert "（已截断，详见日志）" in shown(workflow.messages[0])  # noqa: RUF001  # Chinese punctuation


async def test_sends_within_the_rate_never_meet_the_limit_of_the_workflows_connection() -> None:
    clock, rate = Turnable(), Teams.rate
    assert rate is not None
    async with teams_workflow(clock) as workflow:
        ops = channel(workflow, clock)
        for _ in range(2 * MAX_SECONDS // int(rate.seconds)):
            for _ in range(rate.count):
                await ops.send(notice())
            clock.now += rate.seconds
        assert workflow.refused == []
        for _ in range(MAX_CARDS):
            await ops.send(notice())
    assert workflow.refused  # beyond it Teams drops what the workflow accepted, so the rate is all there is
