"""The checker names each kind of breach that is planted in a store or in others' counts, and no other."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from chaos.checker import Accepted, Evidence, Kind, Message, Ran, Takeover, breaches, name_of
from chaos.facts import Facts, count_open, read, reader
from sqlalchemy import Connection
from support.engines import execute, opened, url_of

AT = 1_700_000_000.0
NOTICES = ["n-2-team", "n-3-team", "n-4-team", *(f"note-{number:03}" for number in range(37))]
"""What the robot got, a message each, the first three of builds."""
SENT = [Message(AT + 3 * number, name_of(name)) for number, name in enumerate(NOTICES)]
EVIDENCE = Evidence(
    accepted=[
        Accepted(1, "key-1", "d-1", "seen", "refs/heads/a", "a" * 40),
        Accepted(2, "key-2", "d-2", "line", "refs/heads/main", "b" * 40, "team"),
        Accepted(3, "key-3", "d-3", "line", "refs/heads/main", "c" * 40, "team"),
        Accepted(4, "key-4", "d-4", "line", "refs/heads/main", "d" * 40, "team"),
    ],
    triggers={"b-2": 1, "b-4": 1},
    ran={"b-2": [Ran(1, succeeded=False)], "b-4": [Ran(2, succeeded=True)]},
    sent={"team": SENT},
    rejections={"team": []},
    takeovers=[Takeover("builder ci", "a kill of node 1", 11.0, 12.0)],
)
"""One push that no rule builds, and three of one ref, of which the second was superseded."""
AGAIN = replace(SENT[-1], at=AT + 300)


def insert(path: Path, table: str, **values: object) -> None:
    marks = ", ".join("?" for _ in values)
    execute(path, f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})", *values.values())


def add_delivery(path: Path, number: int, state: str, detail: str, source: str = "plain") -> None:
    row = {"id": f"d-{number}", "key": f"key-{number}", "state": state, "detail": detail, "source": source}
    insert(path, "delivery", forge="Simple", event="push", headers="{}", body=b"", received_at=AT, **row)
    insert(path, "step", subject=f"d-{number}", at=AT, what="stored")
    insert(path, "step", subject=f"d-{number}", at=AT, what=state)


def add_build(path: Path, number: int, state: str, event: str) -> None:
    row = {"id": f"b-{number}", "delivery_id": f"d-{number}", "number": number, "state": state}
    texts = {"namespace": "acme", "repo_name": "line", "builder": "ci", "ref": "refs/heads/main"}
    documents = {"request": "{}", "origin": "{}", "subscriptions": "[]", "tag_set": "main"}
    insert(path, "build", created_at=AT, next_at=AT, is_public=0, **row, **texts, **documents)
    for channel in ("message", "team"):
        add_notice(path, f"n-{number}-{channel}", f"b-{number}", channel, event)


def add_notice(path: Path, name: str, build: str | None, channel: str, event: str) -> None:
    row = {"id": name, "dedupe": name, "build_id": build, "channel": channel, "event": event}
    times = {"created_at": AT, "next_at": AT, "attempts": 2}
    insert(path, "notice", job="acme/line main", facts="{}", state="sent", **times, **row)
    insert(path, "step", subject=name, at=AT, what="sent")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "bridge.db"
    opened(path).close()
    add_delivery(path, 1, "ignored", "no rule is for it")
    for number, state, event in (
        (2, "failed", "buildJobFail"),
        (3, "superseded", "buildJobStop"),
        (4, "succeeded", "buildJobFixed"),
    ):
        add_delivery(path, number, "dispatched", "")
        add_build(path, number, state, event)
    for name in NOTICES[3:]:
        add_notice(path, name, None, "team", "serviceDegraded")
    return path


@contextmanager
def reading(path: Path) -> Iterator[Connection]:
    engine = reader(url_of(path).replace("sqlite://", "sqlite:///"))
    with engine.connect() as connection:
        yield connection


def facts(path: Path) -> Facts:
    with reading(path) as connection:
        return read(connection)


def kinds(path: Path, evidence: Evidence = EVIDENCE) -> set[Kind]:
    return {breach.kind for breach in breaches(facts(path), evidence)}


def test_a_store_in_which_all_holds_has_no_breach(path: Path) -> None:
    assert breaches(facts(path), EVIDENCE) == []


IN_THE_STORE: dict[str, set[Kind]] = {
    "DELETE FROM delivery WHERE id = 'd-1'": {Kind.LOST},
    "UPDATE delivery SET id = 'd-9' WHERE id = 'd-1'": {Kind.LOST, Kind.NO_OUTCOME},
    "DELETE FROM step WHERE what = 'ignored'": {Kind.NO_OUTCOME},
    "UPDATE step SET what = 'dead' WHERE what = 'stored' AND subject = 'd-2'": {Kind.NO_OUTCOME},
    "UPDATE delivery SET detail = '' WHERE id = 'd-1'": {Kind.NO_OUTCOME},
    "UPDATE delivery SET state = 'stored' WHERE id = 'd-1'": {Kind.STUCK},
    "UPDATE build SET delivery_id = 'd-1' WHERE id = 'b-3'": {Kind.NO_BUILD, Kind.DOUBLED_BUILD, Kind.ORDER},
    "UPDATE build SET delivery_id = 'd-9' WHERE id = 'b-3'": {Kind.NO_BUILD, Kind.DOUBLED_BUILD},
    "UPDATE build SET state = 'cancelled' WHERE id = 'b-3'": {Kind.WRONG_END},
    "UPDATE build SET state = 'unknown' WHERE id = 'b-2'": {Kind.WRONG_END},
    "UPDATE build SET state = 'succeeded' WHERE id = 'b-2'": {Kind.WRONG_END, Kind.NO_NOTICE},
    "UPDATE build SET state = 'waiting' WHERE id = 'b-4'": {Kind.STUCK},
    "UPDATE build SET state = 'superseded' WHERE id = 'b-4'": {Kind.WRONGLY_SUPERSEDED, Kind.NO_NOTICE},
    "UPDATE build SET number = 9 WHERE id = 'b-2'": {Kind.ORDER},
    "DELETE FROM notice WHERE id = 'n-2-message'": {Kind.NO_NOTICE},
    "DELETE FROM notice WHERE id = 'n-3-team'": {Kind.NO_NOTICE, Kind.DOUBLED_MESSAGE},
    "UPDATE notice SET event = 'buildJobFail' WHERE id = 'n-4-team'": {Kind.NO_NOTICE},
    "UPDATE notice SET state = 'dead' WHERE id = 'n-4-team'": {Kind.NO_NOTICE},
    "UPDATE notice SET build_id = 'b-2' WHERE id = 'n-3-team'": {Kind.DOUBLED_NOTICE, Kind.NO_NOTICE},
    "UPDATE notice SET state = 'pending' WHERE id = 'n-4-team'": {Kind.STUCK},
    "UPDATE step SET id = 0 WHERE subject = 'n-4-team'": {Kind.NOTICE_ORDER},
    "UPDATE notice SET attempts = 0 WHERE id = 'n-4-team'": {Kind.DOUBLED_MESSAGE},
    "INSERT INTO service (name, down_since) VALUES ('builder:ci', 1)": {Kind.STUCK},
}


@pytest.mark.parametrize("statement", IN_THE_STORE)
def test_a_breach_in_the_store_is_named(path: Path, statement: str) -> None:
    execute(path, statement)
    assert kinds(path) == IN_THE_STORE[statement]


ELSEWHERE: dict[str, tuple[Callable[[Evidence], Evidence], set[Kind]]] = {
    "triggered twice": (lambda seen: replace(seen, triggers={"b-2": 2, "b-4": 1}), {Kind.DOUBLED_TRIGGER}),
    "triggered without a row": (
        lambda seen: replace(seen, triggers={**seen.triggers, "b-9": 1}),
        {Kind.DOUBLED_TRIGGER},
    ),
    "built twice": (
        lambda seen: replace(seen, ran={**seen.ran, "b-4": [Ran(2, True), Ran(3, True)]}),
        {Kind.DOUBLED_BUILD},
    ),
    "never built": (lambda seen: replace(seen, ran={"b-2": seen.ran["b-2"]}), {Kind.NO_TRIGGER}),
    "the newer one first": (
        lambda seen: replace(seen, ran={**seen.ran, "b-2": [Ran(3, False)]}),
        {Kind.ORDER},
    ),
    "too many a minute": (
        lambda seen: replace(
            seen, sent={"team": [replace(one, at=AT + 0.9 * (one.at - AT)) for one in SENT]}
        ),
        {Kind.RATE},
    ),
    "never got": (lambda seen: replace(seen, sent={"team": SENT[1:]}), {Kind.LOST_MESSAGE}),
    "got again": (lambda seen: replace(seen, sent={"team": [*SENT, AGAIN]}), {Kind.DOUBLED_MESSAGE}),
    "got again long after a fault": (
        lambda seen: replace(seen, sent={"team": [*SENT, AGAIN]}, faults=[(AT + 100, AT + 110)]),
        {Kind.DOUBLED_MESSAGE},
    ),
    "got what no one has sent": (
        lambda seen: replace(seen, sent={"team": [*SENT, replace(AGAIN, notice="stranger")]}),
        {Kind.DOUBLED_MESSAGE},
    ),
    "rejected": (lambda seen: replace(seen, rejections={"team": ["too fast"]}), {Kind.RATE}),
    "taken over late": (
        lambda seen: replace(seen, takeovers=[Takeover("builder ci", "a kill of node 1", 12.1, 12.0)]),
        {Kind.TAKEOVER},
    ),
}


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_breach_that_others_counted_is_named(path: Path, name: str) -> None:
    change, expected = ELSEWHERE[name]
    assert kinds(path, change(EVIDENCE)) == expected


def test_what_one_digest_says_got_out_at_once(path: Path) -> None:
    execute(path, "UPDATE step SET id = 0 WHERE subject = 'n-4-team'")
    add_notice(path, "a digest", None, "team", "digest")
    merged = (
        "UPDATE notice SET state = 'merged', digest_id = 'a digest' WHERE build_id <> '' AND channel = 'team'"
    )
    execute(path, merged)
    taken = [*SENT[3:], replace(AGAIN, notice="a digest")]
    assert kinds(path, replace(EVIDENCE, sent={"team": taken})) == set()
    alone = replace(EVIDENCE, sent={"team": [SENT[0], *taken]})
    assert kinds(path, alone) == {Kind.DOUBLED_MESSAGE}, "it was sent before"


def test_a_message_whose_answer_may_have_been_cut_may_come_again(path: Path) -> None:
    fault = SENT[-1].at + 1, AGAIN.at
    assert kinds(path, replace(EVIDENCE, sent={"team": [*SENT, AGAIN]}, faults=[fault])) == set()


def test_every_kind_of_breach_but_one_that_the_schema_forbids_is_planted() -> None:
    planted = set[Kind]().union(*IN_THE_STORE.values(), *(found for _, found in ELSEWHERE.values()))
    assert set(Kind) - planted == {Kind.DOUBLED_DELIVERY}


def test_a_delivery_from_another_source_with_the_same_key_is_named(path: Path) -> None:
    """The key is unique only within a source; the second row stands for one that got past it."""
    insert(
        path,
        "delivery",
        id="d-1b",
        key="key-1",
        state="ignored",
        detail="no rule is for it",
        source="another",
        forge="Simple",
        event="push",
        headers="{}",
        body=b"",
        received_at=AT,
    )
    insert(path, "step", subject="d-1b", at=AT, what="ignored")
    assert kinds(path) == {Kind.DOUBLED_DELIVERY}


def test_what_is_open_is_counted_by_table(path: Path) -> None:
    with reading(path) as connection:
        assert count_open(connection) == {}
    execute(path, "UPDATE build SET state = 'running' WHERE id = 'b-4'")
    execute(path, "UPDATE delivery SET state = 'stored'")
    execute(path, "UPDATE notice SET state = 'sending' WHERE id = 'n-4-team'")
    with reading(path) as connection:
        assert count_open(connection) == {"deliveries": 4, "builds": 1, "notices": 1}
