"""The parts of a run: the plan of faults, the load, the measure of takeovers, and the guide."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

import pytest
from chaos import page
from chaos.checker import Takeover
from chaos.faults import DATABASE, Fault, Happened, Kind, Plan
from chaos.load import Load
from chaos.pushes import REPOSITORIES, Push, pushes
from chaos.takeovers import Look, takeovers

from bridge.planning.duties import PATIENCE_SECONDS

PLAN = {
    "nodes": 3,
    "duration": 600.0,
    "counts": {Kind.KILL: 60, Kind.FREEZE: 20, Kind.RESTART: 5, Kind.CUT: 4},
    "lasting": {Kind.FREEZE: 30.0, Kind.KILL: 0.0},
    "outage": 5.0,
    "gap": 1.0,
}


def plan(seed: int = 1, **changes: object) -> Plan:
    return Plan(seed=seed, **(PLAN | changes))  # type: ignore[arg-type]


def test_a_plan_has_all_faults_of_its_seed_and_none_meets_another() -> None:
    faults = plan().faults()
    assert faults == plan().faults() != plan(2).faults()
    assert Counter(fault.kind for fault in faults) == PLAN["counts"]
    assert {fault.lane for fault in faults} == {DATABASE, 0, 1, 2}
    for number, fault in enumerate(faults):
        assert (fault.lane == DATABASE) is (fault.kind is Kind.RESTART)
        assert fault.seconds == {Kind.FREEZE: 30.0, Kind.KILL: 0.0}.get(fault.kind, fault.seconds) <= 30.0
        after = [other.at for other in faults[number + 1 :] if other.lane == fault.lane]
        assert all(at >= fault.at + fault.seconds + 1.0 for at in after)


def test_faults_that_have_no_room_are_refused() -> None:
    with pytest.raises(ValueError, match="no room for so many faults in 600 s"):
        plan(nodes=1).faults()


class Host(ThreadingHTTPServer):
    """Answers the pushes of a key with one status after the other, then with 202."""

    daemon_threads = True

    def __init__(self, *statuses: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.statuses = [*statuses]
        self.got: list[str] = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Host

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
        """Nothing on stderr."""

    def do_POST(self) -> None:  # the library's name
        self.rfile.read(int(self.headers["content-length"]))
        key = self.headers["webhook-id"]
        with self.server.lock:
            self.server.got.append(key)
            status = self.server.statuses.pop(0) if self.server.statuses else 202
        body = json.dumps({"id": f"id-{key}"}).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def sent_to(*hosts: Host, of_one_ref: bool = False) -> Load:
    """What became of twenty pushes."""
    made = pushes(1, 0.0)
    if of_one_ref:
        made = (Push(one, f"{one}", "queue", "refs/heads/main", "0" * 40, "a" * 40) for one in count())
    load = Load([host.server_port for host in hosts], made, rate=100)
    threads = [threading.Thread(target=host.serve_forever, daemon=True) for host in hosts]
    for thread in threads:
        thread.start()
    load.begin()
    load.wait_for(20)
    load.end(20)
    for host in hosts:
        host.shutdown()
        host.server_close()
    return load


def test_what_is_not_taken_is_sent_again_to_another_node_with_the_same_id() -> None:
    full, other = Host(*[503] * 1000), Host()
    load = sent_to(full, other)
    assert full.got
    assert set(full.got) <= set(other.got)
    assert sorted(one.push.key for one in load.taken) == sorted(other.got)
    assert {one.delivery_id for one in load.taken} == {f"id-{key}" for key in other.got}
    assert any(one.attempts > 1 for one in load.taken)


def test_pushes_of_one_ref_come_one_after_the_other_whatever_is_sent_again() -> None:
    host = Host(202, 503, 503, 202, 503)
    load = sent_to(host, of_one_ref=True)
    taken = [int(one.push.key) for one in load.taken]
    assert taken == sorted(taken)
    assert [int(key) for key in host.got] == sorted(int(key) for key in host.got)
    assert len(host.got) == len(taken) + 3


def test_what_no_host_sends_again_is_kept_apart() -> None:
    load = sent_to(Host(401))
    assert [one.status for one in load.refused] == [401]


def test_pushes_are_those_of_their_seed_and_refs_move_on_from_where_they_were() -> None:
    def first(seed: int) -> list[Push]:
        made: Iterator[Push] = pushes(seed, 0.5)
        return [next(made) for _ in range(400)]

    assert first(1) == first(1) != first(2)
    moving = [one for one in first(1) if one.is_built and REPOSITORIES[one.repository].on_newer]
    assert len(moving) > 50
    tips: dict[tuple[str, str], str] = {}
    for one in moving:
        assert one.before == tips.get((one.repository, one.ref), "0" * 40)
        tips[one.repository, one.ref] = one.sha


HELD = {"server:ci": ("old", 1), "dispatch": ("other", 0)}
TAKEN = HELD | {"server:ci": ("new", 2)}
ALL = {0: "other", 1: "old", 2: "new"}
KILLED = Happened(Fault(Kind.KILL, 1, 0, 0), 10.0, 10.0)


def test_a_takeover_lasts_until_another_has_the_duty() -> None:
    seen = [Look(9.0, HELD, ALL), Look(13.0, HELD, ALL), Look(17.5, TAKEN, ALL)]
    assert list(takeovers([KILLED], seen, lease=5.0)) == [
        Takeover("server:ci", "a kill of node 2", 7.5, 5.0 + 2.0)
    ]


def test_a_duty_that_no_one_takes_is_without_a_sign_of_life_until_the_end() -> None:
    seen = [Look(9.0, HELD, ALL), Look(13.0, HELD, ALL), Look(30.0, HELD, ALL)]
    assert list(takeovers([KILLED], seen, lease=5.0)) == [
        Takeover("server:ci", "a kill of node 2", 20.0, 5.0 + 2.0)
    ]


def test_who_wakes_in_time_keeps_its_duties() -> None:
    frozen = Happened(Fault(Kind.FREEZE, 1, 0, 1), 10.0, 11.0)
    seen = [Look(9.0, HELD, ALL), Look(11.0, HELD, ALL), Look(30.0, HELD, ALL)]
    assert list(takeovers([frozen], seen, lease=5.0)) == [
        Takeover("server:ci", "a freeze of node 2", 1.0, 5.0 + 2.0)
    ]


def test_time_without_a_database_or_anyone_to_take_it_adds_to_a_takeover() -> None:
    away = Happened(Fault(Kind.RESTART, DATABASE, 0, 2), 9.0, 12.5)
    seen = [
        Look(9.0, HELD, ALL),
        Look(12.5, HELD, ALL),  # the database was away
        Look(13.0, HELD, {1: "old"}),  # no one but the one that was killed
        Look(14.0, HELD, {0: "other"}),
        Look(15.0, HELD, {0: "other"}),  # frozen
        Look(16.0, TAKEN, ALL),
    ]
    frozen = Happened(Fault(Kind.FREEZE, 0, 0, 1), 14.0, 15.0)
    assert list(takeovers([KILLED, away, frozen], seen, lease=5.0)) == [
        Takeover("server:ci", "a kill of node 2", 6.0, 5.0 + 2.0 + PATIENCE_SECONDS + 2.5 + 0.5 + 1.0),
        Takeover("dispatch", "a freeze of node 1", 1.0, 5.0 + 2.0 + PATIENCE_SECONDS + 1.0),
    ]


def test_who_was_killed_before_takes_nothing_until_it_has_started_again() -> None:
    before = Happened(Fault(Kind.KILL, 2, 0, 0), 8.0, 8.0)
    ones = {0: HELD["dispatch"][0]}
    seen = [Look(7.0, HELD, ALL), Look(9.0, HELD, ALL), Look(12.0, HELD, {1: "old", 2: "new"})]
    seen += [Look(13.0, HELD, {2: "newer"}), Look(14.0, HELD | {"server:ci": ("newer", 2)}, ones)]
    (found,) = takeovers([before, KILLED], seen, lease=5.0)
    assert found.most == 5.0 + 2.0 + PATIENCE_SECONDS + 3.0, "the one counts not for the other"


@pytest.mark.parametrize("language", page.LANGUAGES)
def test_the_guide_is_what_the_command_has_made_of_its_runs(language: str) -> None:
    assert page.guide(language).read_text() == page.text_of(page.records(), language)  # type: ignore[arg-type]


def test_the_guide_shows_runs_in_which_all_held() -> None:
    assert page.records()
    assert [record.breaches for record in page.records()] == [[]] * len(page.records())
