"""How builds are, at their commits: each host gets its own words, and none of them twice or out of order."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from channels.commit_status.host import BASES, SHA, TOKEN, StatusHost, status_host
from pydantic import ValidationError
from support.fake_robots import answer
from support.notices import FACTS, SERVICE, context, notice

from bridge.channels.adapters.commit_status.channel import DIALECTS, CommitStatus
from bridge.channels.adapters.commit_status.names import name_of, shortened
from bridge.channels.base import Dead, Ok, RateLimited, Retry, Suppressed
from bridge.config.loader import load_config
from bridge.model.notice import BuildFacts, EventName, Notice, ServiceFacts
from bridge.registry import KINDS

Q, R, S, F, X = EventName.QUEUED, EventName.START, EventName.SUCCESS, EventName.FAIL, EventName.STOP
TEST = ServiceFacts(subject="channel:team", detail="this is a test", is_test=True)
every_host = pytest.mark.parametrize("host", BASES)


def channel(peer: StatusHost, host: str, **changes: Any) -> CommitStatus:
    given = {"host": host, "url": peer.url, "token": TOKEN, "allow_private": True, **changes}
    return CommitStatus("team", CommitStatus.Settings.model_validate(given), context(language="en"))


def of(host: str, event: EventName, **changes: Any) -> Notice:
    return notice(event, **{"code_host": host, **changes})


def name(message: dict[str, Any]) -> str:
    return str(message.get("context") or message.get("key") or message["name"])


@pytest.mark.parametrize(
    ("host", "states"),
    [
        ("GitHub", "pending pending success failure error error"),
        ("Gitea", "pending pending success failure error error"),
        ("GitLab", "pending running success failed failed canceled"),
        ("Gitee", "queued in_progress success failure failure cancelled"),
        ("Bitbucket", "INPROGRESS INPROGRESS SUCCESSFUL FAILED FAILED STOPPED"),
        ("BitbucketServer", "INPROGRESS INPROGRESS SUCCESSFUL FAILED FAILED FAILED"),
    ],
)
async def test_each_state_is_told_in_the_words_of_the_host(host: str, states: str) -> None:
    async with status_host(host) as peer:
        commits = channel(peer, host)
        for event in (Q, R, S, F):
            assert isinstance(await commits.send(of(host, event)), Ok)
        assert isinstance(await commits.send(of(host, F, state="unknown")), Ok)
        assert isinstance(
            await commits.send(of(host, X, state="superseded", detail="superseded by #129")), Ok
        )
    assert " ".join(message["state"] for message in peer.messages) == states
    assert "#129" in peer.messages[-1]["description"]
    assert len({*map(name, peer.messages)}) == 1


@every_host
async def test_a_state_may_be_told_again(host: str) -> None:
    async with status_host(host) as peer:
        commits = channel(peer, host)
        for event in (Q, Q, R, R, S, S, Q):
            assert isinstance(await commits.send(of(host, event)), Ok)
    assert peer.states.popitem()[1] in {"pending", "INPROGRESS", "queued"}


@pytest.mark.parametrize("wrapped", [True, False])
async def test_at_gitee_a_build_has_one_check_run_that_is_moved_on_and_a_further_run_has_its_own(
    *, wrapped: bool
) -> None:
    async with status_host("Gitee") as peer:
        peer.wrapped = wrapped
        commits = channel(peer, "Gitee")
        for event in (Q, R, F, F):
            assert isinstance(await commits.send(of("Gitee", event)), Ok)
        assert [(run["status"], run["conclusion"]) for run in peer.runs] == [("completed", "failure")]
        assert peer.runs[0]["details_url"] == FACTS.build_url
        for event in (Q, R, S):
            assert isinstance(await commits.send(of("Gitee", event, run=2)), Ok)
        assert [run["conclusion"] for run in peer.runs] == ["failure", "success"]
        again = "https://ci.example.com/2"
        assert await commits.send(of("Gitee", S, run=3, build_url=again)) == Ok(), "another page"
        other = await commits.send(of("Gitee", S, run=3, build_url=again))
        assert other == Ok("Gitee has this state already")
    assert len(peer.runs) == 3
    assert {run["name"] for run in peer.runs} == {"buildbridge/acme/shop"}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>hello</html>"),
        (200, b"not JSON"),
        (204, b""),
        (502, b"bad gateway"),
        (404, b'{"message": "404 Project Not Found"}'),
    ],
)
async def test_at_gitee_nothing_is_made_where_what_there_is_cannot_be_read(status: int, body: bytes) -> None:
    async with status_host("Gitee") as peer:
        peer.scripted.append(answer(status, body))
        assert not isinstance(await channel(peer, "Gitee").send(of("Gitee", S)), Ok)
    assert (len(peer.requests), peer.runs) == (1, [])


async def test_the_page_is_that_of_the_builder_and_where_bitbucket_needs_one_the_commits() -> None:
    async with status_host() as peer:
        await channel(peer, "GitHub").send(of("GitHub", F))
        await channel(peer, "GitHub").send(of("GitHub", F, build_url=None))
    assert peer.messages[0]["target_url"] == FACTS.build_url
    assert "target_url" not in peer.messages[1]
    async with status_host("Bitbucket") as peer:
        for url in (FACTS.commit_url, None):
            assert (
                await channel(peer, "Bitbucket").send(of("Bitbucket", F, build_url=None, commit_url=url))
                == Ok()
            )
    assert peer.messages[0]["url"] == FACTS.commit_url


@pytest.mark.parametrize("text", ["x", "\u4fee", "\U0001f600"])
@every_host
async def test_a_description_is_as_long_as_the_host_takes(host: str, text: str) -> None:
    longest = DIALECTS[host].longest
    async with status_host(host) as peer:
        for length in (longest - 60, longest, longest + 1, 5000):
            outcome = await channel(peer, host).send(of(host, F, detail=text * length))
            assert isinstance(outcome, Ok)
    assert len(peer.messages[-1]["description"]) == longest


def test_images_of_one_commit_have_names_of_their_own_and_a_further_run_has_the_same() -> None:
    def named(**changes: Any) -> str:
        facts = notice(F, **changes).facts
        assert isinstance(facts, BuildFacts)
        return name_of(facts, "buildbridge")

    assert named() == named(run=2, number=129, ref_name="dev", sha=SHA) == "buildbridge/acme/shop"
    assert named(context="/api", dockerfile="/api/D") == "buildbridge/acme/shop /api -f /api/D"
    several = [
        named(),
        named(context="/a"),
        named(dockerfile="/a"),
        named(ref_kind="tag"),
        named(repo_name="b"),
    ]
    assert len({*several}) == len(several)


@pytest.mark.parametrize("letter", ["x", "\u4fee", "\U0001f600"])
def test_a_long_name_is_cut_and_stays_its_own(letter: str) -> None:
    assert shortened("x" * 40, 40) == "x" * 40
    names = [shortened(letter * 60 + end, 40) for end in "ab"]
    assert len({*names}) == 2
    assert all(len(one.encode()) <= 40 for one in names)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"sha": ""}, "the commit is not known"),
        ({"sha": "../../x"}, "the commit is not known"),
        ({"code_host": "GitLab"}, "the code is at GitLab, and this channel reports to GitHub"),
        ({"code_host": None}, "the rule does not name the repository"),
        ({"code_path": None}, "the rule does not name the repository"),
        ({"code_path": "acme/../globex"}, "the rule does not name the repository"),
    ],
)
async def test_what_the_host_cannot_show_is_not_sent(changes: dict[str, Any], why: str) -> None:
    async with status_host() as peer:
        outcome = await channel(peer, "GitHub").send(notice(F, **changes))
        assert await channel(peer, "GitHub").send(notice(F, SERVICE)) == Suppressed(
            "a commit shows how its builds are, and nothing else"
        )
    assert isinstance(outcome, Suppressed)
    assert outcome.why.startswith(why)
    assert peer.requests == []


@every_host
async def test_a_commit_that_the_host_does_not_have_ends_the_notice_alone(host: str) -> None:
    async with status_host(host) as peer:
        outcome = await channel(peer, host).send(of(host, F, sha="f" * 40))
    assert isinstance(outcome, Dead)
    assert outcome.reason == "content"


@every_host
async def test_a_token_that_is_not_accepted_is_a_fault_of_the_channel(host: str) -> None:
    async with status_host(host) as peer:
        outcome = await channel(peer, host, token="expired-0123456789").send(of(host, F))
    assert isinstance(outcome, Dead)
    assert outcome.reason == "config"
    assert "does not accept the token" in outcome.why


@pytest.mark.parametrize("host", ["GitHub", "GitLab", "Gitea", "Bitbucket"])
async def test_a_repository_that_it_may_not_report_on_stops_no_other_once_it_works(host: str) -> None:
    async with status_host(host) as peer:
        commits = channel(peer, host)
        first = await commits.send(of(host, F, code_path="acme/secret"))
        assert await commits.send(of(host, F)) == Ok()
        later = await commits.send(of(host, F, code_path="acme/secret"))
    assert isinstance(first, Dead)
    assert first.reason == "config"
    assert isinstance(later, Retry)
    assert DIALECTS[host].needs in first.why


async def test_github_takes_a_thousand_statuses_of_a_commit_and_name() -> None:
    async with status_host() as peer:
        peer.counts["buildbridge/acme/shop"] = 999
        assert await channel(peer, "GitHub").send(of("GitHub", F)) == Ok()
        outcome = await channel(peer, "GitHub").send(of("GitHub", F))
    assert isinstance(outcome, Dead)
    assert (outcome.reason, "maximum number of statuses" in outcome.why) == ("content", True)


@pytest.mark.parametrize(
    ("words", "headers", "pause"),
    [("API rate limit exceeded", {}, 60), ("You have exceeded a limit", {"retry-after": "123"}, 123)],
)
async def test_a_limit_that_comes_as_forbidden_is_a_pause(
    words: str, headers: dict[str, str], pause: float
) -> None:
    async with status_host() as peer:
        peer.scripted.append(answer(403, json.dumps({"message": words}).encode(), **headers))
        outcome = await channel(peer, "GitHub").send(of("GitHub", F))
    assert isinstance(outcome, RateLimited)
    assert outcome.after == pause


@every_host
async def test_a_test_proves_the_token_and_reports_on_nothing(host: str) -> None:
    async with status_host(host) as peer:
        assert await channel(peer, host).send(notice(EventName.RESTORED, TEST)) == Ok()
        outcome = await channel(peer, host, token="expired-0123456789").send(notice(EventName.RESTORED, TEST))
    assert isinstance(outcome, Dead)
    assert peer.messages == []


@pytest.mark.parametrize("host", ["Bitbucket", "BitbucketServer"])
async def test_a_token_of_bitbucket_may_go_with_a_user(host: str) -> None:
    async with status_host(host) as peer:
        assert await channel(peer, host, username="ci@example.com").send(of(host, F)) == Ok()


@pytest.mark.parametrize(
    ("host", "url", "base"),
    [
        ("GitHub", None, "https://api.github.com"),
        ("GitHub", "https://github.com/", "https://api.github.com"),
        ("GitHub", "https://github.example.com", "https://github.example.com/api/v3"),
        ("GitLab", "https://gitlab.example.com/", "https://gitlab.example.com/api/v4"),
        ("GitLab", "https://example.com/gitlab/api/v4", "https://example.com/gitlab/api/v4"),
        ("Gitea", "https://example.com/git", "https://example.com/git/api/v1"),
        ("Forgejo", "https://codeberg.org", "https://codeberg.org/api/v1"),
        ("Bitbucket", None, "https://api.bitbucket.org/2.0"),
        ("BitbucketServer", "https://bitbucket.example.com", "https://bitbucket.example.com"),
    ],
)
def test_the_address_of_a_host_is_enough(host: str, url: str | None, base: str) -> None:
    assert CommitStatus.Settings.model_validate({"host": host, "url": url, "token": TOKEN}).base == base


CONFIG = """
sources: {git: {kind: GitHub, secrets: ["0123456789abcdef"]}}
builders: {here: {kind: dummy}}
channels:
  commits: {kind: COMMIT_STATUS, host: GitHub, token: "0123456789abcdef"%s}
notices:
  default: [{channel: commits, only: failures%s}]
"""


@pytest.mark.parametrize(
    ("of_channel", "of_notice", "expected"),
    [
        ("", "", [Q, R, S, F, X]),
        (", enabled_event_type_names: [buildJobFail]", "", [F]),
        ("", ", enabled_event_type_names: [buildJobSuccess, buildJobFail]", [S, F]),
    ],
)
def test_a_notice_that_names_no_events_sends_every_state_whatever_only_says(
    tmp_path: Path, of_channel: str, of_notice: str, expected: Sequence[EventName]
) -> None:
    file = tmp_path / "bridge.yaml"
    file.write_text(CONFIG % (of_channel, of_notice))
    (setting,) = load_config(file, KINDS, {}).default_notices
    assert (list(setting.events), setting.only) == (list(expected), "always")


def test_an_address_with_a_password_is_a_fault() -> None:
    given = {"host": "GitLab", "url": "https://bot:pass@git.example.com", "token": "0123456789abcdef"}
    with pytest.raises(ValidationError, match="must not contain a user or a password"):
        CommitStatus.Settings.model_validate(given)


ENDED: dict[str, Any] = {
    "name": "buildbridge/acme/shop",
    "id": 7,
    "status": "completed",
    "conclusion": "success",
}


@pytest.mark.parametrize(
    "runs",
    [
        None,
        7,
        {},
        [None, 7, "x", []],
        [{"name": "buildbridge/acme/shop"}],
        [{"name": "buildbridge/acme/shop", "id": True}],
        [{"name": "buildbridge/acme/shop", "id": "7"}],
        [{"name": ["buildbridge/acme/shop"], "id": 7}],
        [{"name": "buildbridge/acme/shop", "id": 7, "status": "completed", "conclusion": {}}],
        [{**ENDED, "details_url": []}],
        [{**ENDED, "details_url": {}}],
        [{**ENDED, "output": {"title": {}}}],
    ],
    ids=str,
)
async def test_at_gitee_a_list_of_another_shape_names_no_run_that_ended_like_this(runs: Any) -> None:
    async with status_host("Gitee") as peer:
        peer.scripted.append(answer(200, json.dumps({"check_runs": runs}).encode()))
        assert await channel(peer, "Gitee").send(of("Gitee", S)) == Ok()
    assert len(peer.requests) == 2
    assert [run["conclusion"] for run in peer.runs] == ["success"]
