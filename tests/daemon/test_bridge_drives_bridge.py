"""A daemon builds by another one, which it takes for CodeArts Build or for an Alauda-style service."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import yaml
from support.builder_contract import request as request_for
from support.daemon import SECRET, Daemon, running
from support.sending import SHA, push_body, send
from support.waiting import eventually

from bridge.builders.base import BuilderContext
from bridge.builders.codearts.builder import CodeArtsBuilder
from bridge.builders.codearts.settings import CodeArtsSettings
from bridge.runtime.clock import system_clock
from bridge.web.api.codearts.ids import project_id_of

INNER = """
namespace: acme
repo_name: shop
build_config:
  code_repo_client: Simple
  code_repo_clone_url: https://git.example.com/acme/shop.git
  parameters: {UPSTREAM_ID: none, UPSTREAM_TAGS: none, DUMMY_DURATION: 0s, DUMMY_RESULT: succeeded}
  tag_configs:
    - {code_repo_type: branch, code_repo_type_value: "**", docker_repo_tag: "{branch}"}
"""
OUTER = """
namespace: outer
repo_name: %(name)s
build_config:
  code_repo_client: Simple
  code_repo_clone_url: https://git.example.com/outer/%(name)s.git
  parameters: {DUMMY_RESULT: "{branch}", DUMMY_DURATION: %(duration)s}
  tag_configs:
    - {code_repo_type: branch, code_repo_type_value: "**", docker_repo_tag: "{branch}-outer"}
"""
NAMES = {"BRIDGE_BUILD_ID": "UPSTREAM_ID", "TAGS": "UPSTREAM_TAGS"}


@contextmanager
def both(folder: Path) -> Iterator[tuple[Daemon, Daemon]]:
    """A daemon that builds by another one, as a member with an access key, and that other one."""
    for name in ("inner", "outer"):
        (folder / name).mkdir()
    here = {"builders": {"here": {"kind": "dummy"}}}
    rules = {
        f"{name}.yaml": OUTER % {"name": name, "duration": duration}
        for name, duration in (("quick", "1s"), ("slow", "90s"))
    }
    with running(folder / "inner", here, {"shop.yaml": INNER}) as inner:
        made = inner.command("token", "add", "outer", "--role", "member", "--access-key", "--json")
        keys = json.loads(made.stdout)
        far = {
            "kind": "codearts",
            "url": inner.url,
            "job": "acme-shop",
            "project_id": project_id_of("acme"),
            "access_key": keys["access_key"],
            "secret_key": keys["secret_key"],
            "poll_interval": "1s",
            "names": NAMES,
        }
        sources = {"plain": {"kind": "Simple", "secrets": [SECRET]}}
        with running(folder / "outer", {"sources": sources, "builders": {"far": far}}, rules) as outer:
            yield outer, inner


def push(daemon: Daemon, name: str, branch: str) -> None:
    body = push_body(f"https://git.example.com/outer/{name}.git", f"refs/heads/{branch}")
    assert send(daemon.url, body, f"{name}-{branch}").status_code == 202


def states(daemon: Daemon) -> dict[str, str]:
    """How builds are, by repository and branch."""
    return {
        f"{build['repo_name']}/{build['code_repo_type_value']}": build["state"] for build in daemon.builds()
    }


def all_ended(daemon: Daemon, count: int) -> bool:
    return sum(build["ended_at"] is not None for build in daemon.builds()) == count


async def search(outer: Daemon, build_ids: list[str]) -> list[Any]:
    """What its builder finds at the other daemon, as after a trigger without an answer."""
    settings = yaml.safe_load(outer.config.read_text())["builders"]["far"]
    del settings["kind"]
    context = BuilderContext(state=outer.folder, clock=system_clock)
    builder = CodeArtsBuilder("far", CodeArtsSettings.model_validate(settings), context)
    try:
        return [await builder.find(request_for(build_id)) for build_id in build_ids]
    finally:
        await builder.aclose()


def test_a_daemon_builds_by_another_one_with_an_access_key(tmp_path: Path) -> None:
    with both(tmp_path) as (outer, inner):
        tested = outer.command("builders", "test", "far").stdout
        push(outer, "slow", "succeeded")
        eventually(lambda: states(outer).get("slow/succeeded") == "running")
        outer.command("builds", "cancel", "outer/slow#1")
        push(outer, "quick", "succeeded")
        push(outer, "quick", "failed")
        eventually(lambda: all_ended(outer, 3), seconds=60)
        mine = states(outer)
        theirs = [(build["code_head_commit"], build["state"]) for build in inner.builds()]
        quick = {build["code_repo_type_value"]: build for build in outer.builds(repo_name="quick")}
        number = quick["succeeded"]["number"]
        found = anyio.run(search, outer, [quick["succeeded"]["build_id"], "no-build-of-ours"])
        log = outer.command("builds", "log", f"outer/quick#{number}").stdout
    assert "the job 'acme-shop' declares 5 parameters" in tested
    assert "does not receive the images" not in tested
    assert mine == {"slow/succeeded": "cancelled", "quick/succeeded": "succeeded", "quick/failed": "failed"}
    assert sorted(theirs) == [(SHA, "cancelled"), (SHA, "failed"), (SHA, "succeeded")]
    assert f"UPSTREAM_ID={quick['succeeded']['build_id']}" in log
    assert json.loads(found[0])["number"] in {2, 3}
    assert found[1] is None
    assert "UPSTREAM_TAGS=succeeded-outer" in log


BY_TAG = """
namespace: acme
repo_name: %(name)s
build_config:
  code_repo_client: Simple
  code_repo_clone_url: https://git.example.com/acme/%(name)s.git
  parameters: {DUMMY_RESULT: "{branch}", DUMMY_DURATION: %(duration)s}
  tag_configs:
    - {code_repo_type: branch, code_repo_type_value: succeeded, docker_repo_tag: succeeded-outer}
    - {code_repo_type: branch, code_repo_type_value: failed, docker_repo_tag: failed-outer}
"""


def test_a_daemon_builds_by_another_one_in_the_style_of_alauda(tmp_path: Path) -> None:
    durations = {"quick": "1s", "slow": "90s"}
    for name in ("inner", "outer"):
        (tmp_path / name).mkdir()
    theirs = {f"{name}.yaml": BY_TAG % {"name": name, "duration": time} for name, time in durations.items()}
    with running(tmp_path / "inner", {"builders": {"here": {"kind": "dummy"}}}, theirs) as inner:
        token = json.loads(inner.command("token", "add", "outer", "--role", "member", "--json").stdout)[
            "token"
        ]
        far = {"kind": "alauda", "url": f"{inner.url}/alauda", "token": token, "poll_interval": "1s"}
        config = {
            "sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}},
            "builders": {name: {**far, "repository": f"acme/{name}"} for name in durations},
        }
        rules = {
            f"{name}.yaml": (OUTER % {"name": name, "duration": "0s"}).replace(
                "build_config:", f"build_config:\n  builder: {name}"
            )
            for name in durations
        }
        with running(tmp_path / "outer", config, rules) as outer:
            tested = outer.command("builders", "test", "quick").stdout
            push(outer, "slow", "succeeded")
            eventually(lambda: states(outer).get("slow/succeeded") == "running")
            outer.command("builds", "cancel", "outer/slow#1")
            push(outer, "quick", "succeeded")
            push(outer, "quick", "failed")
            eventually(lambda: all_ended(outer, 3), seconds=60)
            mine = states(outer)
            there = {(build["repo_name"], build["code_repo_type_value"]): build for build in inner.builds()}
            quick = {build["code_repo_type_value"]: build for build in outer.builds(repo_name="quick")}
            log = outer.command("builds", "log", f"outer/quick#{quick['succeeded']['number']}").stdout
    assert "builds succeeded-outer, failed-outer" in tested
    assert mine == {"slow/succeeded": "cancelled", "quick/succeeded": "succeeded", "quick/failed": "failed"}
    assert {name: (build["code_head_commit"], build["state"]) for name, build in there.items()} == {
        ("slow", "succeeded"): (SHA, "cancelled"),
        ("quick", "succeeded"): (SHA, "succeeded"),
        ("quick", "failed"): (SHA, "failed"),
    }
    assert f"BRIDGE_BUILD_ID={there['quick', 'succeeded']['build_id']}" in log
    assert log.count("BRIDGE_BUILD_ID=") == 1
