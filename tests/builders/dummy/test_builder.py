"""What the parameters of a rule make of a build of the dummy builder."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from support.builder_contract import request
from support.scripted import START, Clock

from bridge.builders.base import BuilderContext, Outcome, Rejected, Retry, Sent, Status
from bridge.builders.dummy.builder import DummyBuilder, DummySettings
from bridge.errors import Permanent
from bridge.model.build import BuildState


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def builder(tmp_path: Path, clock: Clock) -> DummyBuilder:
    settings = DummySettings.model_validate({"duration": "1m", "result": "failed"})
    return DummyBuilder("pretend", settings, BuilderContext(state=tmp_path / "state", clock=clock))


async def triggered(builder: DummyBuilder, parameters: Mapping[str, str]) -> Outcome:
    return await builder.trigger(request(parameters=parameters))


async def status(builder: DummyBuilder) -> Status:
    return (await builder.poll({"b-1": "b-1"}))["b-1"]


async def test_without_parameters_the_settings_say_how_long_and_how(
    builder: DummyBuilder, clock: Clock
) -> None:
    assert await triggered(builder, {}) == Sent("b-1")
    clock.advance(59)
    assert (await status(builder)).state is BuildState.RUNNING
    clock.advance(1)
    end = await status(builder)
    assert (end.state, end.raw, end.started_at, end.ended_at) == (
        BuildState.FAILED,
        "failed",
        START,
        START + 60,
    )


@pytest.mark.parametrize("result", ["succeeded", "failed", "cancelled", "unknown"])
async def test_a_build_takes_as_long_and_ends_as_its_parameters_say(
    builder: DummyBuilder, clock: Clock, result: str
) -> None:
    await triggered(builder, {"DUMMY_DURATION": "2m", "DUMMY_RESULT": result})
    clock.advance(119)
    assert (await status(builder)).state is BuildState.RUNNING
    clock.advance(1)
    assert (await status(builder)).state is BuildState(result)


async def test_a_build_can_be_rejected_or_put_off(builder: DummyBuilder) -> None:
    assert await triggered(builder, {"DUMMY_RESULT": "rejected"}) == Rejected("DUMMY_RESULT is rejected")
    assert await triggered(builder, {"DUMMY_RESULT": "retry"}) == Retry("DUMMY_RESULT is retry")
    assert await builder.find(request("b-1")) is None


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"DUMMY_RESULT": "great"}, "DUMMY_RESULT is 'great': give one of succeeded, failed,"),
        ({"DUMMY_DURATION": "long"}, "DUMMY_DURATION is 'long': give a length of time such as 30s"),
        ({"DUMMY_DURATION": "2d"}, "DUMMY_DURATION is '2d': give a length of time"),
    ],
)
async def test_a_parameter_that_cannot_be_read_is_rejected_with_a_cure(
    builder: DummyBuilder, parameters: Mapping[str, str], words: str
) -> None:
    outcome = await triggered(builder, parameters)
    assert isinstance(outcome, Rejected)
    assert outcome.why.startswith(words)


async def test_a_second_trigger_changes_nothing(builder: DummyBuilder, clock: Clock) -> None:
    await triggered(builder, {})
    clock.advance(30)
    assert await triggered(builder, {"DUMMY_RESULT": "succeeded"}) == Sent("b-1")
    clock.advance(30)
    assert (await status(builder)).state is BuildState.FAILED


async def test_the_log_lists_the_variables_and_ends_with_the_result(
    builder: DummyBuilder, clock: Clock
) -> None:
    await triggered(builder, {"OWN": "rule"})
    running = await builder.log("b-1", 0)
    lines = running.text.splitlines()
    assert lines[0] == "the dummy builder builds nothing; it ends in 60 s as failed"
    assert {"OWN=rule", "TAGS=latest", "BRIDGE_BUILD_ID=b-1", f"COMMIT={'1' * 40}"} <= set(lines)
    assert not any(line.startswith("REPO_URL=") for line in lines)
    clock.advance(60)
    assert (await builder.log("b-1", running.next)).text == "failed\n"


async def test_a_file_that_cannot_be_read_hides_no_other_build(builder: DummyBuilder, tmp_path: Path) -> None:
    await triggered(builder, {})
    (tmp_path / "state" / "b-2.json").write_text("{")
    assert set(await builder.poll({"b-1": "b-1", "b-2": "b-2"})) == {"b-1"}


async def test_a_released_build_is_gone(builder: DummyBuilder, tmp_path: Path) -> None:
    await triggered(builder, {})
    assert json.loads((tmp_path / "state" / "b-1.json").read_text())["started_at"] == START
    await builder.release("b-1")
    assert list((tmp_path / "state").iterdir()) == []
    assert await builder.find(request("b-1")) is None
    assert (await status(builder)).raw == "gone"
    with pytest.raises(Permanent):
        await builder.log("b-1", 0)


@pytest.mark.parametrize("change", [{"duration": "2d"}, {"result": "great"}, {"colour": "blue"}])
def test_settings_that_cannot_work_are_rejected(change: dict[str, Any]) -> None:
    assert DummySettings.model_validate({}).result == "succeeded"
    with pytest.raises(ValidationError):
        DummySettings.model_validate(change)
