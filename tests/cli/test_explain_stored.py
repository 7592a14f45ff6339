"""`explain --delivery`: a stored delivery by the rules of now, which need not be those of then."""

import json
from functools import partial
from pathlib import Path

import anyio
import pytest
import yaml
from support.commands import command
from support.engines import opened, settings
from support.scripted import delivery_of, open_store
from support.sending import SHA, push_body

from bridge.model.event import RefMove
from bridge.rules.manual import ManualPush
from bridge.store.sql.history import record_move

URL = "https://git.example.com/shop.git"
CONFIG = """
sources: {plain: {kind: Simple, secrets: [{env: NOT_SET_HERE}]}}
builders: {here: {kind: local, command: ["true"]}}
rules: [rules.yaml]
"""
RULES = f"""
namespace: acme
repo_name: shop
build_config:
  code_repo_client: Simple
  code_repo_clone_url: {URL}
  tag_configs: [{{code_repo_type: branch, code_repo_type_value: BRANCH, docker_repo_tag: latest}}]
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    store = tmp_path / "data" / "bridge.db"
    (tmp_path / "bridge.yaml").write_text(CONFIG + yaml.safe_dump({"store": settings(store)}))
    store.parent.mkdir()
    opened(store).close()
    return tmp_path / "bridge.yaml"


def stored(config: Path, body: bytes) -> str:
    async def work() -> str:
        async with open_store(config.parent / "data") as store:
            return (await store.deliveries.put(delivery_of("1", store.clock(), body=body))).id

    return anyio.run(work)


@pytest.mark.parametrize(("branch", "tags"), [("main", [["latest"]]), ("develop", [])])
def test_the_rules_of_now_judge_it_without_a_secret(config: Path, branch: str, tags: list[list[str]]) -> None:
    delivery_id = stored(config, push_body(URL))
    (config.parent / "rules.yaml").write_text(RULES.replace("BRANCH", branch))
    done = command("--config", config, "explain", "--json", "--delivery", delivery_id)
    assert (done.status, done.stderr) == (0, "")
    (document,) = done.documents
    assert (document["file"], document["host"], document["signature"]) == (delivery_id, "simple", "valid")
    assert (document["sha"], [match["tags"] for match in document["matches"]]) == (SHA, tags)


def test_what_cannot_be_read_or_is_not_there_is_reported(config: Path) -> None:
    (config.parent / "rules.yaml").write_text(RULES.replace("BRANCH", "main"))
    done = command("--config", config, "explain", "--delivery", stored(config, b"{"))
    assert (done.status, done.stdout) == (1, "")
    assert "JSON" in done.stderr
    done = command("--config", config, "explain", "--delivery", "nonsense")
    assert (done.status, done.stderr) == (1, "there is no delivery nonsense: see `deliveries list`\n")


def test_what_a_person_asked_for_is_shown_elsewhere(config: Path) -> None:
    (config.parent / "rules.yaml").write_text(RULES.replace("BRANCH", "main"))
    push = ManualPush(
        namespace="acme",
        repo_name="shop",
        full_name="acme/shop",
        clone_url=URL,
        ref_kind="branch",
        ref_name="main",
        sha=SHA,
        by="ann",
    )

    async def work() -> str:
        async with open_store(config.parent / "data") as store:
            return (await store.deliveries.put(push.delivery(store.clock()))).id

    delivery_id = anyio.run(work)
    done = command("--config", config, "explain", "--delivery", delivery_id)
    assert done.status == 1
    assert f"came from no Git host (manual): see `deliveries show {delivery_id}`" in done.stderr


@pytest.mark.parametrize(("last", "built"), [("b", True), ("a", False)])
def test_the_history_of_the_ref_counts_as_it_did_when_it_was_decided(
    config: Path, last: str, *, built: bool
) -> None:
    push = {"before": "a" * 40, "after": SHA, "changed": ["README"], "repository": {"clone_url": URL}}
    push |= {"ref": "refs/heads/main"}
    delivery_id = stored(config, json.dumps({"type": "push", "data": push}).encode())
    moves = [("-", last * 40), ("a" * 40, SHA), (SHA, "e" * 40)]

    async def record() -> None:
        async with open_store(config.parent / "data") as store:
            code = f"Simple {URL.removesuffix('.git')}"
            for at, (before, after) in enumerate(moves):
                move = RefMove(code, "refs/heads/main", before, after, {})
                await store.database.write(partial(record_move, move=move, now=at))

    anyio.run(record)
    rules = RULES.replace("BRANCH", "main").replace(": latest", ": latest, paths: [src/**]")
    (config.parent / "rules.yaml").write_text(rules)
    (document,) = command("--config", config, "explain", "--json", "--delivery", delivery_id).documents
    assert bool(document["matches"]) == built
