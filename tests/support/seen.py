"""A daemon in which everything has happened that pages show, also what strangers wrote."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx
import yaml
from support.daemon import DUMMY, NO_TLS, TOKEN, Daemon, running
from support.fake_http import FakeServer, Reply, served
from support.ports import free_port
from support.sending import push_body, send
from support.waiting import eventually

KEY: Final = "a-key-of-the-tests-with-enough-letters"
MARKUP: Final = "<script>alert(1)</script><img src=x onerror=alert(2)>{{ 7 * 7 }}{% raw %}"
TURNED: Final = "\u202etxt.exe\u2066"
LONG: Final = "长" * 10_000


def _rule(name: str, *, public: bool, result: str = "succeeded", duration: str = "0s", **more: Any) -> str:
    tags = [
        {"code_repo_type": "branch", "code_repo_type_value": "main", "docker_repo_tag": "latest"},
        {"code_repo_type": "tag", "code_repo_type_value": "v*", "docker_repo_tag": "{tag}"},
    ]
    config = {
        "code_repo_client": "Simple",
        "code_repo_clone_url": f"https://git.example.com/acme/{name}.git",
        "builder": "here",
        "image": f"registry.example.com/acme/{name}",
        "parameters": {"DUMMY_RESULT": result, "DUMMY_DURATION": duration},
        "tag_configs": tags,
    }
    return yaml.safe_dump(
        {
            "namespace": "acme",
            "repo_name": name,
            "description": f"the {name} {MARKUP}",
            "is_public": public,
            "build_config": config | more,
        }
    )


RULES: Final[Mapping[str, str]] = {
    "shop.yaml": _rule("shop", public=True),
    "web.yaml": _rule("web", public=False, result="failed"),
    "slow.yaml": _rule("slow", public=True, duration="1h", on_newer="queue"),
    "lost.yaml": _rule("lost", public=False, result="unknown"),
    "never.yaml": _rule("never", public=True),
}


@dataclass(frozen=True)
class Seen:
    """The daemon, a token of each role, and ids of what is there, by what they are."""

    daemon: Daemon
    tokens: Mapping[str, str]
    ids: Mapping[str, str]

    def fill(self, path: str) -> str:
        """A path with ids in place of `{name}`."""
        return path.format(**self.ids)


class _Busy(FakeServer):
    """A robot that takes nothing for an hour, also after a reload."""

    def handle(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        return Reply(429, {"Retry-After": "3600"})


@contextmanager
def seen(folder: Path, also: Mapping[str, Any] | None = None) -> Iterator[Seen]:
    """Builds that ended in each way and some that wait, pushes that built nothing, notices that failed.

    The notices of the channel `team` wait, and none is attempted any more: what a form of a page is about
    must not change between two steps of a reader. Those of `gone` are attempted again and again.
    `also` is more of `bridge.yaml`.
    """
    with served(_Busy()) as busy:
        config = {
            **DUMMY,
            "api": {"tokens": [TOKEN], "keys": [KEY]},
            "channels": {
                "team": _chat(busy.url),
                "gone": _chat(f"http://127.0.0.1:{free_port()}/"),
            },
            "notices": {"default": [{"channel": "team"}, {"channel": "gone"}]},
            **(also or {}),
        }
        with _happened(folder, config) as found:
            yield found


def _chat(server: str) -> Mapping[str, Any]:
    return {"kind": "DING_TALK", "url": f"{server}robot/send?access_token={KEY}", "allow_private": True}


@contextmanager
def _happened(folder: Path, config: Mapping[str, Any]) -> Iterator[Seen]:
    with running(folder, config, RULES) as daemon:
        tokens = {role: _token(daemon, role) for role in ("viewer", "member", "admin")}
        _sign_in(daemon, tokens["viewer"])
        (token, *_) = daemon.api("/v1/tokens")
        yield Seen(daemon, tokens, _happen(daemon) | {"token": token["id"], "guide": "rules"})


def _token(daemon: Daemon, role: str) -> str:
    made = daemon.command("token", "add", f"the {role}", "--role", role, "--json")
    token: str = made.documents[0]["token"]
    return token


def _sign_in(daemon: Daemon, token: str) -> None:
    """In a browser that calls itself by markup."""
    headers = {"sec-fetch-site": "same-origin", "user-agent": MARKUP}
    answer = httpx.post(
        f"{daemon.url}/sign-in", data={"token": token}, headers=headers, timeout=60, verify=NO_TLS
    )
    assert answer.status_code == 303


def _happen(daemon: Daemon) -> dict[str, str]:
    ids: dict[str, str] = {"namespace": "acme", "shop": "shop", "never": "never", "answer": "none"}
    for name in ("shop", "web", "slow", "lost"):
        ids[f"delivery_{name}"] = _push(daemon, name, f"{name}-1")
    _push(daemon, "slow", "slow-2", sha="1" * 40)
    author = {"name": MARKUP, "email": "eve@example.com"}
    hostile = {"id": "2" * 40, "message": f"{MARKUP} {TURNED} {LONG}", "author": author}
    _push(daemon, "shop", "shop-hostile", sha="2" * 40, commit=hostile)
    ids["delivery_ignored"] = _push(daemon, "shop", "ignored", ref=f"refs/heads/dev-{TURNED}<b>")
    ids["delivery_strange"] = _push(daemon, "nothing", "strange")
    ended = {"shop": "succeeded", "web": "failed", "lost": "unknown", "slow": "running"}
    for name, state in ended.items():
        found = eventually(partial(daemon.builds, repo_name=name, state=state))
        ids[f"build_{name}"] = found[-1]["build_id"]
    eventually(lambda: not daemon.api("/v1/deliveries?state=stored")["results"])
    eventually(lambda: _waits(daemon, "team"))
    ids["notice"] = daemon.api("/v1/notices?channel=team")["results"][0]["id"]
    ids["message"] = eventually(partial(_several_messages, daemon))[0]["id"]
    return ids


def _several_messages(daemon: Daemon) -> Sequence[Mapping[str, str]]:
    sent: Sequence[Mapping[str, str]] = daemon.api("/v1/notices?channel=message&state=sent")["results"]
    return sent if len(sent) > 1 else ()


def _waits(daemon: Daemon, channel: str) -> bool:
    """Whether the channel is paused, and the answer that paused it is written."""
    (part,) = (one for one in daemon.api("/v1/health") if one["name"] == f"channel:{channel}")
    sending = daemon.api(f"/v1/notices?channel={channel}&state=sending")["results"]
    return bool(part["paused_until"]) and not sending


def _push(daemon: Daemon, name: str, delivery_id: str, **data: Any) -> str:
    body = push_body(
        f"https://git.example.com/acme/{name}.git",
        repository={"full_name": f"acme/{name}", "clone_url": f"https://git.example.com/acme/{name}.git"},
        **data,
    )
    found: str = send(daemon.url, body, delivery_id).raise_for_status().json()["id"]
    return found
