"""The words for outcomes in metrics come from a closed list: dashboards and alerts are built on them."""

from collections.abc import Iterator
from importlib import import_module
from typing import get_args

import pytest
from support.notifying import notifying, put
from support.scripted import ScriptedBuilder, ScriptedChannel, Store
from support.services import triggering

from bridge.builders import base as builders
from bridge.channels import base as channels
from bridge.errors import DeliveryError
from bridge.runtime import metrics
from bridge.runtime.metrics import REGISTRY

TRIGGERS: dict[str, builders.Outcome] = {
    "sent": builders.Sent("handle"),
    "rejected": builders.Rejected("no such job"),
    "retry": builders.Retry("it is starting"),
    "ambiguous": builders.Ambiguous("the answer was lost"),
}
NOTICES: dict[str, channels.Outcome] = {
    "ok": channels.Ok(),
    "retry": channels.Retry("it is down"),
    "unknown": channels.Unknown("the answer was lost"),
    "ratelimited": channels.RateLimited("too many", 60.0),
    "dead": channels.Dead("content", "too long"),
    "suppressed": channels.Suppressed("no commit"),
}


def rejections(error: type[DeliveryError]) -> set[str]:
    return {error.reason}.union(*map(rejections, error.__subclasses__()))


def test_the_series_that_there_are_from_the_start_are_those_of_all_words() -> None:
    assert set(metrics.TRIGGER_OUTCOMES) == set(TRIGGERS)
    assert set(metrics.NOTICE_OUTCOMES) == set(NOTICES)
    import_module("bridge.web.receiver")  # it has errors of its own
    assert set(metrics.REJECTIONS) == rejections(DeliveryError)


def test_every_outcome_has_its_own_word() -> None:
    assert set(map(type, TRIGGERS.values())) == set(get_args(builders.Outcome))
    assert set(map(type, NOTICES.values())) == set(get_args(channels.Outcome))


@pytest.mark.parametrize("label", TRIGGERS)
async def test_an_attempt_to_trigger_counts_under_the_word_of_its_outcome(store: Store, label: str) -> None:
    builder = ScriptedBuilder(name=f"counted-{label}")
    builder.triggers.append(TRIGGERS[label])
    await store.add_build(builder=builder.name)
    async with triggering(store, builder):
        pass
    assert counted("buildbridge_triggers_total", builder=builder.name)[0] == (label, 1.0)


@pytest.mark.parametrize("label", NOTICES)
async def test_an_attempt_to_send_counts_under_the_word_of_its_outcome(store: Store, label: str) -> None:
    channel = ScriptedChannel(name=f"counted-{label}")
    channel.answers.append(NOTICES[label])
    await put(store, "a", channel=channel.name)
    async with notifying(store, channel):
        pass
    assert counted("buildbridge_notices_total", channel=channel.name)[0] == (label, 1.0)


def counted(name: str, **labels: str) -> list[tuple[str, float]]:
    """Outcomes and how often they came, in the order of the first of each."""

    def found() -> Iterator[tuple[str, float]]:
        for metric in REGISTRY.collect():
            for sample in metric.samples:
                if sample.name == name and labels.items() <= sample.labels.items():
                    yield sample.labels["outcome"], sample.value

    return list(found())
