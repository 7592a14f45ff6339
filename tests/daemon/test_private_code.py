"""Private code of two servers of one kind, from a push to its notice, with a daemon of its own."""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import httpx
import yaml
from support.daemon import NO_TLS, Daemon, running
from support.daemon import TOKEN as ADMIN
from support.git import Origin, serve_http
from support.sshd import SshServer, serve_ssh
from support.waiting import eventually

TOKEN = "canary-token-0123456789"
SECRETS = {"own": "own-secret-0123456789", "twin": "twin-secret-0123456789", "keyed": "key-secret-0123456789"}
RULE = """
namespace: acme
repo_name: {name}
build_config:
  code_repo_client: {kind}
  code_repo_namespace: acme
  code_repo_name: shop
  code_repo_source: {source}
  builder: here
  tag_configs: [{{code_repo_type: branch, code_repo_type_value: main, docker_repo_tag: latest}}]
"""


def config(base: str, ssh: SshServer) -> dict[str, Any]:
    keyed = {"url": "https://127.0.0.1", "ssh_key": ssh.key, "known_hosts": ssh.known_hosts}
    kinds = {"own": "GitLab", "twin": "GitLab", "keyed": "Gitea"}
    clones = {"own": {"url": base, "token": TOKEN, "namespaces": ["trusted"]}, "keyed": keyed}
    return {
        "sources": {
            name: {"kind": kind, "secrets": [SECRETS[name]]}
            | ({"clone": clones[name]} if name in clones else {})
            for name, kind in kinds.items()
        },
        "builders": {"here": {"kind": "local", "command": ["cat", "hello"], "protocols": ["http", "ssh"]}},
    }


def push(daemon: Daemon, source: str, sha: str, http: str, ssh: str = "") -> str:
    """Deliver it; returns the id of the delivery."""
    commit = {"id": sha, "message": "A change", "author": {"name": "Ann", "email": "ann@example.com"}}
    if source == "keyed":
        repository = {
            "full_name": ssh.partition("//")[2].partition("/")[2].removesuffix(".git"),
            "clone_url": http,
            "ssh_url": ssh,
        }
        more: dict[str, Any] = {"repository": repository, "head_commit": commit, "total_commits": 1}
    else:
        project = {"path_with_namespace": "acme/shop", "git_http_url": http}
        more = {"object_kind": "push", "project": project, "checkout_sha": sha, "total_commits_count": 1}
    body = {"ref": "refs/heads/main", "before": "1" * 40, "after": sha, "commits": [commit], **more}
    content = json.dumps(body | {"unique": f"{source}{http}"}).encode()
    if source == "keyed":
        signature = hmac.digest(SECRETS[source].encode(), content, hashlib.sha256).hex()
        headers = {"x-gitea-event": "push", "x-gitea-delivery": "d-1", "x-gitea-signature": signature}
    else:
        headers = {"x-gitlab-event": "Push Hook", "x-gitlab-token": SECRETS[source]}
    answer = httpx.post(
        f"{daemon.url}/hooks/{source}",
        content=content,
        headers=headers | {"content-type": "application/json"},
        timeout=30,
        verify=NO_TLS,
    )
    return str(answer.raise_for_status().json()["id"])


def ended(daemon: Daemon, count: int) -> list[dict[str, Any]]:
    def look() -> list[dict[str, Any]]:
        found = daemon.builds()
        return found if sum(build["ended_at"] is not None for build in found) >= count else []

    return eventually(look, seconds=60)


def assert_others_are_not_lent(daemon: Daemon, base: str, sha: str) -> None:
    """Neither to who knows the secret of the webhook, nor to a member who makes a rule."""
    url = f"{base}/finance/remote.git"
    push(daemon, "own", sha, url)
    told = "the push names another repository, finance/remote; "
    (failed,) = (build for build in ended(daemon, 5) if build["code_head_commit"] == sha)
    shown = json.dumps(daemon.api(f"/v1/builds/{failed['build_id']}"))
    assert failed["state"] == "failed"
    assert told in shown
    assert "the salaries" not in json.dumps(daemon.api(f"/v1/builds/{failed['build_id']}/logs"))

    headers = {"authorization": f"Bearer {ADMIN}"}
    for namespace in ("x", "trusted"):
        rule = yaml.safe_load(RULE.format(name="mine", kind="GitLab", source="own")) | {
            "namespace": namespace
        }
        rule["build_config"] |= {"code_repo_name": "mine", "code_repo_clone_url": url}
        made = httpx.post(
            f"{daemon.url}/v1/repositories/{namespace}", json=rule, headers=headers, timeout=30, verify=NO_TLS
        )
        made.raise_for_status()
        order = {"namespace": namespace, "repo_name": "mine", "branch": "main", "tag": "latest"}
        asked = httpx.post(f"{daemon.url}/v1/builds", json=order, headers=headers, timeout=30, verify=NO_TLS)
        if namespace == "trusted":
            asked.raise_for_status()
            continue
        assert asked.status_code == 409
        assert "`sources.own.clone.namespaces` does not name x" in asked.text
        # With the commit given, no host is asked before the build.
        asked = httpx.post(
            f"{daemon.url}/v1/builds",
            json=order | {"code_commit_id": sha},
            headers=headers,
            timeout=30,
            verify=NO_TLS,
        )
        asked.raise_for_status()
    states = {
        build["namespace"]: build["state"] for build in ended(daemon, 7) if build["repo_name"] == "mine"
    }
    assert states == {"x": "failed", "trusted": "succeeded"}


def test_private_code_is_built_with_what_its_source_has_and_with_nothing_else(tmp_path: Path) -> None:
    origin = Origin(tmp_path / "git" / "acme")
    origin.remote = origin.remote.rename(origin.remote.with_name("shop.git"))
    sha = origin.commit({"hello": "the hello of the file"})
    origin.push()
    payroll = Origin(tmp_path / "git" / "finance")
    secret = payroll.commit({"hello": "the salaries"})
    payroll.push()
    over_ssh = str(origin.remote).strip("/").removesuffix(".git")
    site = tmp_path / "site"
    site.mkdir()
    evil: list[str] = []
    with (
        serve_ssh(tmp_path / "sshd") as ssh,
        serve_http(tmp_path / "git", user="oauth2", password=TOKEN) as base,
        serve_http(tmp_path / "git", user="oauth2", password=TOKEN, heard=evil) as other,
        running(
            site,
            config(base, ssh),
            {
                "a.yaml": RULE.format(name="shop", kind="GitLab", source="own"),
                "b.yaml": RULE.format(name="keyed", kind="Gitea", source="keyed").replace(
                    "code_repo_namespace: acme", f"code_repo_namespace: {over_ssh.removesuffix('/shop')}"
                ),
                "c.yaml": RULE.format(name="fixed", kind="GitLab", source="own").replace(
                    "code_repo_name: shop",
                    f"code_repo_name: other\n  code_repo_clone_url: {base}/acme/shop.git",
                ),
            },
        ) as daemon,
    ):
        url = f"{base}/acme/shop.git"
        push(daemon, "own", sha, url)
        push(daemon, "keyed", sha, f"https://127.0.0.1/{over_ssh}.git", ssh.url(origin.remote))
        built = {build["repo_name"]: build for build in ended(daemon, 2)}
        assert {name: build["state"] for name, build in built.items()} == {
            "shop": "succeeded",
            "keyed": "succeeded",
        }
        logs = [daemon.api(f"/v1/builds/{build['build_id']}/logs") for build in built.values()]
        assert json.dumps(logs).count("the hello of the file") == 2
        eventually(lambda: len(daemon.api("/v1/messages?event=buildJobSuccess")["results"]) == 2)

        # By hand, the newest commit is asked for with the token, too, at the address of the rule.
        newest = origin.commit({"hello": "a later one"})
        origin.push()
        asked = httpx.post(
            f"{daemon.url}/v1/builds",
            json={"namespace": "acme", "repo_name": "fixed", "branch": "main", "tag": "latest"},
            headers={"authorization": f"Bearer {ADMIN}"},
            timeout=30,
            verify=NO_TLS,
        )
        asked.raise_for_status()
        (by_hand,) = [build for build in ended(daemon, 3) if build["repo_name"] == "fixed"]
        assert (by_hand["state"], by_hand["code_head_commit"]) == ("succeeded", newest)

        # The same path at the other server builds nothing, and says why.
        ignored = push(daemon, "twin", sha, url)
        why = eventually(lambda: daemon.api(f"/v1/deliveries/{ignored}").get("detail"))
        assert why == "acme/shop: builds what is pushed to the source own, and this was pushed to twin"
        shown = daemon.command("deliveries", "show", ignored)
        assert why in shown.stdout

        # Who knows one secret can name any address, and gets nothing at it.
        push(daemon, "own", newest, f"{other}/acme/shop.git")
        failed = next(build for build in ended(daemon, 4) if build["state"] == "failed")
        assert f"give `sources.own.clone` a token for {other}" in json.dumps(
            daemon.api(f"/v1/builds/{failed['build_id']}")
        )
        assert evil == []
        assert_others_are_not_lent(daemon, base, secret)
        done = daemon.command("builds", "trigger", "acme/fixed", "--branch", "main", "--timeout", "0")
        assert (done.status, done.stdout.split()[:1]) == (0, ["delivery"]), done.stderr
        assert daemon.api("/v1/repositories/acme/shop")["code_repo_source"] == "own"
        seen = json.dumps([logs, daemon.builds(), daemon.api("/v1/deliveries")]) + daemon.output()
    files = [file for file in site.rglob("*") if file.is_file() and file.name != "bridge.yaml"]
    for secret in (TOKEN, *ssh.key.splitlines()[1:3]):
        assert secret not in seen
        assert not [file for file in files if secret.encode() in file.read_bytes()]
