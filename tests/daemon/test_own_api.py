"""Our own API at a daemon that runs, with a chat that first rejects what it is sent."""

import time
from pathlib import Path
from typing import Any

import httpx
from anyio.from_thread import start_blocking_portal
from support.commands import command
from support.daemon import NO_TLS, SECRET, TOKEN, Daemon, running
from support.fake_robots import dingtalk_robot, errcode
from support.sending import push_body, send, signed
from support.waiting import eventually

URL = "file:///nowhere/shop.git"
SIGN = "this is secret"
RULE = f"""
namespace: acme
repo_name: shop
notices: [{{channel: team, enabled_event_type_names: [buildJobFail]}}]
build_config:
  code_repo_client: Simple
  code_repo_clone_url: "{URL}"
  tag_configs: [{{code_repo_type: branch, code_repo_type_value: main, docker_repo_tag: latest}}]
"""
CONTENT_REJECTED = errcode(430101, "unsafe link")


def post(daemon: Daemon, path: str, body: Any = None) -> Any:
    headers = {"authorization": f"Bearer {TOKEN}"}
    answer = httpx.post(f"{daemon.url}{path}", json=body, headers=headers, timeout=30, verify=NO_TLS)
    return answer.raise_for_status().json()["data"]


def notices(daemon: Daemon, state: str) -> Any:
    return daemon.api(f"/v1/notices?channel=team&state={state}")["results"]


def test_what_came_is_listed_and_explained_and_what_was_not_sent_is_sent_after_all(tmp_path: Path) -> None:
    with start_blocking_portal() as portal:
        robot_of = dingtalk_robot(time.time, secret=SIGN)
        with portal.wrap_async_context_manager(robot_of) as robot:
            config = {
                "sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}},
                "builders": {"here": {"kind": "local", "command": ["false"], "protocols": ["file"]}},
                "channels": {
                    "team": {"kind": "DING_TALK", "url": robot.url, "secret": SIGN, "allow_private": True}
                },
            }
            robot.scripted.append(CONTENT_REJECTED)
            with running(tmp_path, config, {"shop.yaml": RULE}) as daemon:
                body = push_body(URL)
                send(daemon.url, body)
                (notice,) = eventually(lambda: notices(daemon, "dead"), seconds=60)
                (delivery,) = daemon.api("/v1/deliveries?namespace=acme&repo_name=shop")["results"]
                assert delivery["id"] == daemon.builds()[0]["delivery_id"]
                for order in (
                    {"delivery_id": delivery["id"]},
                    {"delivery": {"headers": signed(body), "body": body.decode()}},
                ):
                    (found,) = post(daemon, "/v1/explain", order)
                    assert (found["signature"], found["matches"][0]["tags"]) == ("valid", ["latest"])

                previews = daemon.api(f"/v1/builds/{notice['build_id']}/previews?language=zh-CN")
                told = {one["channel"]: one["text"] for one in previews}
                assert told.keys() == {"team", "message"}
                assert "acme/shop" in told["team"]
                assert "分支 main" in told["team"]

                again = post(daemon, f"/v1/notices/{notice['id']}/replay")
                # A notice that was not yet known as sent would rightly be sent once more.
                eventually(lambda: notices(daemon, "sent"))
                daemon.kill()
                daemon.start()
                by_hand = command("--config", daemon.config, "notices", "replay", notice["id"])
                assert by_hand.status == 0, by_hand.stderr
                eventually(lambda: len(notices(daemon, "sent")) > 1)
                (message, *_) = daemon.api("/v1/messages?event=buildJobFail")["results"]
                trail = daemon.api("/v1/audit")["results"]
    texts = [message["markdown"]["text"] for message in robot.messages]
    assert f"N-{again['id'][-8:]}" in texts[0]
    assert f"N-{by_hand.stdout.strip()[-8:]}" in texts[1]
    assert message["facts"]["repo_name"] == "shop"
    assert [entry["action"] for entry in trail] == ["notice.replayed"] * 2
    assert {entry["origin"] for entry in trail} == {"cli", "127.0.0.1"}
