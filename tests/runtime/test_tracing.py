"""Which traces pieces of work belong to, as a collector takes them."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from uuid import UUID

import pytest
from support.collector import FakeCollector, TakenSpan, collector
from support.notices import FACTS, SERVICE, notice
from support.waiting import eventually
from uuid_utils import uuid7

from bridge.config.tracing import TracingSettings
from bridge.model.build import Build, BuildRequest, BuildState, Origin
from bridge.model.delivery import Delivery
from bridge.model.notice import BuildFacts, DigestFacts, EventName, Member, Notice
from bridge.runtime import tracing

PUSH, OTHER_PUSH = "0192f0c1-2222-7000-8000-000000000001", "0192f0c1-2222-7000-8000-000000000002"
BUILD = Build(
    id=FACTS.build_id,
    serial=1,
    number=128,
    namespace="acme",
    repo_name="shop",
    builder="jenkins",
    state=BuildState.SUCCEEDED,
    request=BuildRequest(
        build_id=FACTS.build_id,
        number=128,
        namespace="acme",
        repo_name="shop",
        image="acme/shop",
        tags=("latest",),
        version_tag=None,
        repo_url="https://git.example.com/acme/shop.git",
        ref="refs/heads/main",
        branch="main",
        tag=None,
        commit="1" * 40,
    ),
    origin=Origin(delivery_id=PUSH, cause="push", ref_kind="branch", ref_name="main"),
    subscriptions=(),
    created_at=1000.0,
    enqueued_at=1000.0,
    ended_at=1100.0,
)
DELIVERY = Delivery(
    id=PUSH, source="plain", forge="Simple", key="1", event="push", headers={}, body=b"", received_at=1000.0
)


@contextmanager
def traced() -> Iterator[FakeCollector]:
    """What is reported in the block is in the collector at its end."""
    with collector() as taken:
        tracing.follow(TracingSettings.model_validate({"endpoint": taken.url}), str)
        try:
            yield taken
        finally:
            tracing.follow(None, str)
        eventually(taken.spans)


def sent(what: Notice) -> TakenSpan:
    with traced() as taken, tracing.sending(what):
        pass
    (span,) = taken.spans("send")
    return span


def digest(*facts: BuildFacts) -> Notice:
    members = tuple(
        Member(notice_id=f"n-{number}", event=EventName.FAIL, facts=one) for number, one in enumerate(facts)
    )
    return replace(notice(), facts=DigestFacts(kind="backlog", members=members))


def ids(build_id: str = FACTS.build_id, run: int = 1, push: str = PUSH) -> tuple[str, str]:
    """The ids of the span of a run, as its end is reported."""
    origin = replace(BUILD.origin, delivery_id=push)
    with traced() as taken:
        tracing.run_ended(replace(BUILD, id=build_id, run=run, origin=origin))
    (span,) = taken.spans("BUILD")
    return span.trace_id, span.span_id


def test_a_notice_belongs_to_the_run_that_it_is_about() -> None:
    for run in (1, 2):
        span = sent(notice(delivery_id=PUSH, run=run))
        assert (span.trace_id, span.parent_id) == ids(run=run)
        assert not span.links
    assert UUID(hex=ids()[0]) == UUID(PUSH)


def test_a_digest_of_one_push_belongs_to_its_trace_and_one_of_several_has_links_to_all() -> None:
    first = replace(FACTS, delivery_id=PUSH)
    beside, other = replace(first, build_id="b-2"), replace(first, build_id="b-3", delivery_id=OTHER_PUSH)
    span = sent(digest(first, beside))
    assert (span.trace_id, span.parent_id) == ids()
    assert span.links == (ids("b-2"),)
    span = sent(digest(first, beside, other))
    assert span.parent_id == ""
    assert span.links == (ids(), ids("b-2"), ids("b-3", push=OTHER_PUSH))
    assert span.trace_id not in {PUSH.replace("-", ""), OTHER_PUSH.replace("-", "")}


def test_a_notice_about_no_build_has_one_trace_for_all_attempts() -> None:
    about = notice(EventName.DEGRADED, facts=SERVICE)
    first, second = sent(about), sent(replace(about, attempt=2))
    assert first.parent_id == second.parent_id == ""
    assert first.trace_id == second.trace_id == about.id.replace("-", "")
    assert first.span_id != second.span_id


def test_a_notice_of_an_earlier_release_has_a_trace_although_its_delivery_is_not_known() -> None:
    assert sent(notice()).trace_id == FACTS.build_id.replace("-", "")


def test_the_span_of_a_run_comes_once_however_often_it_ends() -> None:
    with traced() as taken:
        tracing.run_ended(replace(BUILD, state=BuildState.UNKNOWN))
        tracing.run_ended(BUILD)
    unknown, resolved = taken.spans("BUILD")
    assert (unknown.trace_id, unknown.parent_id) == (resolved.trace_id, resolved.span_id) == ids()
    assert [one.attributes["cicd.pipeline.result"] for one in (unknown, resolved)] == ["error", "success"]
    assert [one.failed for one in (unknown, resolved)] == [True, False]
    assert (resolved.start, resolved.end) == (1000.0, 1100.0)


def test_an_end_by_a_clock_that_is_slow_is_not_before_the_beginning() -> None:
    with traced() as taken:
        tracing.run_ended(replace(BUILD, ended_at=900.0))
    (span,) = taken.spans("BUILD")
    assert span.start == span.end == 1000.0


def test_calls_outside_of_a_piece_of_work_have_no_spans() -> None:
    with traced() as taken:
        with tracing.calling("GET", "https://ci.example.com/poll"):
            pass
        with tracing.asking(BUILD, "trigger"):
            url = "https://ci.example.com:8443/job/shop/build?token=canary"
            with pytest.raises(OSError, match="canary"), tracing.calling("POST", url):
                raise OSError("canary")
    (call,) = taken.spans("POST")
    assert not taken.spans("GET")
    assert call.attributes == {
        "http.request.method": "POST",
        "server.address": "ci.example.com",
        "server.port": 8443,
        "error.type": "OSError",
    }
    assert call.failed
    assert b"canary" not in b"".join(taken.bodies)


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_a_share_is_near_what_was_asked_for_and_the_same_for_all_spans_of_a_trace(share: float) -> None:
    with collector() as taken:
        tracing.follow(TracingSettings(endpoint=taken.url, headers={}, sampling_ratio=share), str)
        for _ in range(400):
            delivery = replace(DELIVERY, id=str(uuid7()))
            with tracing.received(delivery.id, new=True, source="plain", event="push", since=1000.0):
                pass
            with tracing.deciding(delivery, sent=True):
                pass
        tracing.follow(None, str)
        eventually(lambda: taken.spans("decide"))
        eventually(lambda: len(taken.spans("decide")) == len(taken.spans("POST")))
        received, decided = ({span.trace_id for span in taken.spans(name)} for name in ("POST", "decide"))
    assert received == decided
    assert abs(len(received) / 400 - share) < 0.12


def test_without_the_library_the_settings_say_what_to_install() -> None:
    code = """
import sys
import threading
sys.modules["opentelemetry"] = None
from pydantic import ValidationError
from bridge.config.tracing import TracingSettings
try:
    TracingSettings.model_validate({"endpoint": "http://127.0.0.1:4318"})
except ValidationError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'buildbridge[tracing]'" in done.stdout


def test_a_piece_of_work_is_no_part_of_another_in_the_midst_of_which_it_ends() -> None:
    with traced() as taken, tracing.asking(replace(BUILD, run=2), "trigger"):
        tracing.run_ended(replace(BUILD, run=2, state=BuildState.FAILED))
    (run,), (trigger,) = taken.spans("BUILD"), taken.spans("trigger")
    assert run.parent_id == ""
    assert (trigger.trace_id, trigger.parent_id) == (run.trace_id, run.span_id)


def test_settings_that_are_equal_change_nothing() -> None:
    def senders() -> list[threading.Thread]:
        return [one for one in threading.enumerate() if "OtelBatchSpan" in one.name]

    with traced() as taken:
        tracing.follow(TracingSettings.model_validate({"endpoint": taken.url}), str)
        before = senders()
        tracing.follow(TracingSettings.model_validate({"endpoint": taken.url}), str)
        assert senders() == before
        tracing.run_ended(BUILD)
