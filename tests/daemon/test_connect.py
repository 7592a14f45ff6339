"""A webhook that `connect` has made at a host delivers a push to a real daemon, which builds it."""

import json
from pathlib import Path
from typing import Any

import yaml
from support.commands import Done, command
from support.daemon import Daemon, running
from support.fake_github_hooks import GitHubHooks
from support.fake_hooks import REPOSITORY, TOKEN
from support.fake_http import served
from support.waiting import eventually

SECRET = "the-secret-that-only-connect-sends"
PUSH = {
    "ref": "refs/heads/main",
    "before": "b" * 40,
    "after": "c" * 40,
    "repository": {"full_name": REPOSITORY, "clone_url": f"https://github.example.com/{REPOSITORY}.git"},
    "head_commit": {"id": "c" * 40, "message": "glaze", "author": {"name": "Ann"}},
    "commits": [],
}
RULE = """
namespace: acme
repo_name: shop
build_config:
  code_repo_client: GitHub
  code_repo_namespace: acme
  code_repo_name: shop
  tag_configs:
    - {code_repo_type: branch, code_repo_type_value: main, docker_repo_tag: latest}
"""


def connected(daemon: Daemon, *options: str) -> Done:
    return command("--config", daemon.config, "connect", "github", *options)


def reconfigured(daemon: Daemon, **server: Any) -> None:
    """Change the daemon's server settings in its file."""
    document = yaml.safe_load(daemon.config.read_text())
    document["server"] |= server
    daemon.config.write_text(yaml.safe_dump(document))


def test_a_push_through_the_webhook_that_was_made_is_built(tmp_path: Path) -> None:
    (tmp_path / "api-token").write_text(TOKEN)
    (tmp_path / "hook-secret").write_text(SECRET)
    with served(GitHubHooks()) as github:
        api = {"url": github.url, "token": {"file": "api-token"}, "allow_private": True}
        source = {"kind": "GitHub", "secrets": [{"file": "hook-secret"}], "api": api}
        config = {"sources": {"github": source}, "builders": {"here": {"kind": "dummy"}}}
        with running(tmp_path, config, {"shop.yaml": RULE}) as daemon:
            reconfigured(daemon, public_url="http://127.0.0.1:1")
            assert connected(daemon, "--yes").status == 0
            reconfigured(daemon, public_url=daemon.url)
            moved = connected(daemon, "--yes", "--from", "http://127.0.0.1:1/hooks/github")
            assert "repair: address (now http://127.0.0.1:1/hooks/github)" in moved.stdout
            assert len(github.hooks[REPOSITORY]) == 1
            assert github.deliver("push", json.dumps(PUSH).encode()) == 202
            (build,) = eventually(daemon.builds)
            assert (build["code_head_commit"], build["docker_repo_tags"]) == ("c" * 40, ["latest"])
            seen = connected(daemon, "--verify")
            assert (seen.status, seen.stdout) == (
                0,
                "acme/shop: ok; the last delivery was answered with 202\n",
            )
            github.ours["config"]["secret"] = "another-one-that-a-person-typed"
            assert github.deliver("push", json.dumps(PUSH).encode()) == 401
            wrong = connected(daemon, "--verify")
            assert wrong.status == 1
            assert "acme/shop: the last delivery was answered with 401" in wrong.stdout
            assert connected(daemon, "--renew-secret", "--yes").status == 0
            assert github.deliver("push", json.dumps(PUSH | {"after": "d" * 40}).encode()) == 202
        assert SECRET not in daemon.output()
        assert TOKEN not in daemon.output()
