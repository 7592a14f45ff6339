"""What a template can show: names for plain values, which are texts, numbers and lists of texts.

Every text is one line without control characters, of bounded length, and empty where a notice has nothing of
the kind; addresses are safe in markup. A missing number is None.
"""

from typing import Final

from bridge.channels.build_text import cause_text, duration
from bridge.channels.log_lines import log_tail
from bridge.channels.templates.filters import MAX_ROWS
from bridge.channels.text import plain, web_link
from bridge.channels.words import Language, Speech, status_of
from bridge.model.event import Person
from bridge.model.notice import BuildFacts, EventName, ServiceFacts

Names = dict[str, object]

OF_BUILDS: Final = frozenset(
    {EventName.QUEUED, EventName.START, EventName.SUCCESS, EventName.FAIL, EventName.STOP, EventName.FIXED}
)
ADDRESSES: Final = frozenset({"commit_url", "build_url", "page_url"})
"""The names whose values are addresses: at the Git host, at the builder, and of our page."""
_TAIL_BYTES: Final = 1200


def names_of(event: EventName, facts: BuildFacts | ServiceFacts, speech: Speech, language: Language) -> Names:
    status = speech.words.statuses[status_of(event, facts)]
    common: Names = {
        "event": event.value,
        "language": language,
        "mark": status.mark,
        "status": status.word,
        "phrase": status.phrase,
    }
    if isinstance(facts, BuildFacts):
        return common | _of_build(facts, speech)
    return common | {
        "part": plain(speech.part(facts.subject), 100),
        "reason": plain(speech.reason(facts.detail), 600),
    }


def _of_build(facts: BuildFacts, speech: Speech) -> Names:
    words = speech.words
    return {
        "namespace": plain(facts.namespace, 100),
        "repository": plain(facts.repo_name, 100),
        "number": facts.number,
        "run": facts.run,
        "label": facts.label,
        "kind": "tag" if facts.ref_kind == "tag" else "branch",
        "ref": plain(facts.ref_name, 200),
        "sha": plain(facts.sha, 64),
        "commit_url": web_link(facts.commit_url) or "",
        "subject": plain(facts.subject, 200),
        "author": plain(facts.author.name or "", 60),
        "by": plain(facts.by or "", 60),
        "cause": plain(facts.cause, 60),
        "why": cause_text(facts, words),
        "images": [plain(image, 200) for image in facts.images[:MAX_ROWS]],
        "builder": plain(facts.builder, 60),
        "duration": duration(facts.duration, words),
        "stage": plain(speech.translate(facts.stage), 80),
        "reason": plain(speech.reason(facts.detail or ""), 600),
        "failures": facts.streak,
        "failing_since": facts.streak_since,
        "build_url": web_link(facts.build_url) or "",
        "page_url": web_link(speech.page(facts)) or "",
        "tail": list(log_tail(facts.log_tail, _TAIL_BYTES, words.gap)),
    }


_SPARSE: Final = BuildFacts(
    build_id="0", namespace="acme", repo_name="shop", number=128, state="unknown", detail=None,
    ref_kind="branch", ref_name="main", sha="", commit_url=None, subject="", author=Person(), images=(),
    builder="", duration=None, build_url=None, cause="", streak=0, log_tail="",
)  # fmt: skip
_FULL: Final = BuildFacts(
    build_id="0", namespace="acme", repo_name="shop", number=128, state="failed",
    detail="sh failed with exit code 2", ref_kind="tag", ref_name="v1.4.2", sha="1a2b3c4d" * 5,
    commit_url="https://git.example.com/acme/shop/commit/1a2b3c4d", subject="Fix the login",
    author=Person("Alice", "alice@example.com"),
    images=("registry.example.com/acme/shop:1.4.2", "registry.example.com/acme/shop:latest"),
    builder="jenkins", stage="test", duration=192.4, build_url="https://ci.example.com/job/shop/128/",
    cause="manual", streak=2, log_tail="step 3\nerror: no such file\n", streak_since=127,
    streak_seconds=900.0, by="root",
)  # fmt: skip


def samples(event: EventName) -> tuple[BuildFacts | ServiceFacts, ...]:
    """Facts that an event may have: as many as there can be, and as few."""
    if event in OF_BUILDS:
        return _FULL, _SPARSE
    return ServiceFacts(subject="builder:jenkins", detail="no answer"), ServiceFacts(subject="", detail="")
