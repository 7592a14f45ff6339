"""Hints of build servers: what proves one, and what it costs."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any

import httpx
import pytest
from support.fake_robots import START, Turnable

from bridge.runtime.metrics import REGISTRY
from bridge.web.wake import MAX_BODY, RATE, HintSource, WakeView

NO_HEADERS: Mapping[str, str] = {}
SECRET = b"a secret of the server"
BODY = b'{"build": {"phase": "FINALIZED"}}'
WHSEC = b"whsec_" + base64.b64encode(b"thirty-two bytes of a signing key")


class Site:
    """A view with two builders, of which one takes hints."""

    def __init__(self) -> None:
        self.clock = Turnable()
        self.hints = 0
        secrets: dict[str, list[bytes]] = {"ci": [b"an older one", SECRET, WHSEC], "mute": []}
        sources = {name: HintSource(some, self._hint) for name, some in secrets.items()}
        self.view = WakeView(sources, self.clock)

    def _hint(self) -> None:
        self.hints += 1

    async def send(
        self,
        headers: Mapping[str, str] = NO_HEADERS,
        path: str = "/wake/ci",
        method: str = "POST",
        **more: Any,
    ) -> httpx.Response:
        transport = httpx.ASGITransport(self.view)
        async with httpx.AsyncClient(transport=transport, base_url="http://bridge.example.com") as client:
            return await client.request(method, path, headers=headers, **{"content": BODY, **more})


def counted(builder: str) -> float:
    labels = {"builder": builder, "outcome": "rejected"}
    return REGISTRY.get_sample_value("buildbridge_hints_total", labels) or 0.0


def hexed(message: bytes, algorithm: str = "sha256", secret: bytes = SECRET) -> str:
    return hmac.digest(secret, message, algorithm).hex()


def ago(seconds: float) -> str:
    return formatdate(START - seconds, usegmt=True)


def drone(
    secret: bytes = SECRET, body: bytes = BODY, date: str = ago(0), names: str = "date digest"
) -> dict[str, str]:
    """As Drone signs: the named headers, one line each."""
    sent = {"date": date}
    sent["digest"] = "SHA-256=" + base64.b64encode(hashlib.sha256(body).digest()).decode()
    lines = "\n".join(f"{name}: {sent[name]}" for name in names.split())
    proof = base64.b64encode(hmac.digest(secret, lines.encode(), "sha256")).decode()
    sent["signature"] = f'keyId="hmac-key",algorithm="hmac-sha256",signature="{proof}",headers="{names}"'
    return sent


def alauda(secret: bytes = SECRET, moment: str = "2023-11-14T22:13:20.000001") -> dict[str, str]:
    return {
        "x-alauda-event-time": moment,
        "x-alauda-signature": f"sha1={hexed(moment.encode(), 'sha1', secret)}",
    }


def standard(moment: int = int(START)) -> dict[str, str]:
    key = base64.b64decode(WHSEC.removeprefix(b"whsec_"))
    signed = hmac.digest(key, f"1.{moment}.".encode() + BODY, "sha256")
    return {
        "webhook-id": "1",
        "webhook-timestamp": str(moment),
        "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
    }


GOOD: dict[str, dict[str, str]] = {
    "a line of curl": {"authorization": f"Bearer {SECRET.decode()}"},
    "the word of other clients": {"authorization": f"token {SECRET.decode()}"},
    "the older secret": {"authorization": "Bearer an older one"},
    "GitLab": {"x-gitlab-token": SECRET.decode()},
    "GitLab with a signing token": standard(),
    "GitHub": {"x-hub-signature-256": f"sha256={hexed(BODY)}"},
    "Gitea": {"x-gitea-signature": hexed(BODY), "x-hub-signature-256": f"sha256={hexed(BODY)}"},
    "Forgejo": {"x-forgejo-signature": hexed(BODY)},
    "an older Gitea": {"x-gitea-signature": hexed(BODY)},
    "Alauda": alauda(),
    "Alauda, with a zone": alauda(moment="2023-11-15T06:13:20+08:00"),
    "Drone": drone(),
    "Drone of almost five minutes ago": drone(date=ago(299)),
}
BAD: dict[str, dict[str, str]] = {
    "nothing": {},
    "another secret": {"authorization": "Bearer another"},
    "an empty one": {"authorization": "Bearer "},
    "another secret of GitLab": {"x-gitlab-token": "another"},
    "a good one beside a wrong one": {**GOOD["a line of curl"], "x-gitlab-token": "another"},
    "another body of GitHub": {"x-hub-signature-256": f"sha256={hexed(b'{}')}"},
    "another body of Forgejo": {"x-forgejo-signature": hexed(b"{}")},
    "another body of Gitea": {"x-gitea-signature": hexed(b"{}")},
    "an old signature": standard(int(START) - 301),
    "Alauda with another secret": alauda(b"another"),
    "Alauda of over five minutes ago": alauda(moment="2023-11-14T22:08:19"),
    "Alauda at no time": alauda(moment="now"),
    "Drone with another secret": drone(b"another"),
    "Drone over another body": drone(body=b"{}"),
    "Drone of over five minutes ago": drone(date=ago(301)),
    "Drone at no time": drone(date="now"),
    "Drone without its body": drone(names="date"),
    "Drone that signs a header twice, and could do so often": drone(names="date digest date"),
    "Drone with no such signature": {"signature": "x"},
}


@pytest.mark.parametrize("headers", GOOD.values(), ids=GOOD)
async def test_a_hint_with_a_proof_has_the_builder_looked_at(headers: dict[str, str]) -> None:
    site = Site()
    answer = await site.send(headers)
    assert (answer.status_code, answer.json(), site.hints) == (202, {"builder": "ci"}, 1)


@pytest.mark.parametrize("headers", BAD.values(), ids=BAD)
async def test_a_hint_without_a_proof_does_nothing(headers: dict[str, str]) -> None:
    site = Site()
    answer = await site.send(headers)
    assert (answer.status_code, site.hints) == (401, 0)
    assert answer.json()["error"]


async def test_a_server_that_sends_no_header_puts_the_secret_into_the_address() -> None:
    site = Site()
    good = await site.send(params={"token": SECRET.decode()})
    bad = await site.send(params={"token": "another"})
    assert (good.status_code, bad.status_code, site.hints) == (202, 401, 1)


async def test_a_slash_too_many_leads_to_the_same_builder() -> None:
    site = Site()
    assert (await site.send(GOOD["a line of curl"], "/wake/ci/")).status_code == 202
    assert site.hints == 1


async def test_who_takes_no_hints_is_not_hinted_at() -> None:
    site = Site()
    good = GOOD["a line of curl"]
    answers = [await site.send(good, path) for path in ("/wake/mute", "/wake/none", "/wake/", "/wake/ci/x")]
    assert [answer.status_code for answer in answers] == [404] * 4
    assert "wake_secrets" in answers[0].json()["error"]
    read = await site.send(good, method="GET")
    assert (read.status_code, read.headers["allow"]) == (405, "POST")
    large = await site.send(good, content=b"x" * (MAX_BODY + 1))
    assert (large.status_code, large.headers["connection"]) == (413, "close"), "its rest is not read"
    assert site.hints == 0


async def test_large_bodies_one_after_another_have_room() -> None:
    site = Site()
    sizes = [*[MAX_BODY // 2] * 8, MAX_BODY]
    sent = [await site.send(GOOD["a line of curl"], content=b"x" * size) for size in sizes]
    assert {answer.status_code for answer in sent} == {202}


async def test_names_that_strangers_make_up_are_counted_as_one() -> None:
    site = Site()
    before = counted("unknown")
    for name in ("a", "b", "c"):
        await site.send(path=f"/wake/{name}")
    assert counted("unknown") == before + 3


async def test_a_flood_of_hints_is_answered_and_polls_are_few() -> None:
    site = Site()
    answers = {(await site.send(GOOD["a line of curl"])).status_code for _ in range(100)}
    assert (answers, site.hints) == ({202}, RATE.count)
    site.clock.now += RATE.seconds
    await site.send(GOOD["a line of curl"])
    assert site.hints == RATE.count + 1
