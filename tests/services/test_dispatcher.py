"""Every stored delivery ends in builds, in a reason, or as a dead letter that says why."""

import json
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import anyio
import pytest
from support.harness import DispatcherHarness
from support.rules import rules_of
from support.scripted import ANN, SHA, Store, delivery_of, eventually, failing
from support.trail import change_by

from bridge.config.notices import NoticeSetting
from bridge.errors import BadPayload
from bridge.forges.base import Forge
from bridge.forges.hosts import Hosts
from bridge.forges.request import Request
from bridge.model.build import BuildState
from bridge.model.delivery import Delivery, DeliveryState
from bridge.model.event import Person, PushEvent, Ref, Repo
from bridge.registry import FORGES
from bridge.rules.manual import ManualPush
from bridge.store.values import BuildFilter, Cursor

URL = "https://git.example.com/shop.git"
RULE = f"""
namespace: acme
repo_name: shop
build_config:
  code_repo_client: Simple
  code_repo_clone_url: {URL}
  tag_configs:
    - {{code_repo_type: branch, code_repo_type_value: main, docker_repo_tag: latest, version_tagging: 1}}
    - {{code_repo_type: branch, code_repo_type_value: hand, docker_repo_tag: hand, is_active: false}}
    - {{code_repo_type: tag, code_repo_type_value: "v*", docker_repo_tag: "{{tag}}", version_tagging: 2}}
---
namespace: acme
repo_name: second
build_config:
  code_repo_client: Simple
  code_repo_clone_url: {URL}
  tag_configs:
    - {{code_repo_type: tag, code_repo_type_value: "v*", docker_repo_tag: second}}
"""


class Scripted(Forge):
    """A forge that reads whatever it is given the way the test says."""

    kind = "Scripted"
    host = "scripted"
    kept_headers = frozenset()

    def __init__(self, answer: Any) -> None:
        super().__init__(Hosts({}))
        self._answer = answer

    def check_proof(self, request: Request, secrets: Any, now: float) -> None:
        raise AssertionError

    def event(self, request: Request) -> str:
        return "push"

    def delivery_id(self, request: Request) -> str | None:
        return None

    def parse(self, request: Request) -> Any:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


def harness_of(
    store: Store,
    folder: Path,
    *forges: Forge,
    text: str = RULE,
    default_notices: Sequence[NoticeSetting] = (),
) -> DispatcherHarness:
    """A dispatcher on the rules above."""
    known = {forge.kind: forge for forge in (FORGES["Simple"], *forges)}
    return DispatcherHarness(store, rules_of(folder, text), known, default_notices)


def dispatching(
    store: Store, folder: Path, *forges: Forge, **more: Any
) -> AbstractAsyncContextManager[DispatcherHarness]:
    return harness_of(store, folder, *forges, **more).running()


def body(ref: str = "refs/heads/main", kind: str = "push", message: str = "A change", **data: Any) -> bytes:
    said = {
        "repository": {"full_name": "acme/shop", "clone_url": URL},
        "ref": ref,
        "before": "1" * 40,
        "after": SHA,
        "commit": {"id": SHA, "message": message},
    }
    return json.dumps({"type": kind, "data": said | data}).encode()


def sent(key: str, content: bytes, **changes: Any) -> Delivery:
    return delivery_of(key, 1_700_000_000.0, body=content, **changes)


async def test_a_push_becomes_a_build(store: Store, tmp_path: Path) -> None:
    async with dispatching(store, tmp_path) as harness:
        (row,) = await harness.put(sent("1", body()))
        (build,) = await store.builds.of_delivery(row.delivery.id)
    assert (row.state, row.detail) == (DeliveryState.DISPATCHED, "acme/shop (latest)")
    assert (build.state, build.builder, build.number) == (BuildState.WAITING, "jenkins", 1)
    assert build.request.tags == ("latest", "v20231114.221320")
    assert build.request.version_tag == "v20231114.221320"
    assert (build.request.branch, build.request.tag, build.request.commit) == ("main", None, SHA)
    assert harness.calls == ["on_dispatched"], "the triggerers hear of it at once"
    assert [step.what for step in (await store.deliveries.get(row.delivery.id) or (None, []))[1]] == [
        "dispatched"
    ]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (body("refs/heads/other"), "other does not match main"),
        (body("refs/heads/hand"), "is not active"),
        (body(message="docs [skip ci]"), "the head commit's message holds [skip ci]"),
        (body(after="0" * 40), "the branch was removed"),
        (body("refs/tags/v1", after="0" * 40), "the tag was removed"),
        (body(kind="ping"), "the sender tested the webhook"),
        (body(kind="issue"), "issue is not a push"),
        (b'{"data": {}}', "a body without a type is not a push"),
        (
            body(repository={"full_name": "acme/else", "clone_url": "https://git.example.com/else.git"}),
            "no rule is for Simple acme/else at https://git.example.com/else.git; the nearest: acme/shop (/",
        ),
        (
            body(repository={"full_name": "x", "clone_url": "ssh://git.example.com/shop.git"}),
            "such a rule has code_repo_clone_url: ssh://git.example.com/shop.git",
        ),
    ],
)
async def test_what_builds_nothing_says_why(store: Store, tmp_path: Path, content: bytes, why: str) -> None:
    async with dispatching(store, tmp_path) as harness:
        (row,) = await harness.put(sent("1", content))
    assert row.state is DeliveryState.IGNORED
    assert why in row.detail
    assert harness.calls == []


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"{", "not JSON"),
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[]", "not an object"),
        (body(ref=""), ""),
        (body(after="not a sha"), ""),
        (body(repository={}), ""),
    ],
)
async def test_what_cannot_be_read_is_a_dead_letter_with_the_reason(
    store: Store, tmp_path: Path, content: bytes, why: str
) -> None:
    async with dispatching(store, tmp_path) as harness:
        dead, good = await harness.put(sent("1", content), sent("2", body()))
    assert dead.state is DeliveryState.DEAD
    assert dead.detail
    assert why in dead.detail
    assert good.state is DeliveryState.DISPATCHED


async def test_a_forge_that_this_release_does_not_know_is_a_dead_letter(store: Store, tmp_path: Path) -> None:
    async with dispatching(store, tmp_path) as harness:
        (row,) = await harness.put(sent("1", body(), forge="Sourcehut"))
    assert (row.state, row.detail) == (DeliveryState.DEAD, "this release knows no forge Sourcehut")


@pytest.mark.parametrize("error", [BadPayload("no ref"), KeyError("ref"), RecursionError(), ValueError("x")])
async def test_a_bug_in_reading_is_one_dead_letter_and_stops_no_one(
    store: Store, tmp_path: Path, error: Exception
) -> None:
    async with dispatching(store, tmp_path, Scripted(error)) as harness:
        dead, good = await harness.put(sent("1", b"", forge="Scripted"), sent("2", body()))
    assert dead.state is DeliveryState.DEAD
    assert ("no ref" if isinstance(error, BadPayload) else type(error).__name__) in dead.detail
    assert good.state is DeliveryState.DISPATCHED


async def test_what_cannot_be_written_down_is_one_dead_letter_and_stops_no_one(
    store: Store, tmp_path: Path
) -> None:
    repo = Repo(full_name="acme/half-\ud800")
    odd = PushEvent(event="push", repo=repo, ref=Ref("branch", "main"), sha=SHA)
    async with dispatching(store, tmp_path, Scripted([odd])) as harness:
        dead, good = await harness.put(sent("1", b"", forge="Scripted"), sent("2", body()))
    assert dead.state is DeliveryState.DEAD
    assert "a fault of the bridge" in dead.detail
    assert good.state is DeliveryState.DISPATCHED


async def test_one_delivery_may_move_several_refs(store: Store, tmp_path: Path) -> None:
    repo = Repo(full_name="acme/shop", clone_url=URL)
    events = [
        PushEvent(event="push", repo=repo, ref=Ref("branch", "main"), sha=SHA),
        PushEvent(event="tag", repo=repo, ref=Ref("tag", "v1"), sha=SHA),
        PushEvent(event="push", repo=repo, ref=Ref("branch", "other"), sha=SHA),
    ]
    simple = Scripted(events)
    simple.kind = "Simple"  # type: ignore[misc]  # the rules above are for plain Git servers
    async with dispatching(store, tmp_path, simple) as harness:
        (row,) = await harness.put(sent("1", b""))
        builds = await store.builds.of_delivery(row.delivery.id)
    assert [(build.full_name, build.number, build.request.tags[0]) for build in builds] == [
        ("acme/shop", 1, "latest"),
        ("acme/shop", 2, "v1"),
        ("acme/second", 1, "second"),
    ]
    assert [len(one["matches"]) for one in row.explanation] == [1, 2, 0]


async def test_a_delivery_that_is_decided_twice_makes_its_builds_once(store: Store, tmp_path: Path) -> None:
    async with dispatching(store, tmp_path) as harness:
        delivery = sent("1", body())
        (row,) = await harness.put(delivery)
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                decision = await harness.dispatcher._decided(row.delivery)
                tasks.start_soon(harness.dispatcher._record, row.delivery, decision)
        assert len(await store.builds.of_delivery(delivery.id)) == 1
        assert harness.calls == ["on_dispatched"]


async def test_a_large_push_keeps_its_place_before_a_small_one(store: Store, tmp_path: Path) -> None:
    large = [f"a/{number:0100}" for number in range(3000)]
    sent_so = [
        sent(str(number), body(f"refs/tags/v{number}", changed=None if number % 2 else large))
        for number in range(8)
    ]
    for delivery in sent_so:
        await store.deliveries.put(delivery)
    async with dispatching(store, tmp_path):
        page = await store.builds.page(Cursor(), 20, BuildFilter(namespace="acme", repo_name="shop"))
    numbers = {build.number: build.origin.ref_name for build in page.rows}
    assert numbers == {number + 1: f"v{number}" for number in range(8)}


async def test_a_wanted_repeat_builds_again(store: Store, tmp_path: Path) -> None:
    async with dispatching(store, tmp_path) as harness:
        (row,) = await harness.put(sent("1", body()))
        again = await store.deliveries.redeliver(row.delivery.id, change_by())
        once_more = await store.deliveries.redeliver(again, change_by())
        await harness.settled()
        rows = [await harness.row(one) for one in (again, once_more)]
        page = await store.builds.page(Cursor(), 20)
    assert [(one.state, one.replay) for one in rows] == [
        (DeliveryState.DISPATCHED, 1),
        (DeliveryState.DISPATCHED, 2),
    ]
    assert [build.number for build in page.rows] == [3, 2, 1]


def by_hand(**changes: str) -> Delivery:
    facts: dict[str, Any] = {
        "namespace": "acme",
        "repo_name": "shop",
        "full_name": "acme/shop",
        "clone_url": URL,
        "ref_kind": "branch",
        "ref_name": "main",
        "sha": SHA,
        "by": "ann",
    }
    return ManualPush(**facts | changes).delivery(1_700_000_000.0)


async def test_a_build_knows_who_wrote_its_commit_with_whom_and_who_put_it_there(
    store: Store, tmp_path: Path
) -> None:
    message = "A change\n\nCo-authored-by: Eve <eve@example.com>"
    people = {key: {"name": key, "email": f"{key}@example.com"} for key in ("author", "committer")}
    commit = {"id": SHA, "message": message, **people}
    async with dispatching(store, tmp_path) as harness:
        (row,) = await harness.put(sent("1", body(commit=commit)))
        (build,) = await store.builds.of_delivery(row.delivery.id)
        (row,) = await harness.put(by_hand())
        (again,) = await store.builds.of_delivery(row.delivery.id)
    for origin in (build.origin, again.origin):
        assert origin.author == Person("author", "author@example.com")
        assert origin.committer == Person("committer", "committer@example.com")
        assert origin.co_authors == (Person("Eve", "eve@example.com"),)


async def test_a_build_by_hand_is_made_by_its_own_repository_only(store: Store, tmp_path: Path) -> None:
    async with dispatching(store, tmp_path) as harness:
        (row,) = await harness.put(by_hand(ref_kind="tag", ref_name="v7"))
        (build,) = await store.builds.of_delivery(row.delivery.id)
    assert (build.full_name, build.request.tags) == ("acme/shop", ("v7", SHA))
    assert (build.origin.cause, build.origin.by) == ("manual", "ann")


async def test_a_build_by_hand_tells_of_its_commit_what_the_push_told(store: Store, tmp_path: Path) -> None:
    await store.add_build()
    async with dispatching(store, tmp_path) as harness:
        (row,) = await harness.put(by_hand())
        (build,) = await store.builds.of_delivery(row.delivery.id)
    assert (build.origin.subject, build.origin.author) == ("A change", ANN)
    assert (build.origin.cause, build.origin.by) == ("manual", "ann")


async def test_a_build_by_hand_of_an_unknown_commit_claims_nothing_of_it(
    store: Store, tmp_path: Path
) -> None:
    async with dispatching(store, tmp_path) as harness:
        (row,) = await harness.put(by_hand())
        (build,) = await store.builds.of_delivery(row.delivery.id)
    assert (build.origin.subject, build.origin.author) == ("", Person())
    assert build.request.commit == SHA


async def test_a_build_by_hand_builds_what_pushes_do_not(store: Store, tmp_path: Path) -> None:
    async with dispatching(store, tmp_path) as harness:
        (row,) = await harness.put(by_hand(ref_name="hand"))
    assert row.state is DeliveryState.DISPATCHED


@pytest.mark.parametrize(
    ("changes", "state", "why"),
    [
        ({"repo_name": "gone"}, DeliveryState.DEAD, "there is no rule for acme/gone"),
        ({"ref_name": "other"}, DeliveryState.IGNORED, "other does not match main"),
    ],
)
async def test_a_build_by_hand_that_no_rule_makes_says_why(
    store: Store, tmp_path: Path, changes: dict[str, str], state: DeliveryState, why: str
) -> None:
    async with dispatching(store, tmp_path) as harness:
        (row,) = await harness.put(by_hand(**changes))
    assert row.state is state
    assert why in row.detail


async def test_a_request_by_hand_that_cannot_be_read_is_a_dead_letter(store: Store, tmp_path: Path) -> None:
    async with dispatching(store, tmp_path) as harness:
        (row,) = await harness.put(sent("1", b'{"namespace": 1}', forge="manual", source="manual"))
    assert (row.state, row.detail) == (DeliveryState.DEAD, "the stored request cannot be read")


async def test_a_store_that_fails_is_tried_again(store: Store, tmp_path: Path) -> None:
    deliveries = [sent(str(number), body(after=f"{number:040x}")) for number in range(1, 101)]
    for delivery in deliveries:
        await store.deliveries.put(delivery)
    harness = harness_of(store, tmp_path)
    async with anyio.create_task_group() as tasks:
        async with failing(store):
            tasks.start_soon(harness.dispatcher.run)
            await eventually(lambda: harness.rounds(harness.dispatcher).count)
        await harness.settled()
        rows = [await harness.row(delivery.id) for delivery in deliveries]
        tasks.cancel_scope.cancel()
    assert {row.state for row in rows} == {DeliveryState.DISPATCHED}
    assert (await store.builds.page(Cursor(), 1)).count == 100


async def test_a_crowd_of_deliveries_is_decided_once_it_is_on_disk(store: Store, tmp_path: Path) -> None:
    async with dispatching(store, tmp_path) as harness:
        async with anyio.create_task_group() as tasks:
            for number in range(1, 51):
                tasks.start_soon(store.deliveries.put, sent(str(number), body(after=f"{number:040x}")))
        await harness.settled()
        page = await store.builds.page(Cursor(), 1)
    assert page.count == 50


@pytest.mark.parametrize(
    ("own", "channels"),
    [
        ("", ["team"]),
        ("notices: []\n", []),
        ("notices:\n- {channel: mail, notice_type: MAIL}\n", ["mail"]),
    ],
)
async def test_a_build_reports_those_whom_its_rule_names_and_without_that_those_of_the_default(
    store: Store, tmp_path: Path, own: str, channels: list[str]
) -> None:
    text = RULE.split("---", maxsplit=1)[0] + own
    setting = [NoticeSetting(channel="team").resolve({"team": "DING_TALK"}, {})]
    async with dispatching(store, tmp_path, text=text, default_notices=setting) as harness:
        (row,) = await harness.put(sent("1", body()))
        (build,) = await store.builds.of_delivery(row.delivery.id)
    assert [subscription.channel for subscription in build.subscriptions] == channels
