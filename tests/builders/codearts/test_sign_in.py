"""How requests prove who sends them: as Huawei's own signer does it, or by tokens that are made rarely."""

import random
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import anyio
import pytest
from pydantic import ValidationError
from support.builder_contract import request
from support.codearts_builds import BY_KEY, builder, by_password, sent, status
from support.fake_codearts import JOB, KEYS, PASSWORD, PROJECT, FakeCodeArts, refusal
from support.needs import needs_module

from bridge.builders.base import Outcome, Retry, Sent
from bridge.builders.codearts.settings import CodeArtsSettings
from bridge.builders.codearts.sign_in import AccessKey
from bridge.errors import Permanent

AT = 1_735_689_600.0
LETTERS = "aZ09-_.~ /+&=%?#:'\"*(),;@構建🐳ß"
SIGN_IN = "POST /v3/auth/tokens"


def text(chance: random.Random) -> str:
    return "".join(chance.choices(LETTERS, k=chance.randint(1, 8)))


@pytest.mark.filterwarnings("ignore:.*utcnow:DeprecationWarning")
async def test_a_thousand_requests_are_signed_as_by_huaweis_own_signer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_module("huaweicloudsdkcore")
    monkeypatch.setenv("HOME", str(tmp_path))
    from huaweicloudsdkcore.sdk_request import SdkRequest  # noqa: PLC0415  # it writes into the home directory
    from huaweicloudsdkcore.signer.signer import Signer  # noqa: PLC0415

    chance = random.Random(20261126)
    for _ in range(1000):
        ours, theirs = text(chance), text(chance)
        moment = AT + chance.randint(0, 10**9)
        path = "/".join(
            ["", "v3", *(quote(f"x{text(chance)}", safe="") for _ in range(chance.randint(0, 3)))]
        )
        pairs = [(text(chance), text(chance)) for _ in range(chance.randint(0, 4))]
        query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)
        body = chance.randbytes(chance.choice([0, 40]))
        method = chance.choice(["GET", "POST", "PUT", "DELETE"])
        url = f"https://build.example.com:8443{path}" + (f"?{query}" if query else "")
        made = await AccessKey(ours, theirs, lambda now=moment: now).headers(method, url, body)  # type: ignore[misc]
        wanted = SdkRequest(
            method=method,
            host="build.example.com:8443",
            resource_path=path,
            query_params=pairs,
            header_params={
                "Content-Type": "application/json",
                "X-Sdk-Date": datetime.fromtimestamp(moment, UTC).strftime("%Y%m%dT%H%M%SZ"),
            },
            body=body,
        )
        Signer(SimpleNamespace(ak=ours, sk=theirs)).sign(wanted)
        assert made == wanted.header_params, (method, url)


async def test_one_token_serves_many_calls_and_is_renewed_before_its_end(codearts: FakeCodeArts) -> None:
    async with builder(codearts, **by_password(codearts)) as ci:
        async with anyio.create_task_group() as tasks:
            for number in range(8):
                tasks.start_soon(sent, ci, f"b-{number}")
        assert codearts.requests.count(SIGN_IN) == 1
        codearts.advance(0.89 * 86400)
        await sent(ci, "b-8")
        assert codearts.requests.count(SIGN_IN) == 1
        codearts.advance(0.02 * 86400)
        await sent(ci, "b-9")
    assert codearts.requests.count(SIGN_IN) == 2


async def test_a_token_that_ends_earlier_than_it_said_is_renewed_once_and_the_trigger_sent_again(
    codearts: FakeCodeArts,
) -> None:
    async with builder(codearts, **by_password(codearts)) as ci:
        handle = await sent(ci, "b-1")
        codearts.tokens.clear()
        assert isinstance(await ci.trigger(request("b-2")), Sent)
        assert (await status(ci, handle)).raw == "QUEUED"
    assert codearts.requests.count(SIGN_IN) == 2
    assert [run.parameters["BRIDGE_BUILD_ID"] for run in codearts.runs] == ["b-1", "b-2"]


async def test_a_new_token_that_is_refused_too_is_not_tried_again(codearts: FakeCodeArts) -> None:
    codearts.trouble(match="query?", times=9, reply=refusal(401, "APIG.0301"))
    async with builder(codearts, **by_password(codearts)) as ci:
        outcome = await ci.trigger(request())
    assert isinstance(outcome, Retry)
    assert outcome.denied
    assert "rejects a token that has just been made: check that `region`" in outcome.why
    assert "(401, APIG.0301)" in outcome.why
    assert len(codearts.requests) == 4


async def test_a_password_that_iam_rejects_is_told_by_the_settings_to_check(codearts: FakeCodeArts) -> None:
    async with builder(codearts, **by_password(codearts, domain="another")) as ci:
        outcome = await ci.trigger(request())
        with pytest.raises(Permanent, match=r"IAM makes no token \(401\): check `username`, `password`"):
            await ci.test()
    assert isinstance(outcome, Retry)
    assert outcome.denied
    assert PASSWORD not in repr(outcome)


@pytest.mark.parametrize("kind", ["hang", "reset"])
async def test_no_answer_of_iam_leaves_a_trigger_in_doubt(codearts: FakeCodeArts, kind: str) -> None:
    async with builder(codearts, **by_password(codearts), timeout="1s") as ci:
        await sent(ci, "b-1")
        codearts.tokens.clear()
        codearts.trouble(kind, SIGN_IN)
        outcome = await ci.trigger(request("b-2"))
        assert isinstance(outcome, Retry), outcome
        assert not outcome.denied
        assert "IAM" in outcome.why
        assert isinstance(await ci.trigger(request("b-2")), Sent)
    assert len(codearts.runs) == 2


async def test_calls_that_wait_for_a_token_wait_no_longer_than_one(codearts: FakeCodeArts) -> None:
    codearts.trouble("hang", SIGN_IN, times=99)
    outcomes: list[Outcome] = []
    async with builder(codearts, **by_password(codearts), timeout="1s") as ci:

        async def trigger(number: int) -> None:
            outcomes.append(await ci.trigger(request(f"b-{number}")))

        with anyio.fail_after(6):
            async with anyio.create_task_group() as tasks:
                for number in range(8):
                    tasks.start_soon(trigger, number)
    assert [type(outcome) for outcome in outcomes] == [Retry] * 8


async def test_a_busy_iam_says_when_to_come_back(codearts: FakeCodeArts) -> None:
    codearts.trouble(match=SIGN_IN, reply=refusal(429, "APIG.0308", Retry_After="7"))
    async with builder(codearts, **by_password(codearts)) as ci:
        outcome = await ci.trigger(request())
    assert isinstance(outcome, Retry)
    assert (outcome.after, outcome.denied) == (7.0, False)


async def test_a_wrong_secret_key_and_a_wrong_clock_are_told_alike(codearts: FakeCodeArts) -> None:
    async with builder(codearts, secret_key="wrong") as ci:
        outcome = await ci.trigger(request())
    assert isinstance(outcome, Retry)
    assert outcome.denied
    assert "check `access_key`, `secret_key` and the clock of this machine" in outcome.why


async def test_a_path_in_the_address_is_signed_with_it(codearts: FakeCodeArts) -> None:
    async with builder(codearts, url=codearts.url + "a path/") as ci:
        outcome = await ci.trigger(request())
    assert isinstance(outcome, Retry)
    assert "no such call" in outcome.why, "the signature was right: no 401"


PLACE: dict[str, Any] = {"url": "https://build.example.com"}
USER = {"username": "ci", "password": "x", "domain": "acme", "region": "cn-north-4"}


@pytest.mark.parametrize(
    "wrong",
    [
        BY_KEY,
        {"job_id": JOB, "job": "app", "project_id": PROJECT, **BY_KEY},
        {"job": "app", **BY_KEY},
        {"job_id": JOB, "project_id": PROJECT, **BY_KEY},
        {"job_id": JOB},
        {"job_id": JOB, "access_key": KEYS[0]},
        {"job_id": JOB, **BY_KEY, **USER},
        {"job_id": JOB, **BY_KEY, "username": "ci"},
        {"job_id": JOB, **{name: value for name, value in USER.items() if name != "region"}},
    ],
)
def test_one_job_and_one_caller_have_to_be_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"name the job once|say who calls, in one way"):
        CodeArtsSettings.model_validate(PLACE | wrong)


def test_an_access_key_has_a_bound() -> None:
    given: dict[str, Any] = {**PLACE, **BY_KEY, "job_id": JOB}
    CodeArtsSettings.model_validate(given | {"access_key": "K" * 128})
    with pytest.raises(ValidationError, match="at most 128 characters"):
        CodeArtsSettings.model_validate(given | {"access_key": "K" * 129})


def test_tokens_are_made_at_the_public_address_of_the_region_unless_another_is_given() -> None:
    given = PLACE | USER | {"job_id": JOB}
    assert CodeArtsSettings.model_validate(given).iam == "https://iam.cn-north-4.myhuaweicloud.com/"
    own = CodeArtsSettings.model_validate(given | {"iam_url": "https://iam.example.com"})
    assert own.iam == "https://iam.example.com/"
