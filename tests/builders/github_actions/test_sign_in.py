"""Who calls GitHub: by a token, or by an app whose tokens are made, kept and renewed."""

from typing import Any

import pytest
from pydantic import ValidationError
from support.builder_contract import request
from support.fake_github import APP_ID, INSTALLATION, TOKEN, FakeGitHub, pem
from support.fake_http import Reply, json_reply
from support.github_builds import builder

from bridge.builders.base import Ambiguous, Rejected, Retry, Sent
from bridge.builders.github_actions.settings import GitHubActionsSettings
from bridge.errors import Denied

SIGN_IN = "/access_tokens"
PLACE: dict[str, Any] = {"repository": "acme/shop", "workflow": "build.yml"}


def app(**changes: Any) -> dict[str, Any]:
    who = {"app_id": APP_ID, "installation_id": INSTALLATION, "private_key": pem()}
    return {"token": None, **who, **changes}


def sign_ins(github: FakeGitHub) -> int:
    return sum(SIGN_IN in line for line in github.requests)


async def test_an_app_makes_a_token_once_and_renews_it_before_its_end(github: FakeGitHub) -> None:
    github.tokens.clear()
    async with builder(github, **app()) as ci:
        assert isinstance(await ci.trigger(request("b-1")), Sent)
        github.now += 0.85 * 3600
        assert isinstance(await ci.trigger(request("b-2")), Sent)
        assert sign_ins(github) == 1
        github.now += 0.1 * 3600
        assert isinstance(await ci.trigger(request("b-3")), Sent)
        assert sign_ins(github) == 2
        assert "signed in" in await ci.test()


async def test_a_token_that_is_refused_is_made_anew_and_nothing_triggered_twice(github: FakeGitHub) -> None:
    async with builder(github, **app()) as ci:
        assert isinstance(await ci.trigger(request("b-1")), Sent)
        github.tokens.clear()
        assert isinstance(await ci.trigger(request("b-2")), Sent)
        assert sign_ins(github) == 2
        github.trouble(reply=json_reply({"message": "Bad credentials"}, 401), match="/dispatches", times=2)
        outcome = await ci.trigger(request("b-3"))
    assert isinstance(outcome, Retry)
    assert outcome.denied
    assert "rejects a token that it has just made for the app" in outcome.why
    assert len(github.runs) == 2


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"app_id": 1}, "check `app_id`, that `private_key` is the app's"),
        ({"installation_id": 1}, "check `installation_id`"),
        (
            {"private_key": "-----BEGIN RSA PRIVATE KEY-----"},
            "`private_key` is not the private key of an app",
        ),
        ({"private_key": "secret-of-another-kind"}, "`private_key` is not the private key of an app"),
    ],
)
async def test_what_is_wrong_with_an_app_is_told(github: FakeGitHub, changes: Any, why: str) -> None:
    async with builder(github, **app(**changes)) as ci:
        github.trouble(match="/installations/1/", times=2, reply=json_reply({"message": "Not Found"}, 404))
        outcome = await ci.trigger(request())
        with pytest.raises(Denied, match=why):
            await ci.test()
    assert isinstance(outcome, Retry)
    assert outcome.denied
    assert why in outcome.why
    assert "PRIVATE" not in outcome.why
    assert github.runs == []


@pytest.mark.parametrize("kind", ["hang", "reset"])
async def test_no_answer_to_a_sign_in_leaves_no_trigger_in_doubt(github: FakeGitHub, kind: str) -> None:
    async with builder(github, timeout="1s", **app()) as ci:
        assert isinstance(await ci.trigger(request("b-1")), Sent)
        github.tokens.clear()
        # The workflow is read once more; then the trigger itself needs a token.
        github.trouble(kind, SIGN_IN)
        outcome = await ci.trigger(request("b-2"))
        assert isinstance(outcome, Retry), outcome
        assert not outcome.denied
        assert isinstance(await ci.trigger(request("b-2")), Sent)


async def test_a_busy_sign_in_says_when_to_come_back(github: FakeGitHub) -> None:
    github.trouble(match=SIGN_IN, reply=json_reply({}, 503, Retry_After="7"))
    async with builder(github, **app()) as ci:
        outcome = await ci.trigger(request())
    assert isinstance(outcome, Retry)
    assert (outcome.after, outcome.denied) == (7.0, False)


async def test_a_fixed_token_that_is_refused_is_not_sent_again(github: FakeGitHub) -> None:
    github.tokens.clear()
    async with builder(github) as ci:
        outcome = await ci.trigger(request())
    assert isinstance(outcome, Retry)
    assert outcome.denied
    assert "rejects the token; check `token`, and that it has not expired" in outcome.why
    assert len(github.requests) == 1


async def test_a_token_without_single_sign_on_or_rights_is_told(github: FakeGitHub) -> None:
    sso = {"X_GitHub_SSO": "required; url=https://github.com/orgs/acme/sso?authorization_request=secret"}
    async with builder(github) as ci:
        github.trouble(reply=json_reply({}, 403, **sso))
        with pytest.raises(Denied, match="authorized for the single sign-on") as caught:
            await ci.test()
        assert "secret" not in str(caught.value)
        github.trouble(match="/dispatches", reply=json_reply({"message": TOKEN}, 403))
        outcome = await ci.trigger(request())
        assert isinstance(outcome, Retry)
        assert "it needs Actions: write and Contents: read" in outcome.why
        github.trouble(match="/dispatches", reply=json_reply({}, 404))
        outcome = await ci.trigger(request())
        assert isinstance(outcome, Rejected)
        assert "check `workflow`, and the right Actions: write" in outcome.why
        github.trouble(match="/dispatches", reply=Reply(200, {}, b'{"workflow_run_id": "x"}'), acts=True)
        assert isinstance(await ci.trigger(request()), Ambiguous)


async def test_an_enterprise_server_has_its_api_below_a_path(github: FakeGitHub) -> None:
    github.prefix = "/api/v3/"
    async with builder(github, url=f"{github.url}api/v3") as ci:
        assert isinstance(await ci.trigger(request()), Sent)
        with pytest.raises(Denied):
            async with builder(github) as wrong:
                await wrong.test()


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        app(private_key=None),
        app(token="x"),
        app(installation_id=None),
        {"token": "x", "event": "image", "branch": "builds"},
        {"token": "x", "repository": "../.."},
        {"token": "x", "repository": "acme"},
        {"token": "x", "workflow": "../build.yml"},
        {"token": "x", "workflow": "build"},
    ],
)
def test_settings_that_cannot_work_are_faults(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        GitHubActionsSettings.model_validate(PLACE | wrong)


def test_without_an_address_it_is_the_public_github() -> None:
    given = GitHubActionsSettings.model_validate(PLACE | {"token": "x"})
    assert given.url == "https://api.github.com/"
    assert GitHubActionsSettings.model_validate(PLACE | app(app_id="Iv23.x")).app_id == "Iv23.x"
