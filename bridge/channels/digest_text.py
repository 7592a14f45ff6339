"""The lines of a digest: each build and each other notice once, what is broken first."""

from collections import Counter
from collections.abc import Iterable

from bridge.channels.content import Content, Detail, Line, link
from bridge.channels.text import clipped, plain
from bridge.channels.words import Speech, Status, Words, status_of
from bridge.model.notice import BuildFacts, DigestFacts, Member


def as_table(facts: DigestFacts, speech: Speech, detail: Detail) -> Content:
    """A line for each; the footer is empty."""
    words = speech.words
    members = _newest(facts.members)
    statuses = [(_status(member, words), member) for member in members]
    statuses.sort(key=lambda pair: (pair[0].tone != "bad", not pair[1].event.urgent))
    count = _count(members, words)
    counted = words.list_separator.join(_counted((status for status, _ in statuses), words))
    worst = statuses[0][0]
    if facts.kind == "push":
        subject = _push(members[0])
        title = f"[{worst.word}] {words.colon.join((subject, count))}"
    else:
        subject = count
        title = f"[{words.digest}] {words.colon.join((count, counted))}"
    return Content(
        title=title,
        mark=worst.mark,
        status=worst.phrase if facts.kind == "push" else words.digest,
        subject=subject,
        tone=worst.tone,
        lines=((counted,), *(_line(status, member, facts, speech, detail) for status, member in statuses)),
        tail=(),
        footer=(),
    )


def earlier_line(facts: DigestFacts, words: Words) -> Line:
    """What came before the newest notice of a job; empty when that was about the same build."""
    earlier = _newest(facts.members)[:-1]
    if not earlier:
        return ()
    named = [f"{_status(one, words).mark} {_label(one)}" for one in earlier]
    return (words.earlier.format(" ".join(named)),)


def _newest(members: Iterable[Member]) -> list[Member]:
    """The newest notice of each build, in their order."""
    found: dict[str, Member] = {}
    for member in members:
        key = member.facts.build_id if isinstance(member.facts, BuildFacts) else member.notice_id
        found.pop(key, None)
        found[key] = member
    return list(found.values())


def _status(member: Member, words: Words) -> Status:
    return words.statuses[status_of(member.event, member.facts)]


def _count(members: list[Member], words: Words) -> str:
    all_builds = all(isinstance(member.facts, BuildFacts) for member in members)
    return (words.builds if all_builds else words.notices).format(len(members))


def _counted(statuses: Iterable[Status], words: Words) -> list[str]:
    counts = Counter(status.word for status in statuses)
    return [words.counted.format(count, word) for word, count in counts.items()]


def _push(member: Member) -> str:
    facts = member.facts
    assert isinstance(facts, BuildFacts)
    return f"{plain(f'{facts.namespace}/{facts.repo_name}', 100)} {plain(facts.ref_name, 60)}"


def _label(member: Member) -> str:
    return member.facts.label if isinstance(member.facts, BuildFacts) else clipped(member.facts.subject, 40)


def _line(status: Status, member: Member, digest: DigestFacts, speech: Speech, detail: Detail) -> Line:
    facts = member.facts
    if not isinstance(facts, BuildFacts):
        what = clipped(speech.part(facts.subject), detail.name)
        why = clipped(speech.reason(facts.detail), 80) if detail.subject else ""
        return (f"{status.mark} {what} {why}".rstrip(),)
    name = clipped(f"{facts.namespace}/{facts.repo_name}", detail.name)
    ref = "" if digest.kind == "push" else f" {clipped(facts.ref_name, detail.name // 2)}"
    said = speech.reason(facts.detail) if status.tone == "bad" and facts.detail else facts.subject
    if digest.kind == "push" and facts.images:  # the subject is the same in all
        said = facts.images[0].rpartition("/")[2]
    more = f" {plain(said, detail.subject)}" if detail.subject and said.strip() else ""
    return (f"{status.mark} {name}{ref} ", link(facts.label, speech.page(facts), detail), more)
