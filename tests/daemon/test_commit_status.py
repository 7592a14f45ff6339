"""A push to a repository is followed at its commit: waiting, running, built."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal
from channels.commit_status.host import TOKEN as STATUS_TOKEN
from channels.commit_status.host import status_host
from support.daemon import SECRET, running
from support.git import Origin, git
from support.rules import HEAD
from support.waiting import eventually

HOOK = """#!{python}
import json, sys, urllib.request
for line in sys.stdin:
    before, after, ref = line.split()
    push = json.loads({push!r}) | {{"before": before, "after": after, "checkout_sha": after, "ref": ref}}
    push["commits"][0]["id"] = after
    headers = {{"X-Gitlab-Event": "Push Hook", "X-Gitlab-Token": {secret!r}, "Content-Type": {json!r}}}
    url = open({address!r}).read()
    urllib.request.urlopen(urllib.request.Request(url, json.dumps(push).encode(), headers), timeout=30)
"""
"""What a server of GitLab does after a push."""
PROJECT = "https://gitlab.example.com/acme/shop"


def push_event() -> dict[str, Any]:
    author = {"name": "Ann", "email": "ann@example.com"}
    return {
        "object_kind": "push",
        "event_name": "push",
        "user_name": "Ann",
        "user_username": "ann",
        "project": {
            "name": "shop",
            "path_with_namespace": "acme/shop",
            "web_url": PROJECT,
            "git_http_url": f"{PROJECT}.git",
            "git_ssh_url": "git@gitlab.example.com:acme/shop.git",
        },
        "commits": [
            {"id": "", "message": "A change", "timestamp": "2026-11-21T08:00:00Z", "url": PROJECT}
            | {"author": author, "added": ["a"], "modified": [], "removed": []}
        ],
        "total_commits_count": 1,
    }


@pytest.mark.parametrize(("command", "end"), [("true", "success"), ("false", "failed")])
def test_the_commit_of_a_push_shows_each_state_of_its_build_in_order(
    command: str, end: str, tmp_path: Path
) -> None:
    origin = Origin(tmp_path / "git")
    sha = origin.commit({"a": "1"})
    address = tmp_path / "address"
    hook = origin.remote / "hooks" / "post-receive"
    hook.parent.mkdir(exist_ok=True)
    said = {"push": json.dumps(push_event()), "secret": SECRET, "address": str(address)}
    said["json"] = "application/json"
    hook.write_text(HOOK.format(python=sys.executable, **said))
    hook.chmod(0o755)
    go = tmp_path / "go"
    # The build runs until its commit shows that it does.
    waits = ["sh", "-c", f"until test -e '{go}'; do sleep 0.05; done; {command}"]
    rule = (
        HEAD.replace("Gitee", "GitLab")
        .replace("Acme", "acme")
        .replace("shop-web", "shop")
        .replace("  tag_configs:", f'  code_repo_clone_url: "{origin.url}"\n  tag_configs:')
    )
    rule += "    - {code_repo_type: branch, code_repo_type_value: main, docker_repo_tag: latest}\n"
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(status_host("GitLab", sha=sha)) as host,
    ):
        status = {"kind": "COMMIT_STATUS", "host": "GitLab", "url": host.url, "token": STATUS_TOKEN}
        config = {
            "sources": {"gitlab": {"kind": "GitLab", "secrets": [SECRET]}},
            "builders": {"here": {"kind": "local", "command": waits, "protocols": ["file"]}},
            "channels": {"commits": status | {"allow_private": True}},
            "notices": {"default": [{"channel": "commits"}]},
        }
        with running(tmp_path, config, {"shop.yaml": rule}) as daemon:
            address.write_text(f"{daemon.url}/hooks/gitlab")
            origin.push()
            eventually(lambda: host.messages and host.messages[-1]["state"] == "running", seconds=60)
            go.touch()
            eventually(lambda: host.messages[-1]["state"] == end, seconds=60)
            (build,) = daemon.builds()
            noticed = daemon.command("notices", "list", "--json").stdout
    assert git(origin.remote, "rev-parse", "main") == sha
    assert build["state"] == ("succeeded" if end == "success" else "failed")
    states = [message["state"] for message in host.messages]
    assert states == ["pending", "running", end]
    assert len({message["name"] for message in host.messages}) == 1
    assert all(message["ref"] == "main" for message in host.messages)
    assert STATUS_TOKEN not in noticed + daemon.output()
