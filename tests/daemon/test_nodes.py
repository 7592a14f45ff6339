"""Several daemons on one PostgreSQL database: each piece of work is done once, though nodes stop or die."""

import json
import re
import signal
from collections.abc import Mapping
from typing import Any

import httpx
from support.daemon import NO_TLS, TOKEN, Daemon
from support.every_branch import RULE, URL
from support.fake_http import FakeServer, Reply, served
from support.nodes import DUTIES, SHORTER_LEASE, Nodes
from support.sending import push_body, send
from support.waiting import eventually

from bridge import __version__

WEBHOOK = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
TO_TEAM = RULE + "  - {channel: team, enabled_event_type_names: [buildJobSuccess]}\n"
OWN_NOTICE = """
INSERT INTO notice (id, dedupe, channel, event, job, facts, state, created_at, next_at)
SELECT 'own {0}', 'own {0}', 'own', event, 'own {0}', facts, 'pending', created_at, created_at
FROM notice WHERE channel = 'team' LIMIT 1
"""


def push(daemon: Daemon, branch: str) -> int:
    return send(daemon.url, push_body(URL, f"refs/heads/{branch}"), f"id-{branch}").status_code


def listed(daemon: Daemon, what: str) -> list[dict[str, Any]]:
    done = daemon.command(what, "list", "--limit", "1000", "--json")
    assert done.status == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def built(daemon: Daemon, count: int) -> list[str]:
    """The tags of the builds, once so many have ended."""

    def look() -> list[str]:
        found = listed(daemon, "builds")
        return [one["docker_repo_tag"] for one in found if one["ended_at"] is not None]

    return eventually(lambda: sorted(found) if len(found := look()) >= count else [], seconds=40)


def test_each_duty_is_done_by_one_and_each_push_is_built_once_whoever_gets_it(nodes: Nodes) -> None:
    daemons = [nodes.start(name) for name in ("one", "two", "three")]
    found = nodes.shared("one", "two", "three")
    assert sum(len(duties) for duties in found.values()) == len(DUTIES)
    branches = [f"b{number:02}" for number in range(12)]
    for number, branch in enumerate(branches):
        assert push(daemons[number % 3], branch) == 202
        assert push(daemons[(number + 1) % 3], branch) == 200, "the others know it, too"
    assert built(daemons[0], 12) == branches

    def sent() -> list[dict[str, Any]]:
        found = listed(daemons[1], "notices")
        return found if all(one["state"] == "sent" for one in found) else []

    said = [(one["about"].split(" ")[1], one["event"]) for one in eventually(sent, seconds=30)]
    assert len(said) == len(set(said)) == 12
    assert [daemon.stop() for daemon in daemons] == [0, 0, 0]
    assert nodes.duties() == {}


def scraped(daemon: Daemon) -> dict[str, float]:
    """The metrics about nodes, by name and labels."""
    text = httpx.get(f"{daemon.url}/metrics", verify=NO_TLS).text
    samples = (line.rpartition(" ") for line in text.splitlines())
    heads = ("buildbridge_node_", "buildbridge_duties_")
    return {name: float(value) for name, _, value in samples if name.startswith(heads)}


def test_who_looks_sees_each_node_what_it_does_and_which_is_late(nodes: Nodes) -> None:
    daemons = [nodes.start(name) for name in ("one", "two", "three")]
    found = nodes.shared("one", "two", "three")
    late, sees = daemons[0], daemons[1]
    name = nodes.name(late)
    (shown,) = sees.command("status", "--json").documents
    assert shown["problems"] == []
    assert shown["daemon"] == {
        "state": "running",
        "since": next(one["since"] for one in shown["nodes"] if one["name"] == nodes.name(sees)),
        "version": __version__,
        "pid": sees.process and sees.process.pid,
    }
    assert {one["name"]: set(one["duties"]) for one in shown["nodes"]} == {
        nodes.name(daemon): found[daemon.folder.name] for daemon in daemons
    }
    assert {one["version"] for one in shown["nodes"]} == {__version__}
    assert [one["name"] for one in sees.api("/v1/health") if one["name"].startswith("node:")] == []
    with nodes.still():
        nodes.age(late, 61)
        (shown,) = sees.command("status", "--json").documents
        (said,) = shown["problems"]
        assert re.fullmatch(rf"the node {re.escape(name)} was last heard of 1m ago", said)
        listed = {one["name"]: one for one in sees.api("/v1/nodes")}
        assert [one["name"] for one in listed.values() if one["late"]] == [name]
        assert 61 <= listed[name]["beat_age"] < 90
        (down,) = (one for one in sees.api("/v1/health") if one["name"].startswith("node:"))
        assert (down["name"], down["state"], down["since"]) == (
            f"node:{name}",
            "down",
            listed[name]["beat_at"],
        )
        page = httpx.get(f"{sees.url}/health", headers={"authorization": f"Bearer {TOKEN}"}, verify=NO_TLS)
        assert f"node:{name}" in page.text
        # What the late one has is named once more: none that is there does it.
        assert {duty: page.text.count(f">{duty}<") for duty in DUTIES} == {
            duty: 2 if duty in found["one"] else 1 for duty in DUTIES
        }
        values = scraped(sees)
        ages = {key: value for key, value in values.items() if key.startswith("buildbridge_node_beat_age")}
        assert len(ages) == 3
        assert [key for key, value in ages.items() if value > 60] == [
            f'buildbridge_node_beat_age_seconds{{node="{name}"}}'
        ]
        assert values[f'buildbridge_node_duties{{node="{name}"}}'] == len(found["one"])
        assert values["buildbridge_duties_free"] == len(found["one"])


def test_nodes_whose_keys_of_tokens_differ_are_named_until_all_have_one(nodes: Nodes) -> None:
    one, two = (nodes.make(name, api={"tokens": [TOKEN]}) for name in ("one", "two"))
    for daemon in (one, two):
        daemon.start()
    assert two.said("node.keys_differ", nodes=[nodes.name(one)]), "from the start"
    assert eventually(lambda: one.said("node.keys_differ", nodes=[nodes.name(two)]))
    (made,) = one.command("token", "add", "ann", "--role", "viewer", "--json").documents

    def answers(daemon: Daemon) -> bool:
        headers = {"authorization": f"Bearer {made['token']}"}
        return httpx.get(f"{daemon.url}/v1/nodes", headers=headers, verify=NO_TLS).status_code == 200

    def problems(daemon: Daemon) -> list[str]:
        (shown,) = daemon.command("status", "--json").documents
        return [said for said in shown["problems"] if "keys of the tokens" in said]

    assert (answers(one), answers(two)) == (True, False)
    assert problems(one)[0].startswith(f"the node {nodes.name(two)} has other keys")
    assert problems(two)[0].startswith(f"the node {nodes.name(one)} has other keys")
    key = (one.folder / "api.key").read_text().strip()
    assert not [row for row in nodes.rows("SELECT node::text FROM node") if key in row[0]]
    assert two.stop() == 0
    (two.folder / "api.key").write_text(key)
    two.start()
    assert (answers(one), answers(two)) == (True, True)
    assert (problems(one), problems(two)) == ([], [])
    assert not two.said("node.keys_differ")


def test_what_a_node_that_stops_has_done_others_do_at_once(nodes: Nodes) -> None:
    first, second = nodes.start("first"), nodes.start("second")
    nodes.shared("first", "second")
    assert first.stop() == 0
    assert nodes.shared("second") == {"second": DUTIES}
    assert push(second, "main") == 202
    assert built(second, 1) == ["main"]


def test_a_killed_node_is_waited_for_then_others_have_its_duties(nodes: Nodes) -> None:
    first, second = (nodes.start_with_shorter_lease(name) for name in ("first", "second"))
    before = nodes.shared("first", "second")
    first.kill()
    branches = [f"b{number}" for number in range(4)]
    assert [push(second, branch) for branch in branches] == [202] * 4
    assert nodes.duties() == before, "its lease has not ended"
    assert nodes.shared("second") == {"second": DUTIES}
    assert built(second, 4) == branches


def test_a_killed_node_that_starts_again_has_its_duties_again_at_once(nodes: Nodes) -> None:
    first, _ = nodes.start("first"), nodes.start("second")
    before = nodes.shared("first", "second")
    first.kill()
    first.start()
    assert nodes.shared("first", "second") == before
    assert len(nodes.rows("SELECT id FROM node")) == 2


def test_a_node_that_stood_still_for_longer_than_its_lease_does_nothing_more(nodes: Nodes) -> None:
    first, second = (nodes.start_with_shorter_lease(name) for name in ("first", "second"))
    nodes.shared("first", "second")
    assert first.process is not None
    first.process.send_signal(signal.SIGSTOP)
    assert nodes.shared("second") == {"second": DUTIES}
    first.process.send_signal(signal.SIGCONT)
    assert first.process.wait(30) == 1
    assert "other nodes have taken over what this one did" in first.output()
    assert push(second, "main") == 202
    assert built(second, 1) == ["main"]
    first.start(*SHORTER_LEASE)
    nodes.shared("first", "second")


def test_one_receives_and_one_works(nodes: Nodes) -> None:
    receiver, worker = nodes.start("receiver", "--only", "receive"), nodes.start("worker", "--only", "work")
    assert eventually(lambda: nodes.duties().get("worker") == DUTIES)
    assert nodes.duties() == {"receiver": set(), "worker": DUTIES}
    assert push(receiver, "main") == 202
    refused = send(worker.url, push_body(URL, "refs/heads/other"), "id-other")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert built(receiver, 1) == ["main"]
    for daemon in (receiver, worker):
        assert httpx.get(f"{daemon.url}/healthz", verify=NO_TLS).status_code == 200


def test_what_one_node_does_not_know_the_others_do(nodes: Nodes) -> None:
    """As while a configuration is changed, node after node."""
    first = nodes.start("first")
    second = nodes.make("second")
    second.config.write_text(second.config.read_text().replace("spare-7", "other"))
    second.start()

    def look() -> bool:
        found = nodes.duties()
        return "server:other" in found.get("second", set()) and "server:spare-7" in found.get("first", set())

    assert eventually(look, seconds=40)
    assert eventually(lambda: any(line.get("given") for line in first.lines())), "it knows of the second"
    names = "('builder:spare-7'), ('builder:other'), ('builder:none')"
    nodes.rows(f"INSERT INTO service (name, paused_until) SELECT *, 0 FROM (VALUES {names}) AS named")
    for daemon in (first, second):
        assert daemon.process is not None
        daemon.process.send_signal(signal.SIGHUP)

    def kept() -> set[str]:
        return {name for (name,) in nodes.rows("SELECT name FROM service")}

    assert eventually(lambda: "builder:none" not in kept())
    assert {"builder:spare-7", "builder:other"} <= kept(), "some node knows them"


class Receiver(FakeServer):
    """Takes every notice."""

    def handle(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        return Reply(204)


def channels(receiver: FakeServer, path: str, *names: str) -> dict[str, Any]:
    """Channels that say what they have to at this path: another one is another target."""
    one = {"kind": "WEBHOOK", "url": f"{receiver.url}{path}", "allow_private": True}
    return {name: {**one, "secrets": [WEBHOOK]} for name in names}


def test_a_channel_whose_target_is_renamed_node_after_node_has_one_at_a_time(nodes: Nodes) -> None:
    def acts(daemon: Daemon, channel: str) -> bool:
        who = f"node.name LIKE '%:{daemon.port}' AND duty.name = 'channel:{channel}'"
        return bool(nodes.rows(f"SELECT 1 FROM duty JOIN node ON node_id = node.id WHERE {who}"))

    with served(Receiver()) as receiver:
        one = nodes.make("one", TO_TEAM, channels=channels(receiver, "old", "team"))
        two = nodes.make("two", TO_TEAM, channels=channels(receiver, "new", "team", "own"))
        one.start()
        assert eventually(lambda: acts(one, "team"))
        two.start()
        assert eventually(lambda: acts(two, "own"), seconds=40), "it is of the same target"
        receiver.trouble("late", seconds=60)
        assert push(two, "first") == 202
        assert eventually(lambda: receiver.requests == ["POST /old"], seconds=40)
        assert push(two, "second") == 202
        assert built(two, 2) == ["first", "second"]
        for count in (1, 2):  # between the two of them each notifier has looked
            nodes.rows(OWN_NOTICE.format(count))
            assert eventually(lambda: receiver.requests.count("POST /new") == count)  # noqa: B023
        assert receiver.requests.count("POST /old") == 1, "what is in hand, and what waits for that"
        receiver.released.set()
        assert eventually(lambda: receiver.requests.count("POST /old") == 2)
        settings = two.config.read_text()
        for its, other in ((two.port, one.port), (two.folder, one.folder)):
            settings = settings.replace(str(its), str(other))
        one.config.write_text(settings)
        assert one.command("reload").status == 0
        assert push(one, "third") == 202
        assert eventually(lambda: receiver.requests.count("POST /new") == 3, seconds=40)
        assert eventually(lambda: not nodes.rows("SELECT 1 FROM notice WHERE state <> 'sent'"))
        assert len(receiver.requests) == 5, "each once"
