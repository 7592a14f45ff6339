"""What the whole daemon promises and no part of it alone."""

import json
import socket
import threading
import time
from pathlib import Path
from typing import Any

import anyio.to_thread
import httpx
from anyio.from_thread import start_blocking_portal
from starlette.requests import Request
from starlette.responses import Response
from support.daemon import NO_TLS, SECRET, Daemon, running
from support.engines import content, postgres
from support.fake_robots import dingtalk_robot, errcode, hang
from support.fake_smtp import smtp_server
from support.git import Origin
from support.rules import shop_rule
from support.sending import SHA, push_body, send
from support.waiting import eventually

URL = "file:///nowhere/shop.git"
PLAIN = {"plain": {"kind": "Simple", "secrets": [SECRET]}}
FAILS = {"here": {"kind": "local", "command": ["false"]}}
GITEE = """
namespace: acme
repo_name: shop
build_config:
  code_repo_client: Gitee
  code_repo_namespace: acme
  code_repo_name: shop
  tag_configs: [{code_repo_type: branch, code_repo_type_value: main, docker_repo_tag: latest}]
"""


def built(daemon: Daemon) -> dict[str, Any]:
    """The one build, once it has ended."""
    found = eventually(lambda: [build for build in daemon.builds() if build["ended_at"]], seconds=60)
    assert len(found) == 1
    return found[0]


def test_the_watchdog_is_fed_from_ready_to_stopping(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(20)
        daemon = Daemon(tmp_path, {"sources": PLAIN}, {})
        daemon.start(NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="200000")
        try:
            said = [manager.recv(200).decode() for _ in range(4)]
            assert daemon.stop() == 0
            manager.setblocking(False)
            while said[-1] != "STOPPING=1":
                said.append(manager.recv(200).decode())
        finally:
            daemon.kill()
    assert f"READY=1\nSTATUS=listening on port {daemon.port}" in said
    assert said.count("WATCHDOG=1") >= 3
    assert said[-1] == "STOPPING=1"


def test_a_push_is_one_line_of_log_at_each_hand_over(tmp_path: Path) -> None:
    config = {
        "sources": PLAIN,
        "builders": {"here": {"kind": "local", "command": ["true"], "protocols": ["file"]}},
    }
    origin = Origin(tmp_path / "git")
    sha = origin.commit({"f": "1"})
    origin.push()
    with running(tmp_path, config, {"shop.yaml": shop_rule(origin.url)}) as daemon:
        delivery_id = send(daemon.url, push_body(origin.url, sha=sha)).json()["id"]
        build_id = built(daemon)["build_id"]
        eventually(lambda: daemon.said("notice.attempted"))
        daemon.stop()
        printed = daemon.output().splitlines()
    warnings = [line for line in printed if line.startswith("warning: ")]
    lines = [json.loads(line) for line in printed if line not in warnings]
    if postgres():
        assert lines.pop(0)["event"] == "node.duties_changed"
    logged = [(line["event"], line.get("state") or line.get("kind")) for line in lines]
    steps = [
        ("delivery.stored", "push"),
        ("delivery.decided", "dispatched"),
        ("build.state_changed", "succeeded"),
        ("notice.attempted", "buildJobSuccess"),
    ]
    assert [step for step in logged if step in steps] == steps
    assert len(logged) == len(set(logged)), "nothing is said twice"
    assert logged[0] == ("daemon.ready", None)
    assert logged[-1] == ("daemon.stopping", None)
    assert all(line["timestamp"] and line["level"] == "info" for line in lines)
    assert {line.get("delivery_id") for line in lines[1:3]} == {delivery_id}
    assert {
        line["build_id"] for line in lines if line["event"] in {"build.state_changed", "notice.attempted"}
    } == {build_id}


def test_a_chat_that_hangs_delays_neither_mail_nor_messages(tmp_path: Path) -> None:
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(dingtalk_robot(time.time, secret=SECRET)) as robot,
        portal.wrap_async_context_manager(smtp_server(tmp_path, "none")) as mails,
    ):
        robot.scripted.extend([hang] * 10)
        chat = {"kind": "DING_TALK", "url": robot.url, "secret": SECRET, "allow_private": True}
        mail = {
            "kind": "MAIL",
            "host": "localhost",
            "port": mails.port,
            "tls": "none",
            "from": "ci@example.com",
            "to": ["team@example.com"],
        }
        config = {
            "sources": PLAIN,
            "builders": FAILS,
            "channels": {"chat": chat, "mail": mail},
            "notices": {
                "default": [
                    {"channel": name, "enabled_event_type_names": ["buildJobFail"]}
                    for name in ("chat", "mail")
                ]
            },
        }
        with running(tmp_path, config, {"shop.yaml": shop_rule(URL)}) as daemon:
            send(daemon.url, push_body(URL))
            eventually(lambda: robot.requests)
            eventually(lambda: mails.mails)
            eventually(lambda: daemon.said("notice.attempted", channel="message", kind="buildJobFail"))
            assert not daemon.said("notice.attempted", channel="chat"), "it is still waited for"


def test_a_chat_that_answers_while_we_stop_is_heard(tmp_path: Path) -> None:
    stopping = threading.Event()

    async def late(request: Request) -> Response:
        await anyio.to_thread.run_sync(stopping.wait, 20.0)
        return await errcode(0)(request)

    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(dingtalk_robot(time.time, secret=SECRET)) as robot,
    ):
        robot.scripted.append(late)
        config = {
            "sources": PLAIN,
            "builders": FAILS,
            "channels": {
                "team": {"kind": "DING_TALK", "url": robot.url, "secret": SECRET, "allow_private": True}
            },
            "notices": {"default": [{"channel": "team", "enabled_event_type_names": ["buildJobFail"]}]},
        }
        with running(tmp_path, config, {"shop.yaml": shop_rule(URL)}) as daemon:
            assert daemon.process is not None
            send(daemon.url, push_body(URL))
            eventually(lambda: robot.requests)
            daemon.process.terminate()
            eventually(lambda: daemon.said("daemon.stopping"))
            stopping.set()
            assert daemon.process.wait(20) == 0
            rows = [
                json.loads(line) for line in daemon.command("notices", "list", "--json").stdout.splitlines()
            ]
    assert [row["state"] for row in rows if row["channel"] == "team"] == ["sent"]


def test_the_password_in_a_delivery_is_kept_nowhere(tmp_path: Path) -> None:
    """Gitee sends the webhook's password itself, in a header and in the body."""
    canary = "canary-password-of-the-hook"
    config = {"sources": {"gitee": {"kind": "Gitee", "secrets": [{"env": "HOOK"}]}}, "builders": FAILS}
    body = {
        "ref": "refs/heads/main",
        "before": "0" * 40,
        "after": SHA,
        "password": canary,
        "sign": canary,
        "repository": {
            "path_with_namespace": "acme/shop",
            "git_http_url": "https://127.0.0.1:9/acme/shop.git",
        },
        "head_commit": {"id": SHA, "message": "A change", "author": {"name": "Ann"}},
    }
    headers = {"x-gitee-event": "Push Hook", "x-gitee-token": canary, "x-gitee-timestamp": "1700000000000"}
    daemon = Daemon(tmp_path, config, {"shop.yaml": GITEE})
    daemon.start(HOOK=canary)
    try:
        answers = [
            httpx.post(f"{daemon.url}/hooks/gitee", json=body, headers=headers, verify=NO_TLS),
            httpx.post(f"{daemon.url}/hooks/gitee", json=body | {"ref": 1}, headers=headers, verify=NO_TLS),
            httpx.post(
                f"{daemon.url}/hooks/gitee", content=f"<{canary}".encode(), headers=headers, verify=NO_TLS
            ),
            httpx.post(
                f"{daemon.url}/hooks/gitee",
                json=body,
                headers=headers | {"x-gitee-token": canary + "x"},
                verify=NO_TLS,
            ),
        ]
        build = built(daemon)
        eventually(lambda: daemon.said("notice.attempted", kind="buildJobFail"))
        paths = [f"/v1/builds/{build['build_id']}", f"/v1/builds/{build['build_id']}/logs"]
        paths += [f"/v1/deliveries/{answer.json()['id']}" for answer in answers[:3]]
        seen = [answer.text for answer in answers] + [json.dumps(daemon.api(path)) for path in paths]
        kept = stored(daemon)
        daemon.stop()
        kept |= stored(daemon)
    finally:
        daemon.kill()
    assert [answer.status_code for answer in answers] == [202, 202, 202, 401]
    assert "canary" not in "".join(seen)
    assert "canary" not in daemon.output()
    assert len(kept) >= 3
    assert [name for name, content in kept.items() if b"canary" in content] == []


def stored(daemon: Daemon) -> dict[str, bytes]:
    """The store, and every file beside and below it."""
    when = "running" if daemon.process and daemon.process.poll() is None else "stopped"
    files = [file for file in daemon.database.parent.rglob("*") if file.is_file()]
    kept = {f"{file.name} ({when})": file.read_bytes() for file in files}
    return {**kept, f"store ({when})": content(daemon.database)}


def test_secrets_of_the_environment_do_not_reach_builds_and_their_log(tmp_path: Path) -> None:
    canaries = {name: f"canary-{name}" for name in ("HOOK", "TOKEN", "UNUSED")}
    script = "env; cat /proc/self/cmdline; tr '\\0' '\\n' < /proc/self/environ"
    config = {
        "sources": {"plain": {"kind": "Simple", "secrets": [{"env": "HOOK"}]}},
        "api": {"tokens": [{"env": "TOKEN"}]},
        "builders": {"here": {"kind": "local", "command": ["sh", "-c", script], "protocols": ["file"]}},
    }
    origin = Origin(tmp_path / "git")
    sha = origin.commit({"f": "1"})
    origin.push()
    daemon = Daemon(tmp_path, config, {"shop.yaml": shop_rule(origin.url)})
    daemon.start(**canaries)
    try:
        body = push_body(origin.url, sha=sha)
        assert send(daemon.url, body, secret=canaries["HOOK"]).status_code == 202
        headers = {"authorization": canaries["TOKEN"]}

        def ended() -> list[dict[str, Any]]:
            found = httpx.get(f"{daemon.url}/v1/builds", headers=headers, verify=NO_TLS).json()["data"][
                "results"
            ]
            return [build for build in found if build["ended_at"]]

        (build,) = eventually(ended)
        log = httpx.get(
            f"{daemon.url}/v1/builds/{build['build_id']}/logs", headers=headers, verify=NO_TLS
        ).text
    finally:
        daemon.kill()
    assert build["state"] == "succeeded"
    assert "BRIDGE_BUILD_ID=" in log
    assert "canary" not in log
