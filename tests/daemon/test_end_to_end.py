"""The main job, end to end, with a daemon in a process of its own."""

import json
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from support.daemon import SECRET, Daemon, running
from support.git import git
from support.hooked import HookedOrigin
from support.needs import needs
from support.registry import registry
from support.sending import push_body, send
from support.waiting import eventually

PLAIN = {"plain": {"kind": "Simple", "secrets": [SECRET]}}
RULE = """
namespace: acme
repo_name: shop
is_public: {public}
build_config:
  code_repo_client: Simple
  code_repo_clone_url: "{url}"
  tag_configs:
    - {{code_repo_type: branch, code_repo_type_value: main, docker_repo_tag: latest, version_tagging: 1}}
    - {{code_repo_type: tag, code_repo_type_value: "v*", docker_repo_tag: "{{tag}}", version_tagging: 2}}
"""


def ended(daemon: Daemon, count: int = 1) -> list[dict[str, Any]]:
    """The builds, once so many have ended."""

    def look() -> list[dict[str, Any]]:
        found = daemon.builds()
        return found if sum(build["ended_at"] is not None for build in found) >= count else []

    return eventually(look, seconds=60)


def test_a_real_push_becomes_a_real_image_in_a_real_registry(tmp_path: Path) -> None:
    with registry(tmp_path / "registry") as images:
        builder = {
            "kind": "local",
            "engine": "buildah",
            "registry": images.address,
            "tls_verify": False,
            "protocols": ["file"],
        }
        daemon = Daemon(tmp_path, {"sources": PLAIN, "builders": {"here": builder}}, {})
        origin = HookedOrigin(tmp_path / "git", f"{daemon.url}/hooks/plain")
        (tmp_path / "rules" / "shop.yaml").write_text(RULE.format(url=origin.url, public="false"))
        shutil.copy(needs("busybox"), origin.work / "busybox")
        sha = origin.commit({"Dockerfile": 'FROM scratch\nCOPY busybox /\nRUN ["/busybox", "true"]\n'})
        daemon.start()
        try:
            origin.push()
            (build,) = ended(daemon)
            tags = images.tags("acme/shop")
            digest, manifest = images.manifest("acme/shop", "latest")
            label = images.blob("acme/shop", manifest["config"]["digest"])
        finally:
            status = daemon.stop()
    assert build["state"] == "succeeded", build
    assert build["code_head_commit"] == sha
    assert tags[0] == "latest"
    assert re.fullmatch(r"v\d{8}\.\d{6}", tags[1])
    assert build["docker_repo_version_tag"] == tags[1]
    assert digest == build["digest"]
    assert sha.encode() in label, "the image says which commit it is"
    assert status == 0


def test_an_annotated_tag_builds_its_commit_and_a_deletion_nothing(tmp_path: Path) -> None:
    daemon = command_daemon(tmp_path, "true")
    origin = HookedOrigin(tmp_path / "git", f"{daemon.url}/hooks/plain")
    (tmp_path / "rules" / "shop.yaml").write_text(RULE.format(url=origin.url, public="false"))
    daemon.start()
    try:
        sha = origin.commit({"f": "1"})
        origin.push()
        origin.tag("v1.0.0")
        git(origin.work, "push", "--quiet", str(origin.remote), ":refs/tags/v1.0.0")
        builds = ended(daemon, 2)
        seen = eventually(lambda: deliveries(daemon, 3))
    finally:
        daemon.kill()
    assert [build["code_head_commit"] for build in builds] == [sha, sha]
    assert builds[0]["docker_repo_tags"] == ["v1.0.0", sha]
    assert [one["state"] for one in seen] == ["ignored", "dispatched", "dispatched"]
    assert seen[0]["detail"] == "the tag was removed"


def deliveries(daemon: Daemon, count: int) -> list[dict[str, Any]]:
    """The deliveries, newest first, once so many have a decision."""
    listed = daemon.command("deliveries", "list", "--json")
    assert listed.status == 0, listed.stderr
    found = [json.loads(line) for line in listed.stdout.splitlines()]
    return found if sum(one["state"] != "stored" for one in found) >= count else []


def command_daemon(folder: Path, *command: str) -> Daemon:
    builders = {"here": {"kind": "local", "command": list(command), "protocols": ["file"]}}
    return Daemon(folder, {"sources": PLAIN, "builders": builders}, {})


def test_one_delivery_sent_ten_times_at_once_is_one_build(tmp_path: Path) -> None:
    url = "file:///nowhere/shop.git"
    config = {"sources": PLAIN, "builders": {"here": {"kind": "local", "command": ["true"]}}}
    with running(tmp_path, config, {"shop.yaml": RULE.format(url=url, public="true")}) as daemon:
        body = push_body(url)
        with ThreadPoolExecutor(10) as pool:
            answers = list(pool.map(lambda _: send(daemon.url, body, "the-same"), range(10)))
        builds = ended(daemon)
        anybody = daemon.api("/v1/builds", token=None)
    assert sorted(answer.status_code for answer in answers) == [200] * 9 + [202]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(builds) == 1
    assert builds[0]["delivery_id"] == answers[0].json()["id"]
    assert anybody["count"] == 1, "the builds of a public repository need no token"


def test_a_build_that_runs_is_cancelled_by_a_person(tmp_path: Path) -> None:
    daemon = command_daemon(tmp_path, "sleep", "600")
    origin = HookedOrigin(tmp_path / "git", f"{daemon.url}/hooks/plain")
    (tmp_path / "rules" / "shop.yaml").write_text(RULE.format(url=origin.url, public="false"))
    daemon.start()
    try:
        origin.commit({"f": "1"})
        origin.push()
        eventually(lambda: [build for build in daemon.builds() if build["state"] == "running"])
        asked = daemon.command("builds", "cancel", "acme/shop#1")
        (build,) = ended(daemon)
        again = daemon.command("builds", "cancel", "acme/shop#1")
    finally:
        daemon.kill()
    assert asked.status == 0, asked.stderr
    assert build["state"] == "cancelled"
    assert "cancelled by" in build["detail"]
    assert again.status == 1
    assert "has ended" in again.stderr


def test_a_build_by_hand_and_a_wanted_redelivery_build_again(tmp_path: Path) -> None:
    daemon = command_daemon(tmp_path, "true")
    origin = HookedOrigin(tmp_path / "git", f"{daemon.url}/hooks/plain")
    (tmp_path / "rules" / "shop.yaml").write_text(RULE.format(url=origin.url, public="false"))
    daemon.start()
    try:
        sha = origin.commit({"f": "1"})
        origin.push()
        (first,) = ended(daemon)
        by_hand = daemon.command("builds", "trigger", "acme/shop", "--branch", "main")
        ended(daemon, 2)
        again = daemon.command("deliveries", "redeliver", first["delivery_id"])
        builds = ended(daemon, 3)
        log = daemon.command("builds", "log", "acme/shop#1")
    finally:
        daemon.kill()
    assert by_hand.status == again.status == 0, by_hand.stderr + again.stderr
    assert [build["number"] for build in builds] == [3, 2, 1]
    assert {build["code_head_commit"] for build in builds} == {sha}
    assert [build["cause"] for build in builds] == ["push", "manual", "push"]
    assert len({build["docker_repo_version_tag"] for build in builds}) == 3
    assert "fetching " in log.stdout
