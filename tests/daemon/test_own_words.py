"""A daemon whose channel has a template: what it sends, and what it sends where that fails."""

import time
from pathlib import Path
from typing import Any

import httpx
import yaml
from anyio.from_thread import start_blocking_portal
from support.daemon import NO_TLS, SECRET, TOKEN, running
from support.fake_robots import dingtalk_robot
from support.rules import shop_rule
from support.sending import push_body, send
from support.waiting import eventually

URL = "https://git.example.com/shop.git"
OWN = {
    "title": "{{ repository }} is broken",
    "body": "by {{ builder }}{% if number == 2 %}{{ images[19] }}{% endif %}",
}


def configuration(url: str, own: dict[str, str]) -> dict[str, Any]:
    return {
        "language": "en",
        "sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}},
        "builders": {"here": {"kind": "dummy", "duration": "0s", "result": "failed"}},
        "channels": {
            "team": {
                "kind": "DING_TALK",
                "url": url,
                "allow_private": True,
                "templates": {"buildJobFail": own},
            }
        },
        "notices": {"default": [{"channel": "team", "enabled_event_type_names": ["buildJobFail"]}]},
    }


def test_a_template_is_sent_a_failing_one_is_said_and_a_mistake_is_refused(tmp_path: Path) -> None:
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(dingtalk_robot(time.time, secret=None)) as robot,
        running(
            tmp_path, configuration(robot.url, OWN), {"shop.yaml": shop_rule(URL, "**", builder="here")}
        ) as daemon,
    ):
        assert send(daemon.url, push_body(URL, sha="1" * 40), "1", SECRET).status_code == 202
        first = eventually(lambda: robot.messages[:1])[0]
        assert first["markdown"]["title"] == "shop is broken"
        assert "### ❌ shop is broken\n\n- by here\n\n" in first["markdown"]["text"]
        assert send(daemon.url, push_body(URL, sha="2" * 40), "2", SECRET).status_code == 202
        second = eventually(lambda: robot.messages[1:])[0]
        assert second["markdown"]["title"].startswith("[STILL FAILING] acme/shop ")
        assert daemon.said("notice.template_failed", channel="team", kind="buildJobFail", level="warning")
        metrics = httpx.get(f"{daemon.url}/metrics", verify=NO_TLS).text
        assert 'buildbridge_notice_templates_failed_total{channel="team"} 1.0' in metrics

        config = yaml.safe_load(daemon.config.read_text())
        config["channels"]["team"]["templates"]["buildJobFail"]["title"] = "{{ repositry }}"
        daemon.config.write_text(yaml.safe_dump(config))
        refused = httpx.post(
            f"{daemon.url}/v1/reload", headers={"authorization": f"Bearer {TOKEN}"}, verify=NO_TLS
        )
        assert refused.status_code == 422
        (fault,) = refused.json()["data"]["faults"]
        assert fault.endswith(
            "channels.team.templates.buildJobFail.title: there is no name repositry; did you mean repository?"
        )
