"""A build that prints every secret of the bridge: none of them leaves it, wherever one looks."""

import base64
import json
import shlex
import time
from pathlib import Path
from urllib.parse import quote

import httpx
from anyio.from_thread import start_blocking_portal
from support.daemon import NO_TLS, TOKEN, running
from support.engines import content
from support.fake_robots import dingtalk_robot
from support.git import Origin
from support.rules import shop_rule
from support.sending import push_body, send
from support.waiting import eventually

SECRETS = {
    "webhook": "canary-webhook-secret-1",
    "robot": "canary/robot+sign secret-3",
    "jenkins": "canary-jenkins-token-4",
    "access": "canary-access-token-5",
}


def forms(secret: str) -> list[str]:
    """The secret as it may stand in an output, with what must not remain of it."""
    encoded = [base64.b64encode(f"{user}:{secret}".encode()).decode() for user in ("a", "ab", "abc")]
    return [secret, quote(secret, safe=""), *encoded]


def test_what_a_build_prints_of_our_secrets_is_stored_served_and_sent_nowhere(tmp_path: Path) -> None:
    printed = [form for secret in SECRETS.values() for form in forms(secret)]
    halves = [f"printf %s {shlex.quote(f[:9])}; sleep 0.3; echo {shlex.quote(f[9:])}" for f in printed[:3]]
    lines = [f"echo {shlex.quote(f'it prints {form} here')}" for form in printed]
    key_file = tmp_path / "data" / "api.key"
    lines.append(f"echo it reads $(cat {shlex.quote(str(key_file))}) there")
    script = "\n".join([*lines, *halves, "echo 'PASSWORD=hunter-two-canary'", "exit 3"])
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(
            dingtalk_robot(time.time, secret=SECRETS["robot"], token=SECRETS["access"])
        ) as robot,
    ):
        origin = Origin(tmp_path / "git")
        sha = origin.commit({"build.sh": script})
        origin.push()
        config = {
            "sources": {"plain": {"kind": "Simple", "secrets": [SECRETS["webhook"]]}},
            "builders": {
                "here": {"kind": "local", "command": ["sh", "build.sh"], "protocols": ["file"]},
                "gone": {"kind": "jenkins", "url": "http://127.0.0.1:9", "username": "u", "job": "x"}
                | {"token": SECRETS["jenkins"]},
            },
            "channels": {
                "team": {"kind": "DING_TALK", "url": robot.url, "secret": SECRETS["robot"]}
                | {"allow_private": True}
            },
            "notices": {"default": [{"channel": "team", "enabled_event_type_names": ["buildJobFail"]}]},
        }
        with running(tmp_path, config, {"shop.yaml": shop_rule(origin.url, "**", builder="here")}) as daemon:
            assert (
                send(daemon.url, push_body(origin.url, sha=sha), "1", SECRETS["webhook"]).status_code == 202
            )
            (build,) = eventually(lambda: [one for one in daemon.builds() if one["state"] == "failed"])
            eventually(lambda: robot.messages)
            headers = {"authorization": f"Bearer {TOKEN}"}
            page = f"{daemon.url}/v1/builds/{build['build_id']}"
            seen = [httpx.get(url, headers=headers, verify=NO_TLS).text for url in (page, f"{page}/logs")]
            for command in ("builds log", "builds show", "builds list --json", "notices list --json"):
                name = ["acme/shop#1"] if command in {"builds log", "builds show"} else []
                seen.append(daemon.command(*command.split(), *name).stdout)
            daemon.stop()
            seen += [daemon.output(), json.dumps(robot.messages, ensure_ascii=False, default=str)]
            stored = content(daemon.database)
    everything = "\n".join(seen)
    assert everything.count("it prints *** here") > len(SECRETS), "what was printed did arrive"
    assert "it reads *** there" in everything
    printed += [key_file.read_text().strip(), "hunter-two"]
    leaked = [form for form in printed if form in everything or form.encode() in stored]
    assert leaked == []
    assert "canary" not in everything
