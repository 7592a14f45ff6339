"""A test of a channel: one real notice that is marked as a test, and what follows when it was taken."""

from collections.abc import Mapping

from uuid_utils import uuid7

from bridge.channels.base import Ok, Outcome
from bridge.model.notice import EventName, Notice, ServiceFacts
from bridge.store.base import Store


def notice_of_test(channel: str, now: float) -> Notice:
    """What the channel is sent."""
    facts = ServiceFacts(
        subject=f"channel:{channel}", detail="this is a test, nothing happened", is_test=True
    )
    return Notice(id=str(uuid7()), channel=channel, event=EventName.RESTORED, facts=facts, created_at=now)


def answer_text(channel: str, outcome: Outcome) -> str:
    """What the channel said to it, after one word for how it ended."""
    why = outcome.detail or f"{channel} took a test notice" if isinstance(outcome, Ok) else outcome.why
    return f"{outcome.label}: {why}"


async def end_pauses(store: Store, channel: str, targets: Mapping[str, str], now: float) -> None:
    """Have what waits sent: the channel works, and so does every other one with the same robot."""
    await store.health.restore(f"channel:{channel}", "it took a test notice")
    await store.notices.pause(targets[channel], now)
    for other in (name for name, target in targets.items() if target == targets[channel]):
        if (await store.health.get(f"channel:{other}")).down_since is None:
            await store.health.resume(f"channel:{other}")
    await store.notices.hurry(channel)
