"""What `builders test` says of the commonest mistakes."""

from typing import Any

import pytest
from support.drone_builds import builder, make
from support.fake_drone import FAKES, FakeDrone
from support.fake_http import json_reply

from bridge.errors import Denied, Permanent, RemoteError


async def said(server: FakeDrone, api: str, **settings: Any) -> str:
    async with builder(server, api, **settings) as ci:
        return await ci.test()


async def test_it_says_who_we_are_and_that_the_repository_may_be_built(api: str, server: FakeDrone) -> None:
    text = await said(server, api)
    assert text.startswith("signed in as bridge; the repository acme/shop may be built")
    assert ("tags are not built" in text) == (api == "woodpecker")
    assert "tags are not built" not in await said(server, api, branch="builds")
    assert server.builds == []


async def test_a_server_of_the_other_kind_is_named(api: str, server: FakeDrone) -> None:
    (other,) = set(FAKES) - {api}
    with pytest.raises(Permanent, match=f"write `api: {api}`"):
        await said(server, other)


async def test_a_server_that_hides_its_version_is_asked_all_the_same(api: str, server: FakeDrone) -> None:
    server.trouble(match="/version", reply=json_reply({}, 404))
    assert "may be built" in await said(server, api)


async def test_a_wrong_token_is_named(api: str, server: FakeDrone) -> None:
    with pytest.raises(Denied, match="rejects the token"):
        await said(server, api, token="wrong")


async def test_a_repository_that_is_not_shown_is_named(api: str, server: FakeDrone) -> None:
    with pytest.raises(Denied, match="shows no repository 'acme/other'"):
        await said(server, api, repository="acme/other")


async def test_an_address_without_the_api_is_named(api: str, server: FakeDrone) -> None:
    with pytest.raises(RemoteError, match="check `url`"):
        await said(server, api, url=f"{server.url}ci")


async def test_a_repository_that_is_off_or_may_not_be_built_is_named(api: str, server: FakeDrone) -> None:
    server.may_build = False
    assert "may not be built by this token" in await said(server, api)
    server.active = False
    assert "is not " in await said(server, api)


@pytest.mark.parametrize("name", ["shop", "../x", "a/..", "a//b", "a b/c", "/a/b", "a/b/"])
def test_a_repository_has_a_full_name(name: str) -> None:
    server = FAKES["drone"]()
    server.url = "http://127.0.0.1:1/"
    with pytest.raises(ValueError, match="repository"):
        make(server, repository=name)
