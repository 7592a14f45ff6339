"""The commonest mistakes with servers in Drone's style, by what is said of each."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from support.builder_contract import RemoteSite
from support.fake_drone import FakeDrone, fake_drone
from support.fake_drone_0_5 import fake_drone_0_5
from support.fake_http import Reply
from support.mistakes import Make, Settings, answers, common, fake, given, together


def _at(api: str, opened: Callable[[], AbstractContextManager[Any]], **settings: Any) -> Make:
    """The mistake is made at a server of another kind."""

    def make(site: RemoteSite) -> Settings:
        server: FakeDrone = site.stack.enter_context(opened())
        return {"url": server.url, "api": api, **settings}

    return make


def _hook_refused(site: RemoteSite) -> Settings:
    server = site.stack.enter_context(fake_drone_0_5())
    server.trouble(match="/hook", reply=Reply(403))
    return {"url": server.url, "api": "drone-0.5", "mode": "hook", "hook_token": "of-another-repository"}


TOLD: dict[str, Make] = {
    **common("Drone"),
    "there is no Drone at `url` (404): check `url`": lambda site: {"url": f"{site.server.url}ci"},
    "what answers at `url` is Drone: write `api: drone`": given(api="woodpecker"),
    "what answers at `url` does not say what it is: check `url`, and write `api: …`": together(
        given(api=""), answers(404, match="/version")
    ),
    "Drone rejects the token (401): check it": given(token="regenerated"),
    "the token may not do this in Drone (403): check its rights": answers(403),
    "Drone shows no repository 'acme/shpo' to this token (404): check `repository`, that it is enabled "
    "there, and the token's rights": given(repository="acme/shpo"),
    "the repository acme/shop is not active in Drone: activate it": fake(active=False),
    "the repository acme/shop may not be built by this token; its user needs to write to it": fake(
        may_build=False
    ),
    "tags are not built, since no `branch` is set": _at("woodpecker", lambda: fake_drone("woodpecker")),
    "whether `hook_token` is right shows only once a build begins": _at(
        "drone-0.5", fake_drone_0_5, mode="hook", hook_token="any"
    ),
}
ORDERED: dict[str, Make] = {
    "Drone made no build: the pipeline is not for builds by hand of this branch, or the commit asks for "
    "none": fake(filtered=True),
    "Drone does not take the build (400): check the parameters of the rule": answers(400),
    "Drone 0.5 has no build of 111111111111 among its newest 50, and can only repeat builds: set `branch`": (
        _at("drone-0.5", fake_drone_0_5)
    ),
    "Drone 0.5 does not take the hook (400): check `hook_token`": _at(
        "drone-0.5", fake_drone_0_5, mode="hook", hook_token="wrong"
    ),
    "Drone 0.5 has the `hook_token` of another repository (403): check it": _hook_refused,
}
