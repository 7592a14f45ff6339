"""Notices made of whatever a stranger may write: any characters, markup with power, and much of it."""

from dataclasses import replace
from datetime import timedelta
from typing import get_args

from hypothesis import strategies as st
from support.fake_robots import START

from bridge.model.event import Person
from bridge.model.notice import BuildFacts, DigestFacts, DigestKind, EventName, Member, Notice, ServiceFacts

NASTY = st.sampled_from(
    [
        "<@all>", "<@zhangsan>", "@13800000000", "@所有人", "](http://evil.example)", "<font color='info'>",
        "![x](y)", "\u202e", "\x00", "\n# head\n", "\ufffd", "\ud800", "&lt;@all&gt;", "http://evil.example",
        "@all", "<at id=all></at>", "<at user_id='all'>", "<!channel>", "<!here|x>", "<@U1>", "@everyone",
        "**", "`", "\\", "www.evil.example", "<script>", '" onclick="x', "\r\nBcc: eve@evil.example\r\n",
    ]
)  # fmt: skip
TEXT = st.one_of(
    st.text(st.characters(), max_size=60),
    st.lists(NASTY, max_size=6).map("".join),
    st.builds(str.__mul__, st.sampled_from(["修", "a", "\\", '"', "𠮷", "@"]), st.integers(0, 3000)),
)
URL = st.none() | TEXT | st.builds("https://git.example.com/{}".format, TEXT)
PERSON = st.builds(
    Person, TEXT, st.sampled_from(["zhang.san@example.com", "eve@example.com", "@all", "<!channel>", None])
)
FACTS = st.builds(
    BuildFacts,
    build_id=TEXT, namespace=TEXT, repo_name=TEXT, number=st.integers(1, 10**9),
    state=st.sampled_from(["failed", "unknown", "superseded"]), detail=st.none() | TEXT,
    ref_kind=st.sampled_from(["branch", "tag"]), ref_name=TEXT, sha=TEXT, commit_url=URL, subject=TEXT,
    author=PERSON, committer=PERSON, co_authors=st.lists(PERSON, max_size=10).map(tuple),
    images=st.lists(TEXT, max_size=9).map(tuple), builder=TEXT,
    duration=st.none() | st.floats() | st.floats(0, timedelta(days=400).total_seconds()),
    build_url=URL, cause=st.sampled_from(["push", "schedule"]) | TEXT,
    streak=st.integers(0, 99), streak_since=st.none() | st.integers(1, 10**9),
    by=st.none() | TEXT, streak_seconds=st.none() | st.floats(),
    log_tail=TEXT | st.lists(TEXT, max_size=40).map("\n".join),
)  # fmt: skip
SERVICE_FACTS = st.builds(ServiceFacts, subject=TEXT, detail=TEXT)
SINGLE_FACTS = FACTS | SERVICE_FACTS
MOVED_FROM = st.sampled_from([None, "team", *(f"{letter * 63}-" for letter in "abc")])
"""Names as the configuration allows them."""
NOTICES = st.builds(
    Notice,
    id=TEXT, channel=TEXT, event=st.sampled_from(EventName), facts=SINGLE_FACTS,
    created_at=st.floats(START - 10**6, START + 100), moved_from=MOVED_FROM,
)  # fmt: skip


@st.composite
def digests(draw: st.DrawFn, size: int) -> Notice:
    """Digests of so many builds, of which some differ in more than their number."""
    kinds = draw(st.lists(st.tuples(FACTS, st.sampled_from(EventName)), min_size=1, max_size=4))
    members = []
    for place in range(size):
        facts, event = kinds[place % len(kinds)]
        facts = replace(facts, build_id=str(place), number=900_000_000 + place)
        origin = draw(MOVED_FROM)
        members.append(Member(notice_id=f"N-{place}", event=event, facts=facts, moved_from=origin))
    kind: DigestKind = draw(st.sampled_from(get_args(DigestKind)))
    return replace(draw(NOTICES), facts=DigestFacts(kind=kind, members=tuple(members)))
