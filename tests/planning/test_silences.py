"""Which notices a silence holds."""

from typing import Any

import pytest

from bridge.model.notice import EventName
from bridge.model.outbox import About, Waiting
from bridge.model.silence import Silence, SilencedBy
from bridge.planning.silences import silenced


def silence(name: str = "s", **given: Any) -> Silence:
    events = frozenset(given.pop("events", ()))
    return Silence(id=name, created_at=0, until=100, author="li", reason="known", events=events, **given)


def row(name: str, *about: About) -> Waiting:
    return Waiting(
        id=name, job=name, recipient=None, urgent=False, created_at=0, next_at=0, about=about, folds=False
    )


def held(silences: list[Silence], *about: About, by: SilencedBy = "any", channel: str = "team") -> bool:
    return "n" in silenced([row("n", *about)], silences, channel=channel, by=by)


FAIL, DEGRADED = EventName.FAIL, EventName.DEGRADED
MAIN = About(FAIL, "acme/shop", "main")
SERVICE = About(DEGRADED)


@pytest.mark.parametrize(
    ("given", "about", "expected"),
    [
        ({"repository": "acme/shop"}, MAIN, True),
        ({"repository": "acme/*"}, MAIN, True),
        ({"repository": "acme"}, MAIN, False),
        ({"repository": "Acme/*"}, MAIN, False),
        ({"ref": "main"}, MAIN, True),
        ({"ref": "release/*"}, About(FAIL, "acme/shop", "release/1"), True),
        ({"ref": "release/*"}, About(FAIL, "acme/shop", "release/1/2"), False),
        ({"ref": "main"}, About(FAIL, "acme/shop", None), False),
        ({"repository": "acme/*"}, About(FAIL, "acme/shop", None), True),
        ({"events": [FAIL]}, MAIN, True),
        ({"events": [EventName.SUCCESS]}, MAIN, False),
        ({"repository": "acme/shop", "ref": "next"}, MAIN, False),
        ({"channel": "team"}, MAIN, True),
        ({"channel": "other"}, MAIN, False),
        ({"channel": "team", "events": [EventName.STOP]}, MAIN, False),
        # What is about the bridge itself.
        ({"channel": "team"}, SERVICE, False),
        ({"events": [DEGRADED]}, SERVICE, True),
        ({"events": [DEGRADED], "channel": "team"}, SERVICE, True),
        ({"events": [DEGRADED], "repository": "**"}, SERVICE, False),
        ({"events": [DEGRADED], "ref": "**"}, SERVICE, False),
        ({"events": [FAIL]}, SERVICE, False),
        # What another release may have kept.
        ({"ref": "[x"}, MAIN, False),
    ],
)
def test_a_silence_holds_what_matches_all_that_it_gives(
    given: dict[str, Any], about: About, *, expected: bool
) -> None:
    assert held([silence(**given)], about) is expected


@pytest.mark.parametrize(
    ("by", "channel", "expected"),
    [
        ("any", None, True),
        ("any", "team", True),
        ("its-own", None, False),
        ("its-own", "team", True),
        ("its-own", "other", False),
        ("none", None, False),
        ("none", "team", False),
    ],
)
def test_a_channel_says_which_silences_hold_its_notices(
    by: SilencedBy, channel: str | None, *, expected: bool
) -> None:
    assert held([silence(repository="acme/*", channel=channel)], MAIN, by=by) is expected


def test_the_oldest_silence_of_several_is_named_and_a_digest_is_held_for_one_of_its_notices() -> None:
    silences = [silence("a", ref="next"), silence("b", ref="main"), silence("c", ref="**")]
    other = About(FAIL, "acme/shop", "next")
    rows = [row("one", MAIN), row("digest", About(FAIL, "acme/shop", "x"), other), row("service", SERVICE)]
    found = silenced(rows, silences[:2], channel="team", by="any")
    assert {name: one.id for name, one in found.items()} == {"one": "b", "digest": "a"}
    assert silenced([row("one", MAIN)], silences, channel="team", by="any")["one"].id == "b"
