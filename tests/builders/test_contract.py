"""The promises of `bridge.builders.base`, kept by every kind in the registry."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest
from structlog.testing import capture_logs
from support.builder_contract import OWN_STATUSES, REMOTE_CASES, Failure, RemoteSite, Site
from support.builder_contract import request as request_for
from support.builder_sites import CASES, REMOTE, SITES, ended, log_from, log_with, running, sent, site_of
from support.sources import check_vendor_page

from bridge.builders.base import Ambiguous, Builder, Handle, Rejected, Retry, Sent
from bridge.errors import RemoteError
from bridge.model.build import BuildState
from bridge.registry import BUILDERS

CALL_SECONDS = 30


FAILURES = {
    "a page": Failure(body=b"<html>Sign in</html>", headers={"Content-Type": "text/html"}),
    "no body": Failure(),
    "null": Failure(body=b"null", headers={"Content-Type": "application/json"}),
    "a list": Failure(body=b"[]", headers={"Content-Type": "application/json"}),
    "an empty object": Failure(body=b"{}", headers={"Content-Type": "application/json"}),
    "no UTF-8": Failure(body=b'{"a": "\xff\xfe"}', headers={"Content-Type": "application/json"}),
    "deep nesting": Failure(body=b"[" * 100_000, headers={"Content-Type": "application/json"}),
    **{str(status): Failure(status=status) for status in (302, 400, 401, 403, 404, 409, 429, 500, 502, 503)},
    "reset": Failure("reset"),
}

Call = Callable[[Builder, Site, Handle], Awaitable[object]]
CALLS: Mapping[str, Call] = {
    "trigger": lambda builder, site, _handle: builder.trigger(site.request("b-2")),
    "find": lambda builder, _site, _handle: builder.find(request_for("b-2")),
    "poll": lambda builder, _site, handle: builder.poll({"b-1": handle}),
    "log": lambda builder, _site, handle: builder.log(handle, 0),
    "cancel": lambda builder, _site, handle: builder.cancel(handle),
    "test": lambda builder, _site, _handle: builder.test(),
}


@pytest.fixture
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    kind: str = request.getfixturevalue("kind")
    async with SITES[kind].open(tmp_path) as opened:
        yield opened


def lineage(error: BaseException | None) -> Iterator[BaseException]:
    """An error and all that it came from."""
    while error:
        yield error
        error = error.__cause__ or error.__context__


async def said_by(call: Awaitable[object]) -> tuple[object, str]:
    """What a call returned, or the RemoteError it raised; and all that this shows."""
    try:
        found = await call
    except RemoteError as error:
        return error, "".join(f"{one!r} {one}" for one in lineage(error))
    return found, repr(found)


@pytest.mark.parametrize("kind", REMOTE)
def test_an_adapter_for_a_server_names_the_page_of_its_vendor(kind: str) -> None:
    check_vendor_page(BUILDERS[kind])


@pytest.mark.parametrize("kind", sorted({*BUILDERS} - {"dummy"}))
def test_a_builder_says_in_chinese_why_a_build_failed(kind: str) -> None:
    assert BUILDERS[kind].chinese


@pytest.mark.parametrize("kind", BUILDERS)
def test_every_builder_brings_its_fake_and_its_table_of_answers(kind: str) -> None:
    site = site_of(kind)
    assert site is not None, f"there is no contract.py with the fake of the builder {kind}"
    assert {case.outcome for case in site.CASES.values()} == {Sent, Rejected, Retry, Ambiguous}
    if "url" in BUILDERS[kind].Settings.model_fields:
        assert issubclass(site, RemoteSite)
        assert set(REMOTE_CASES) | {str(status) for status in OWN_STATUSES} <= set(site.CASES)
        assert all(site.CASES[name] is case for name, case in REMOTE_CASES.items())


@pytest.mark.parametrize(("kind", "name"), CASES)
async def test_an_answer_to_a_trigger_has_its_outcome_and_the_contract_leads_to_one_build(
    kind: str, name: str, site: Site
) -> None:
    case = site.CASES[name]
    settings = case.prepare(site) or {}
    request = site.request("b-1", **case.changes)
    async with site.builder(**settings) as builder:
        outcome = await builder.trigger(request)
    site.recover()
    assert type(outcome) is case.outcome, outcome
    assert site.secret not in repr(outcome)
    if isinstance(outcome, Retry):
        assert (outcome.after, outcome.denied) == (case.after, case.denied)
    async with site.builder() as builder:
        handle = await builder.find(request)
        if site.ABSENT is not None:
            assert handle is site.ABSENT
            handle = outcome.handle if isinstance(outcome, Sent) else None
            if isinstance(outcome, Ambiguous):
                assert site.count("b-1") <= 1
                return
        if isinstance(outcome, Sent):
            assert handle == outcome.handle
            if site.ABSENT is None:
                found = builder.found(handle, request)
                assert (found.caveat, found.images_passed) == (outcome.caveat, outcome.images_passed)
        elif not isinstance(outcome, Ambiguous):
            assert handle is None
            assert site.count("b-1") == 0
        if isinstance(outcome, Rejected):
            return
        if handle is None:
            again = await builder.trigger(request)
            assert isinstance(again, Sent), again
            handle = again.handle
        assert isinstance(handle, str)
        await site.start("b-1")
        await site.finish("b-1")
        assert (await ended(builder, handle)).state is BuildState.SUCCEEDED
    assert site.count("b-1") == 1


ASKING = [(kind, what) for kind in REMOTE for what in CALLS if what != "find" or SITES[kind].ABSENT is None]
STAGES = [(kind, stage) for kind in REMOTE for stage in getattr(SITES[kind], "STAGES", ())]


@pytest.mark.parametrize(("kind", "stage"), STAGES)
@pytest.mark.parametrize("known", [True, False], ids=["after a trigger", "at first"])
async def test_a_build_system_that_starts_costs_no_build(
    kind: str, stage: str, known: bool, site: RemoteSite
) -> None:
    async with site.builder() as builder:
        if known:
            await running(builder, site, "b-0")
        site.restart(stage)
        outcome = await builder.trigger(site.request("b-1"))
        assert isinstance(outcome, Retry | Ambiguous), outcome
        assert not getattr(outcome, "denied", False), outcome
        site.recover()
        assert await builder.find(request_for("b-1")) is site.ABSENT
        assert isinstance(await builder.trigger(site.request("b-1")), Sent)
    assert site.count("b-1") == 1


@pytest.mark.parametrize("kind", REMOTE)
async def test_a_build_of_someone_else_with_our_number_is_not_ours(kind: str, site: RemoteSite) -> None:
    async with site.builder() as builder:
        handle = await running(builder, site)
        site.take_over("b-1")
        statuses = await builder.poll({"b-1": handle})
        assert statuses.get("b-1") is None or statuses["b-1"].state is BuildState.UNKNOWN


@pytest.mark.parametrize("kind", SITES)
async def test_making_a_builder_asks_and_writes_nothing(kind: str, site: Site) -> None:
    async with site.builder() as builder:
        assert builder.kind == kind
        assert builder.poll_interval > 0
        assert builder.deadline > 0
    assert site.untouched()


@pytest.mark.parametrize("kind", SITES)
@pytest.mark.parametrize("succeeds", [True, False], ids=["succeeds", "fails"])
async def test_a_build_is_followed_to_its_end_by_one_process_after_the_other(
    kind: str, succeeds: bool, site: Site
) -> None:
    async with site.builder() as first:
        handle = await running(first, site, log="hello\n", succeeds=succeeds)
        assert len(handle.encode()) <= 4096
        assert site.secret not in handle
    async with site.builder() as second:
        now = (await second.poll({"b-1": handle}))["b-1"]
        assert (now.state, now.ended_at) == (BuildState.RUNNING, None)
        await site.finish("b-1")
        end = await ended(second, handle)
        assert end.state is (BuildState.SUCCEEDED if succeeds else BuildState.FAILED)
        assert end.raw
        assert end.started_at is not None
        assert end.ended_at is not None
        assert end.started_at <= end.ended_at
        text, _ = await log_from(second, handle)
        assert "hello\n" in text
        assert site.secret not in text
        await second.cancel(handle)
        assert (await second.poll({"b-1": handle}))["b-1"].state is end.state, "a late cancel changes nothing"
        await second.release(handle)
        await second.release(handle)
        await second.cancel(handle)


@pytest.mark.parametrize("kind", SITES)
async def test_a_running_build_is_cancelled_once_however_often_that_is_asked(kind: str, site: Site) -> None:
    async with site.builder() as builder:
        handle = await running(builder, site)
        await builder.cancel(handle)
        await builder.cancel(handle)
        assert (await ended(builder, handle)).state is BuildState.CANCELLED
        await builder.cancel(handle)
        assert (await builder.poll({"b-1": handle}))["b-1"].state is BuildState.CANCELLED


@pytest.mark.parametrize("kind", SITES)
async def test_a_long_log_comes_in_pieces_that_fit_together(kind: str, site: Site) -> None:
    text = "构建 🐳 line\n" * 30_000
    async with site.builder() as builder:
        handle = await running(builder, site, log=text)
        first, offset = await log_with(builder, handle, text)
        await site.finish("b-1")
        await ended(builder, handle)
        rest, end = await log_from(builder, handle, offset)
        assert await log_from(builder, handle, end) == ("", end)
    async with site.builder() as fresh:
        whole, _ = await log_from(fresh, handle)
        again = await fresh.log(handle, 10**9)
    assert whole == first + rest
    assert "\ufffd" not in whole
    assert again.restarted
    assert again.text
    assert whole.startswith(again.text)


@pytest.mark.parametrize("kind", SITES)
@pytest.mark.parametrize("handle", ["", "null", "{}", "[]", "..", "../b-1", "b-1\n", "b\0", "x" * 5000])
async def test_a_foreign_handle_hides_no_build_and_raises_nothing_but_remote_errors(
    kind: str, handle: str, site: Site
) -> None:
    async with site.builder() as builder:
        ours = await sent(builder, site)
        found = await builder.poll({"b-1": ours, "b-2": handle})
        assert not found["b-1"].state.terminal
        assert "b-2" not in found or found["b-2"].state is BuildState.UNKNOWN
        for call in (builder.log(handle, 0), builder.cancel(handle), builder.release(handle)):
            await said_by(call)
        assert not (await builder.poll({"b-1": ours}))["b-1"].state.terminal


@pytest.mark.parametrize("kind", SITES)
async def test_the_test_call_says_in_a_line_what_it_showed(kind: str, site: Site) -> None:
    async with site.builder() as builder:
        text = await builder.test()
    assert text
    assert text.isprintable()
    assert site.secret not in text


@pytest.mark.parametrize("kind", REMOTE)
async def test_many_builds_cost_few_requests(kind: str, site: RemoteSite) -> None:
    async with site.builder() as builder:
        handles = {f"b-{number}": await sent(builder, site, f"b-{number}") for number in range(60)}
        for number in range(40):
            await site.start(f"b-{number}")
        before = len(site.requests)
        found = await builder.poll(handles)
    assert set(found) == set(handles)
    assert len(site.requests) - before <= 4


@pytest.mark.parametrize("kind", REMOTE)
@pytest.mark.parametrize("name", FAILURES)
async def test_no_failure_ends_a_build_proves_its_absence_or_shows_a_secret(
    kind: str, name: str, site: RemoteSite
) -> None:
    failure = FAILURES[name]
    json = failure.headers.get("Content-Type") == "application/json"
    echo = b"" if json else f" {site.secret}".encode()
    async with site.builder() as builder:
        handle = await running(builder, site)
        site.fail(Failure(failure.kind, failure.status, failure.headers, failure.body + echo))
        with capture_logs() as logs:
            for what, call in CALLS.items():
                found, shown = await said_by(call(builder, site, handle))
                assert site.secret not in shown, what
                assert len(shown) < 2000, what
                proof = {"find", "test"} if site.ABSENT is None else {"test"}
                assert what not in proof or isinstance(found, RemoteError), found
                assert not isinstance(found, Sent), found
                if what == "poll" and isinstance(found, Mapping):
                    assert not any(status.state.terminal for status in found.values())
        assert site.secret not in repr(logs)
        site.recover()
        await site.finish("b-1")
        assert (await ended(builder, handle)).state in {BuildState.SUCCEEDED, BuildState.CANCELLED}


@pytest.mark.parametrize("kind", REMOTE)
@pytest.mark.parametrize("failure", ["hang", "drip"])
async def test_every_call_ends_by_itself_on_a_server_that_does_not(
    kind: str, failure: Any, site: RemoteSite
) -> None:
    async with site.builder() as builder:
        handle = await running(builder, site)
    site.fail(Failure(failure))
    ends: dict[str, object] = {}

    async def one(what: str) -> None:
        async with site.builder(timeout="1s") as builder:
            ends[what], _ = await said_by(CALLS[what](builder, site, handle))

    with anyio.fail_after(CALL_SECONDS):
        async with anyio.create_task_group() as tasks:
            for what in CALLS:
                tasks.start_soon(one, what)
    assert set(ends) == set(CALLS)
    assert isinstance(ends.pop("trigger"), Retry | Ambiguous)
    # A byte at a time, short answers arrive.
    if site.ABSENT is not None:
        assert ends.pop("find") is site.ABSENT, "it asks nothing"
    never = (
        ends if failure == "hang" else {what: ends[what] for what in ("find", "poll", "test") if what in ends}
    )
    assert all(isinstance(end, RemoteError) for end in never.values()), ends


@pytest.mark.parametrize(("kind", "what"), ASKING)
async def test_a_call_that_is_cancelled_ends_at_once_and_leaves_the_builder_usable(
    kind: str, what: str, site: RemoteSite
) -> None:
    async with site.builder(timeout="1m") as builder:
        handle = await running(builder, site)
        site.fail(Failure("hang"))
        began = time.monotonic()
        with anyio.move_on_after(0.2) as scope:
            await CALLS[what](builder, site, handle)
        assert scope.cancelled_caught
        assert time.monotonic() - began < 5
        site.recover()
        assert not (await builder.poll({"b-1": handle}))["b-1"].state.terminal
