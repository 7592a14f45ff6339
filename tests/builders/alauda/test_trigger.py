"""Orders to build at Alauda: what is ordered, what the result will mean, and doubts."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.alauda_builds import builder, commit_of, sent
from support.builder_contract import request
from support.fake_alauda import FakeAlauda
from support.fake_http import Reply, json_reply

from bridge.builders.base import Advice, Ambiguous, Rejected, Retry, Search, Sent, Target
from bridge.errors import Denied, RemoteError


def orders(server: FakeAlauda) -> list[Any]:
    pairs = zip(server.requests, server.bodies, strict=True)
    return [json.loads(body) for line, body in pairs if line.startswith("POST")]


async def test_a_tag_that_both_know_is_ordered_at_the_commit(alauda: FakeAlauda, tmp_path: Path) -> None:
    alauda.tags = {"nightly": "dev", "latest": "master", "v1": "master"}
    async with builder(alauda, tmp_path) as ci:
        outcome = await ci.trigger(request(tags=("stable", "latest", "v1")))
    assert orders(alauda) == [
        {"namespace": "acme", "repo_name": "shop", "tag": "latest", "code_commit_id": "1" * 40}
    ]
    assert isinstance(outcome, Sent)
    assert outcome.detail.startswith("it makes acme/shop:latest, acme/shop:v2026")
    assert not outcome.images_passed
    assert "and not acme/shop:stable, acme/shop:v1" in outcome.caveat


async def test_the_images_of_a_build_are_proven_when_it_makes_them_all(
    alauda: FakeAlauda, tmp_path: Path
) -> None:
    async with builder(alauda, tmp_path) as ci:
        ours = await ci.trigger(request())
        other = await ci.trigger(request("b-2", image="registry.example.com/other/shop"))
    assert isinstance(ours, Sent)
    assert (ours.images_passed, ours.caveat) == (True, "")
    assert isinstance(other, Sent)
    assert not other.images_passed
    assert "not registry.example.com/other/shop:latest" in other.caveat


async def test_the_only_tag_is_ordered_for_any_build_and_several_are_not_guessed(
    alauda: FakeAlauda, tmp_path: Path
) -> None:
    alauda.tags = {"only": "master"}
    async with builder(alauda, tmp_path) as ci:
        await sent(ci)
        alauda.tags = {"one": "master", "two": "master"}
        alauda.trouble(match="POST", reply=Reply(400))
        assert isinstance(await ci.trigger(request("b-2")), Rejected), "the tags that were read are old"
        outcome = await ci.trigger(request("b-3"))
        assert isinstance(outcome, Rejected)
        assert "it has one, two; set `tag` to one of them" in outcome.why
        alauda.tags["latest"] = "master"
        await sent(ci, "b-4")
    assert [order["tag"] for order in orders(alauda)] == ["only", "only", "latest"]


async def test_a_tag_of_the_settings_is_ordered_in_one_request(alauda: FakeAlauda, tmp_path: Path) -> None:
    alauda.tags = {"one": "master", "two": "master"}
    async with builder(alauda, tmp_path, tag="two") as ci:
        await sent(ci)
    assert alauda.requests == ["POST /v1/builds"]
    assert orders(alauda)[0]["tag"] == "two"


async def test_tags_are_read_again_after_ten_minutes(alauda: FakeAlauda, tmp_path: Path) -> None:
    async with builder(alauda, tmp_path) as ci:
        await sent(ci)
        await sent(ci, "b-2")
        assert len(alauda.requests) == 3
        alauda.now += 601
        await sent(ci, "b-3")
    assert len(alauda.requests) == 5


async def test_another_commit_or_branch_than_the_one_pushed_is_told(
    alauda: FakeAlauda, tmp_path: Path
) -> None:
    async with builder(alauda, tmp_path) as ci:
        newest = await ci.trigger(request(commit="", branch="dev", ref="refs/heads/dev"))
        right = await ci.trigger(request("b-2", commit=""))
        old = alauda.add(commit="2" * 40)
        made = {"build_id": old.id, "status": "W", "code_head_commit": "2" * 40}
        alauda.trouble(match="POST", reply=json_reply(made, 201))
        other = await ci.trigger(request("b-3", parameters={"TARGET": "x"}))
        alauda.trouble(match="POST", reply=json_reply({**made, "code_head_commit": ""}, 201))
        unknown = await ci.trigger(request("b-4"))
    assert "code_commit_id" not in orders(alauda)[0]
    assert isinstance(newest, Sent)
    assert newest.caveat == "Alauda builds the branch master in place of refs/heads/dev"
    assert isinstance(right, Sent)
    assert right.caveat == ""
    assert isinstance(other, Sent)
    assert "builds 222222222222 in place of 111111111111" in other.caveat
    assert "does not get TARGET" in other.caveat
    assert isinstance(unknown, Sent)
    assert unknown.caveat == "", "it does not know the commit yet"


async def test_a_doubt_tells_what_there_is_that_could_be_of_the_order(
    alauda: FakeAlauda, tmp_path: Path
) -> None:
    alauda.add(commit=commit_of("b-1"))
    alauda.now += 3600
    alauda.add(tag="v1", commit=commit_of("b-1"))
    alauda.add(commit=commit_of("b-0"))
    async with builder(alauda, tmp_path, tag="latest") as ci:
        alauda.trouble("reset", match="POST")
        none = await ci.trigger(request(commit=commit_of("b-1")))
        alauda.trouble("reset", match="POST", acts=True, times=2)
        one = await ci.trigger(request(commit=commit_of("b-1")))
        newest = await ci.trigger(request(commit=""))
        assert await ci.find(request("b-1")) is Search.UNSEARCHABLE
        alauda.trouble("reset", match="POST")
        alauda.trouble(match="GET", reply=Reply(404))
        unlisted = await ci.trigger(request(commit=commit_of("b-1")))
        alauda.trouble("reset", match="", times=9)
        blind = await ci.trigger(request(commit=commit_of("b-1")))
    assert isinstance(none, Ambiguous)
    assert none.why.endswith("no build of the same tag and commit was made since then, but it may still come")
    assert isinstance(one, Ambiguous)
    assert f"the build {alauda.builds[-2].id} of the same tag and commit was made since then" in one.why
    assert isinstance(newest, Ambiguous)
    assert f"the build {alauda.builds[-1].id} of the same tag and commit was made since then" in newest.why
    for outcome in (unlisted, blind):
        assert isinstance(outcome, Ambiguous)
        assert "since then" not in outcome.why
    assert len(alauda.builds) == 5


async def test_an_order_whose_tags_could_not_be_read_changed_nothing(
    alauda: FakeAlauda, tmp_path: Path
) -> None:
    alauda.trouble("reset", match="GET")
    async with builder(alauda, tmp_path) as ci:
        assert isinstance(await ci.trigger(request()), Retry)
    assert alauda.builds == []


async def test_the_test_names_the_tags_and_what_is_wrong(alauda: FakeAlauda, tmp_path: Path) -> None:
    async with builder(alauda, tmp_path) as ci:
        text = await ci.test()
    assert text.startswith(
        "the repository acme/shop is there, and builds latest; an order that is not answered"
    )
    async with builder(alauda, tmp_path, tag="nightly") as ci:
        assert "`tag: nightly` is none of them" in await ci.test()
    assert alauda.builds == []


async def test_the_test_names_a_wrong_token_repository_and_address(
    alauda: FakeAlauda, tmp_path: Path
) -> None:
    async with builder(alauda, tmp_path, token="wrong") as ci:
        with pytest.raises(Denied, match="rejects the token"):
            await ci.test()
    async with builder(alauda, tmp_path, repository="acme/other") as ci:
        with pytest.raises(Denied, match="shows no repository 'acme/other'"):
            await ci.test()
    async with builder(alauda, tmp_path, repository="acme/sh?p#1") as ci:
        with pytest.raises(Denied):
            await ci.test()
    assert alauda.requests[-1] == "GET /v1/repositories/acme/sh%3Fp%231"
    async with builder(alauda, tmp_path, url=f"{alauda.url}console") as ci:
        with pytest.raises(RemoteError, match="check `"):
            await ci.test()


async def test_parameters_of_a_rule_are_told_before_anything_is_built(
    alauda: FakeAlauda, tmp_path: Path
) -> None:
    plain = Target(repository="acme/shop", image="shop", clone_url=None)
    given = Target(repository="acme/tool", image="tool", clone_url=None, parameters=["TARGET"])
    async with builder(alauda, tmp_path) as ci:
        found = ci.advice([plain, given], [])
    assert found == [Advice("Alauda takes no parameters: builds do not get TARGET; remove them", "acme/tool")]
