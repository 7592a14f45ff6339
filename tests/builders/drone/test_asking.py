"""A server whose kind the settings do not say is asked once."""

from collections.abc import Iterator

import pytest
from support.builder_contract import request
from support.builder_sites import log_from
from support.drone_builds import builder
from support.fake_drone import FAKES, FakeDrone, fake_drone
from support.fake_drone_0_5 import fake_drone_0_5
from support.fake_http import Reply, json_reply

from bridge.builders.base import Rejected, Retry, Sent, Target
from bridge.errors import Denied, RemoteError, Transient
from bridge.model.build import BuildState

APIS = {**dict.fromkeys(FAKES), "drone-0.5": None}


@pytest.fixture(params=APIS)
def asked(request: pytest.FixtureRequest) -> Iterator[tuple[str, FakeDrone]]:
    """A server of each kind, which has built the commit once."""
    api: str = request.param
    with fake_drone_0_5() if api == "drone-0.5" else fake_drone(api) as server:
        server.add({}, commit="1" * 40)
        yield api, server


def versions(server: FakeDrone) -> int:
    return sum(line == "GET /version" for line in server.requests)


async def test_it_is_found_out_once_and_kept(asked: tuple[str, FakeDrone]) -> None:
    api, server = asked
    async with builder(server, "") as ci:
        assert ci.advice([Target(repository="a/b", image="b", clone_url=None, parameters=["fork"])], []) == []
        outcome = await ci.trigger(request())
        assert isinstance(outcome, Sent), outcome
        assert await ci.find(request("b-1")) == outcome.handle
        server.start(server.builds[1], "fetched\n")
        assert (await ci.poll({"b-1": outcome.handle}))["b-1"].state is BuildState.RUNNING
        assert "fetched\n" in (await log_from(ci, outcome.handle))[0]
        await ci.cancel(outcome.handle)
        assert (await ci.poll({"b-1": outcome.handle}))["b-1"].state is BuildState.CANCELLED
        assert f"(`api: {api}`)" in await ci.test()
    assert versions(server) == 1


async def test_what_the_settings_say_is_not_told_again(asked: tuple[str, FakeDrone]) -> None:
    api, server = asked
    async with builder(server, api) as ci:
        assert "`api:" not in await ci.test()


@pytest.mark.parametrize(
    "reply", [Reply(404), json_reply({}), json_reply({"source": "https://git.example.com"})]
)
async def test_a_server_that_does_not_say_it_is_left_to_the_operator(reply: Reply) -> None:
    with fake_drone() as server:
        server.trouble(match="/version", times=9, reply=reply)
        async with builder(server, "") as ci:
            with pytest.raises(Denied, match=r"write `api: …` \(drone, woodpecker, drone-0\.5\)"):
                await ci.test()
            outcome = await ci.trigger(request())
            assert isinstance(outcome, Retry)
            assert outcome.denied
            server.troubles.clear()
            assert isinstance(await ci.trigger(request()), Sent), "it is asked again"


async def test_a_server_that_is_down_is_not_taken_for_any() -> None:
    with fake_drone() as server:
        server.trouble(match="/version", times=2, reply=Reply(503))
        async with builder(server, "") as ci:
            assert isinstance(await ci.trigger(request()), Retry)
            with pytest.raises(Transient):
                await ci.poll({"b-1": "{}"})
            server.trouble("reset", match="/version")
            with pytest.raises(RemoteError):
                await ci.find(request("b-1"))
    assert server.builds == []


async def test_a_tag_is_rejected_once_the_server_is_known_to_build_none() -> None:
    with fake_drone("woodpecker") as server:
        async with builder(server, "") as ci:
            outcome = await ci.trigger(request(branch=None, tag="v1", ref="refs/tags/v1"))
    assert isinstance(outcome, Rejected)
    assert outcome.why.startswith("Woodpecker starts builds of branches only")
