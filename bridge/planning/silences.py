"""Which notices a silence holds (pure)."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from bridge.model.outbox import About, Waiting
from bridge.model.silence import Silence, SilencedBy
from bridge.rules.pattern import BadPattern, compile_pattern


def silenced(
    waiting: Sequence[Waiting], silences: Sequence[Silence], *, channel: str, by: SilencedBy
) -> Mapping[str, Silence]:
    """Those that are not to be sent to this channel, each with the silence that says so.

    A digest is among them as soon as one of its notices is.
    """
    by_about = {
        about: silence
        for about in {about for row in waiting for about in row.about}
        if (silence := holder(about, silences, channel=channel, by=by)) is not None
    }
    return {row.id: by_about[about] for row in waiting for about in row.about if about in by_about}


def holder(about: About, silences: Sequence[Silence], *, channel: str, by: SilencedBy) -> Silence | None:
    """The first of the silences that keeps what is about this from this channel; None where none does."""
    if by == "none":
        return None
    ours = (one for one in silences if one.channel == channel or (one.channel is None and by == "any"))
    return next((one for one in ours if _covers(one, about)), None)


def _covers(silence: Silence, about: About) -> bool:
    """What is about the bridge itself is held only where the event is named, and nothing of a build."""
    if silence.events and about.event not in silence.events:
        return False
    if about.repository is None:
        return bool(silence.events) and silence.repository is None and silence.ref is None
    return _matches(silence.repository, about.repository) and _matches(silence.ref, about.ref)


@lru_cache(maxsize=32_768)  # each claim asks for the same ones again
def _matches(pattern: str | None, name: str | None) -> bool:
    if pattern is None or name is None:
        return pattern is None
    try:
        return compile_pattern(pattern).match(name) is not None
    except BadPattern:  # of another release
        return False
