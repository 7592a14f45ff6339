"""The lines of a notice about one build."""

import math
import re
from typing import Final

from bridge.channels.content import Detail, Line, link
from bridge.channels.text import plain
from bridge.channels.words import Speech, Words
from bridge.model.notice import BuildFacts, EventName

_BY_AUTHOR: Final = frozenset({"push", "tag"})
_PLACE: Final = re.compile("failed in the (?:stage|step|job) [^:;]+")
"""A reason that names the stage, and says nothing more."""


def build_lines(event: EventName, facts: BuildFacts, speech: Speech, detail: Detail) -> tuple[Line, ...]:
    words = speech.words
    lines = [_where(facts, speech, detail)]
    if detail.subject and facts.subject.strip():
        lines.append((_commit(facts, words, detail),))
    if detail.images and event in {EventName.SUCCESS, EventName.FIXED} and facts.images:
        lines.append((_images(facts.images, words, detail.images),))
    if detail.extras:
        lines.extend((text,) for text in _extras(event, facts, speech, detail) if text)
    return tuple(lines)


def _where(facts: BuildFacts, speech: Speech, detail: Detail) -> Line:
    """What was built: `Branch main · 1a2b3c4d · #128`."""
    words = speech.words
    kind = words.tag if facts.ref_kind == "tag" else words.branch
    commit = link(plain(facts.sha, 40)[:8], facts.commit_url, detail)
    number = link(facts.label, facts.build_url or speech.page(facts), detail)
    return (f"{kind} {plain(facts.ref_name, 60)}", *((" · ", commit) if commit else ()), " · ", number)


def _commit(facts: BuildFacts, words: Words, detail: Detail) -> str:
    subject = plain(facts.subject, detail.subject)
    named_below = detail.extras and facts.cause in _BY_AUTHOR and not facts.by
    author = "" if named_below else plain(facts.author.name or "", 40)
    return f"{words.commit} {words.by.format(subject, author) if author else subject}"


def _images(images: tuple[str, ...], words: Words, count: int) -> str:
    shown = ", ".join(plain(image, 160) for image in images[:count])
    if len(images) > count:
        shown = words.more_images.format(shown, len(images))
    return words.images.format(shown)


def _extras(event: EventName, facts: BuildFacts, speech: Speech, detail: Detail) -> list[str]:
    words = speech.words
    builder = plain(facts.builder, 40)
    about = (
        words.builder.format(builder) if builder else "",
        took(facts, words),
        cause_text(facts, words),
    )
    texts = [" · ".join(filter(None, about))]
    stage = plain(speech.translate(facts.stage), 80)
    if stage:
        texts.append(words.stage.format(stage))
    if facts.detail and facts.detail.strip() and not (stage and _PLACE.fullmatch(facts.detail)):
        texts.append(words.detail.format(plain(speech.reason(facts.detail), detail.text)))
    if event in {EventName.FAIL, EventName.FIXED} and facts.streak_since is not None:
        sentence = words.fixed_one if facts.streak == 1 else words.fixed
        if event == EventName.FAIL:
            sentence = words.failing
        lasted = duration(facts.streak_seconds, words)
        texts.append(sentence.format(facts.streak, facts.streak_since, lasted))
    return texts


def took(facts: BuildFacts, words: Words) -> str:
    """How long it took, empty where that is not known."""
    lasted = duration(facts.duration, words)
    if lasted == words.instant:  # Chinese has no space before it
        return words.took_instant
    return words.took.format(lasted) if lasted else ""


def cause_text(facts: BuildFacts, words: Words) -> str:
    """Why it was built, and who pushed or asked for it: `by hand (root)`."""
    cause = plain(facts.cause, 60)
    if not cause:
        return ""
    shown = words.causes.get(cause) or words.cause.format(cause)
    by = plain(facts.by or (facts.author.name if cause in _BY_AUTHOR else "") or "", 40)
    return words.by.format(shown, by) if by else shown


def duration(seconds: float | None, words: Words) -> str:
    """The two largest units, such as `3m12s`; empty for an unknown duration. `seconds` may be any float."""
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return ""
    rest, counts = int(seconds), []
    for size in (86400, 3600, 60, 1):
        counts.append(rest // size)
        rest %= size
    first = next((place for place, count in enumerate(counts) if count), None)
    if first is None:
        return words.instant
    shown = [pair for pair in list(zip(counts, words.units, strict=True))[first : first + 2] if pair[0]]
    if len(shown) == 1:
        return f"{counts[first]}{words.units_alone[first]}"
    return words.separator.join(f"{count}{unit}" for count, unit in shown)
