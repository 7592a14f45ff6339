"""How clients of Huawei sign in, and how what proves nothing is refused."""

from typing import Any

import pytest
from support.api import KEY, issue
from support.codearts import JOB, error, jobs
from support.scripted import START, Store

from bridge.model.access import Role
from bridge.web.api.credentials import Credentials

STATIC = "a-token-of-the-tests"


def body(name: str, password: str, **more: Any) -> dict[str, Any]:
    user = {"name": name, "password": password, "domain": {"name": "acme"}}
    return {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}} | more}


async def test_a_token_signs_in_by_its_name_and_is_answered_again(store: Store) -> None:
    made = await issue(store, Role.MEMBER, "acme")
    token = Credentials([KEY]).token(made)
    async with jobs(store, tokens=[STATIC]) as client:
        client.headers.pop("authorization")
        scope = {"project": {"name": "cn-north-4"}}
        for name, password in (("the member", token), ("api.tokens", STATIC)):
            answer = await client.post("/v3/auth/tokens", json=body(name, password, scope=scope))
            assert answer.status_code == 201
            assert answer.headers["x-subject-token"] == password
            said = answer.json()["token"]
            assert password not in answer.text
            assert (said["methods"], said["user"]["name"]) == (["password"], name)
            assert said["issued_at"] == "2023-11-14T22:13:20.000000Z"
            assert said["expires_at"] == "2023-11-15T22:13:20.000000Z"
            headers = {"x-auth-token": answer.headers["x-subject-token"]}
            assert (await client.get(f"/v3/jobs/{JOB}/status", headers=headers)).status_code == 200


async def test_a_token_that_ends_soon_says_so(store: Store) -> None:
    made = await issue(store, Role.MEMBER, expires_at=START + 60)
    async with jobs(store) as client:
        answer = await client.post("/v3/auth/tokens", json=body("the member", Credentials([KEY]).token(made)))
    assert answer.json()["token"]["expires_at"] == "2023-11-14T22:14:20.000000Z"


async def test_what_is_no_password_of_this_name_is_refused(store: Store) -> None:
    made = await issue(store, Role.MEMBER, has_access_key=True)
    credentials = Credentials([KEY])
    secret_key, token = credentials.secret_key(made), credentials.token(made)
    gone = credentials.token(await issue(store, Role.MEMBER, revoked_at=START))
    async with jobs(store, tokens=[STATIC]) as client:
        client.headers.pop("authorization")
        for name, password in (
            ("another", token),
            ("the member", STATIC),
            ("the member", "密码"),
            ("the member", ""),
            ("the member", f"{token}\r\nx: y"),
            ("the member", gone),
            (made.access_key, secret_key),
            ("the member", secret_key),
        ):
            answer = await client.post("/v3/auth/tokens", json=body(str(name), str(password)))
            assert error(answer) == (401, "APIG.0301"), (name, password)
            assert "x-subject-token" not in answer.headers
        for wrong in ({}, {"auth": {"identity": {"methods": ["token"]}}}, body("x", "y" * 9000)):
            assert error(await client.post("/v3/auth/tokens", json=wrong)) == (400, "CB.00060200")


async def test_guessing_a_password_is_limited_like_guessing_a_token(store: Store) -> None:
    async with jobs(store) as client:
        client.headers.pop("authorization")
        answers = [await client.post("/v3/auth/tokens", json=body("x", "y")) for _ in range(61)]
    assert {error(answer) for answer in answers[:-1]} == {(401, "APIG.0301")}
    answer = answers[-1]
    assert error(answer) == (429, "APIG.0308")
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (None, "x-auth-token not found"),
        ({"revoked_at": START}, "decrypt token fail"),
        ({"expires_at": START}, "token expires"),
    ],
)
async def test_each_reason_has_the_words_of_the_gateway(
    store: Store, changes: dict[str, Any] | None, words: str
) -> None:
    async with jobs(store) as client:
        client.headers.pop("authorization")
        if changes is not None:
            token = Credentials([KEY]).token(await issue(store, Role.VIEWER, **changes))
            client.headers["x-auth-token"] = token
        answer = await client.get(f"/v3/jobs/{JOB}/status")
    assert error(answer) == (401, "APIG.0301")
    assert answer.json()["error_msg"].startswith(f"Incorrect IAM authentication information: {words}")
    assert answer.headers["x-request-id"]


async def test_a_region_has_one_project(store: Store) -> None:
    async with jobs(store) as client:
        answer = await client.get("/v3/projects?name=cn-north-4")
    (project,) = answer.json()["projects"]
    assert (project["name"], len(project["id"])) == ("cn-north-4", 32)
