"""Deliveries, builds and notices as people and programs see them, and the verbs on them."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import pytest
from support.commands import command
from support.daemon import SECRET, Daemon
from support.listed import add_notice
from support.outbox import claim
from support.records import fails, filled, good, one_build, run
from support.scripted import SHA, START, Store, delivery_of, new_build, quiet

from bridge.model.build import BuildState
from bridge.model.delivery import DeliveryState
from bridge.model.notice import EventName, Notice, NoticeState, ServiceFacts
from bridge.planning.builds import plan
from bridge.store.sql import notices
from bridge.store.values import Decision

HOSTILE = "feat\x1b]0;owned\x07\x1b[31m[bold red]x[/]\u202e\x9b2J\r\nacme/shop #9 \x00end"
HARMLESS = "feat�]0;owned��[31m[bold red]x[/]��2J"


def test_builds_are_listed_newest_first_and_found_by_what_they_are(daemon: Daemon) -> None:
    async def fill(store: Store) -> None:
        for number, name in enumerate(["shop", "shop", "other"]):
            await store.add_build(str(number), repo_name=name)
        build = await store.builds.by_number("acme", "shop", 2)
        assert build
        await store.builds.transition(build.id, BuildState.FAILED, lambda *_: [], detail="it broke")

    filled(daemon, fill)
    lines = good(daemon, "builds list").stdout.splitlines()
    assert re.sub(r"  +", "|", lines[0].strip()) == "build|build id|created at|ref|tags|state|detail"
    assert [" ".join(line.split()[:2]) for line in lines[1:]] == [
        "acme/other #1",
        "acme/shop #2",
        "acme/shop #1",
    ]
    assert "it broke" in lines[2]

    def numbers(line: str) -> list[tuple[str, int]]:
        return [(one["repo_name"], one["number"]) for one in good(daemon, f"{line} --json").documents]

    assert numbers("builds list") == [("other", 1), ("shop", 2), ("shop", 1)]
    assert numbers("builds list --repository acme/shop") == [("shop", 2), ("shop", 1)]
    assert numbers("builds list --state failed") == [("shop", 2)]
    assert numbers("builds list --limit 1") == [("other", 1)]
    assert numbers("builds list --repository acme/none") == []


def test_a_build_is_shown_by_its_id_or_its_number_with_its_timeline(daemon: Daemon) -> None:
    build = one_build(daemon)
    card = good(daemon, "builds show", build.id).stdout
    assert card == good(daemon, "builds show acme/shop#1").stdout
    assert "waiting" in card
    assert SHA in card
    (document,) = good(daemon, "builds show --json", build.id).documents
    assert document["build_id"] == build.id
    assert [step["what"] for step in document["timeline"]] == ["waiting"]


@pytest.mark.parametrize(
    "name",
    ["none", "acme/shop#2", "acme/shop#", "acme/shop#-1", "acme/shop#²", f"acme/shop#{'9' * 30}", "%", ""],
)
@pytest.mark.parametrize("verb", ["show", "log", "cancel"])
def test_a_build_that_there_is_not_is_reported(verb: str, name: str, daemon: Daemon) -> None:
    one_build(daemon)
    assert fails(daemon, f"builds {verb}", name) == f"there is no build {name}: see `builds list`"


@pytest.mark.parametrize("name", ["1000000", "#1"])  # no id ends or begins with it
def test_a_number_alone_is_said_to_lack_its_repository(name: str, daemon: Daemon) -> None:
    one_build(daemon)
    cure = f"give the repository of the number, such as acme/shop#{name.strip('#')}; see `builds list`"
    assert fails(daemon, "builds show", name) == f"there is no build {name}: {cure}"


def test_the_log_is_printed_piece_by_piece_and_controls_nothing(daemon: Daemon) -> None:
    async def fill(store: Store) -> None:
        build = await store.add_build()
        for number in range(1100):
            await store.builds.append_log(build.id, f"step {number}\n", number, restarted=False)
        await store.builds.append_log(
            build.id, "\x1b[32mgreen\x1b[0m\tdone\r\n10%\r20%\x1b]0;x\x07\u202e", 2000, restarted=False
        )

    filled(daemon, fill)
    lines = good(daemon, "builds log acme/shop#1").stdout.split("\n")
    assert lines[:1100] == [f"step {number}" for number in range(1100)]
    assert lines[1100:] == ["green\tdone", "10%", "20%�]0;x��"]


def test_a_build_is_cancelled_once(daemon: Daemon) -> None:
    build = one_build(daemon)
    assert good(daemon, "builds cancel", build.id).stdout == "requested the cancellation of acme/shop #1\n"
    assert fails(daemon, "builds cancel acme/shop#1") == "acme/shop #1 was cancelled before"
    timeline = good(daemon, "builds show --json", build.id).documents[0]["timeline"]
    assert [step["what"] for step in timeline] == ["waiting", "cancel"]
    assert timeline[1]["detail"].startswith("cancelled by ")


def test_who_cancels_again_is_told_what_the_builder_said(daemon: Daemon) -> None:
    build = one_build(daemon)
    good(daemon, "builds cancel", build.id)

    async def refuse(store: Store) -> None:
        await store.builds.add_step(build.id, "stop", "not stopped: this user may not stop builds (403)")

    filled(daemon, refuse)
    assert fails(daemon, "builds cancel acme/shop#1") == (
        "acme/shop #1 was cancelled before: not stopped: this user may not stop builds (403)"
    )


def test_a_build_that_has_ended_is_not_cancelled(daemon: Daemon) -> None:
    async def fill(store: Store) -> None:
        build = await store.add_build()
        await store.builds.transition(build.id, BuildState.FAILED, lambda *_: [])

    filled(daemon, fill)
    assert fails(daemon, "builds cancel acme/shop#1") == "acme/shop #1 has ended: failed"


def test_strangers_texts_do_not_control_the_terminal(daemon: Daemon) -> None:
    async def fill(store: Store) -> tuple[str, str]:
        receipt = await store.deliveries.put(delivery_of("hostile", 1.0, event=HOSTILE))
        new = replace(new_build(receipt.id, ref=HOSTILE), tags=(HOSTILE,))
        match = {
            "namespace": "acme",
            "repo_name": HOSTILE,
            "tag_config": [0],
            "builder": "here",
            "tags": [HOSTILE],
        }
        refused = {"namespace": "acme", "repo_name": HOSTILE, "tag_config": None, "why": HOSTILE}
        ref = {"event": "push", "repo": HOSTILE, "ref_kind": "branch", "ref_name": HOSTILE, "reason": None}
        seen = [ref | {"matches": [match], "rejections": [refused]}]
        decision = Decision(state=DeliveryState.DISPATCHED, detail=HOSTILE, explanation=seen, builds=[new])
        decided = await store.deliveries.record_decision(receipt.id, decision, quiet, plan)
        assert decided is not None
        (build_id,) = decided.builds
        await store.builds.transition(build_id, BuildState.FAILED, lambda *_: [], detail=HOSTILE, url=HOSTILE)
        facts = ServiceFacts(subject="builder:here", detail=HOSTILE)
        notice = Notice(id="n", channel="message", event=EventName.DEGRADED, facts=facts, created_at=1.0)
        await store.database.write(lambda connection: notices.add(connection, notice, dedupe="n"))
        await store.notices.end("n", NoticeState.DEAD, HOSTILE, reason="content")
        return build_id, receipt.id

    build, delivery = filled(daemon, fill)
    for line in (
        "builds list",
        f"builds show {build}",
        "deliveries list",
        f"deliveries show {delivery}",
        "notices list",
        "notices show n",
    ):
        shown = good(daemon, line).stdout
        assert all(letter.isprintable() or letter == "\n" for letter in shown), line
        assert "[bold red]" in shown, line
        printed = good(daemon, f"{line} --json").stdout
        assert all(letter.isprintable() or letter in "\n\u202e\x9b\x7f" for letter in printed), line
    assert HARMLESS in good(daemon, f"builds show {build}").stdout


def test_deliveries_are_listed_and_shown_with_their_why(daemon: Daemon) -> None:
    async def fill(store: Store) -> list[str]:
        ids = [(await store.deliveries.put(delivery_of(key, store.clock()))).id for key in ("1", "2")]
        decision = Decision(state=DeliveryState.IGNORED, detail="the tag was removed", explanation=[])
        await store.deliveries.record_decision(ids[0], decision, quiet, plan)
        return ids

    first, second = filled(daemon, fill)
    assert [one["id"] for one in good(daemon, "deliveries list --json").documents] == [second, first]
    ignored = good(daemon, "deliveries list --state ignored").stdout
    assert "the tag was removed" in ignored
    assert second not in ignored
    assert "the tag was removed" in good(daemon, "deliveries show", first).stdout
    (document,) = good(daemon, "deliveries show --json", first).documents
    assert [step["what"] for step in document["timeline"]] == ["ignored"]
    assert document["builds"] == []
    assert fails(daemon, "deliveries show none") == "there is no delivery none: see `deliveries list`"


def test_deliveries_are_found_by_what_was_pushed_and_until_when(daemon: Daemon) -> None:
    async def fill(store: Store) -> list[str]:
        made = []
        for key, repo in (("1", "acme/shop"), ("2", "acme/tool"), ("3", "acme/shop")):
            delivery = delivery_of(key, store.clock(), source="two" if key == "3" else "plain")
            await store.deliveries.put(delivery)
            fact = {"repo": repo, "ref_kind": "branch", "ref_name": "dev", "sha": SHA, "author": HOSTILE}
            decision = Decision(state=DeliveryState.IGNORED, detail="", explanation=[fact])
            await store.deliveries.record_decision(delivery.id, decision, quiet, plan)
            made.append(delivery.id)
            store.clock.advance(3600)
        return made

    first, second, third = filled(daemon, fill)

    def ids(line: str) -> list[str]:
        return [one["id"] for one in good(daemon, f"deliveries list --json {line}").documents]

    assert ids("--repo acme/shop") == [third, first]
    assert ids("--ref dev --repo acme/tool") == [second]
    assert ids(f"--sha {SHA[:7]}") == [third, second, first]
    assert ids("--repo acme/shop --source two") == [third]
    until = datetime.fromtimestamp(START + 3600, UTC).isoformat()
    assert ids(f"--until {until}") == [second, first]
    assert "acme/tool" in good(daemon, "deliveries list --ref dev").stdout
    assert "leave out namespace" in fails(daemon, "deliveries list --ref dev --repository acme/shop")


def test_what_the_rules_made_of_a_delivery_is_a_tree_for_people_and_whole_for_programs(
    daemon: Daemon,
) -> None:
    ref = {"event": "push", "repo": "acme/shop", "ref_kind": "branch", "ref_name": "main", "reason": None}
    rule = {"namespace": "acme", "repo_name": "shop"}
    match = rule | {"tag_config": [0, 2], "builder": "here", "tags": ["latest", "v1"]}
    refused = rule | {"tag_config": 1, "why": "is not active"}
    removed = {"event": "delete", "ref_name": "old", "reason": "the branch was removed"}
    explanation = [
        ref | {"matches": [match], "rejections": [refused]},
        ref | removed | {"matches": [], "rejections": []},
    ]

    async def fill(store: Store) -> str:
        receipt = await store.deliveries.put(delivery_of("1", store.clock()))
        decision = Decision(state=DeliveryState.IGNORED, detail="why", explanation=explanation)
        await store.deliveries.record_decision(receipt.id, decision, quiet, plan)
        return receipt.id

    delivery = filled(daemon, fill)
    shown = good(daemon, "deliveries show", delivery).stdout
    assert (
        """
acme/shop: push of branch main
  acme/shop
    tag_configs[0, 2]  builds latest, v1 on here
    tag_configs[1]  not: is not active
acme/shop: delete of branch old
  not: the branch was removed
"""
        in shown
    )
    assert shown.splitlines()[-1].split()[1:] == ["ignored", "why"]
    assert good(daemon, "deliveries show --json", delivery).documents[0]["explanation"] == explanation


def test_a_delivery_is_decided_again_as_a_wanted_repeat(daemon: Daemon) -> None:
    build = one_build(daemon)
    (said,) = good(daemon, "deliveries redeliver", build.origin.delivery_id).stdout.splitlines()
    new = said.removeprefix("delivery ")
    (document,) = good(daemon, "deliveries show --json", new).documents
    assert (document["replay"], document["state"]) == (1, "stored")
    assert fails(daemon, "deliveries redeliver none") == "there is no delivery none: see `deliveries list`"


def test_notices_are_listed_and_shown_with_their_attempts(daemon: Daemon) -> None:
    async def fill(store: Store) -> None:
        for number, channel in enumerate(("message", "team")):
            notice = Notice(
                id=str(number),
                channel=channel,
                event=EventName.DEGRADED,
                facts=ServiceFacts(subject="builder:here", detail="no answer"),
                created_at=store.clock(),
            )
            await store.database.write(partial(notices.add, notice=notice, dedupe=notice.id))
        await claim(store, "team")
        await store.notices.end("1", NoticeState.DEAD, "the token does not exist", reason="config")

    filled(daemon, fill)
    assert [one["id"] for one in good(daemon, "notices list --json").documents] == ["1", "0"]
    assert [one["id"] for one in good(daemon, "notices list --json --state dead").documents] == ["1"]
    assert [one["id"] for one in good(daemon, "notices list --json --channel message").documents] == ["0"]
    assert "the token does not exist" in good(daemon, "notices list").stdout
    (document,) = good(daemon, "notices show --json 1").documents
    assert (document["attempts"], document["reason"], document["state"]) == (1, "config", "dead")
    assert "config: the token does not exist" in good(daemon, "notices show 1").stdout
    assert fails(daemon, "notices show none") == "there is no notice none: see `notices list`"


def test_a_notice_is_sent_once_more_by_hand(daemon: Daemon) -> None:
    async def fill(store: Store) -> None:
        await add_notice(store, "done", channel="message", ended=NoticeState.DEAD)
        await add_notice(store, "gone", channel="gone", ended=NoticeState.DEAD)

    filled(daemon, fill)
    (said,) = good(daemon, "notices replay done").stdout.splitlines()
    new = said.removeprefix("notice ")
    (document,) = good(daemon, "notices show --json", new).documents
    assert (document["state"], document["about"]) == ("pending", "builder:here: no answer")
    assert "is still to be sent" in fails(daemon, "notices replay", new)
    assert "there is no channel gone any more" in fails(daemon, "notices replay gone")
    assert "there is no notice none" in fails(daemon, "notices replay none")
    (entry,) = good(daemon, "audit list --json").documents
    assert (entry["action"], entry["subject"], entry["after"]) == (
        "notice.replayed",
        "done",
        {"notice_id": new},
    )


def test_a_replay_that_a_silence_holds_says_by_which(daemon: Daemon) -> None:
    async def fill(store: Store) -> None:
        await add_notice(store, "done", channel="team", ended=NoticeState.DEAD)

    config = (
        daemon.config.read_text()
        + "channels: {team: {kind: SLACK, url: 'https://hooks.slack.com/services/T0/B0/0123456789'}}\n"
    )
    daemon.config.write_text(config)
    filled(daemon, fill)
    events = [word for event in EventName for word in ("--event", event)]
    made = command(
        "--config",
        daemon.config,
        "silences",
        "add",
        *events,
        "--channel",
        "team",
        "--until",
        "2h",
        "--reason",
        "x",
    )
    silence = made.stdout.split()[1]
    (said,) = good(daemon, "notices replay done").stdout.splitlines()
    assert re.fullmatch(
        rf"notice \S+: silence {silence} of \S+ holds it until \S+: end that, then replay it", said
    )


def test_with_nothing_there_lists_are_empty(daemon: Daemon) -> None:
    for name in ("deliveries", "builds", "notices"):
        assert good(daemon, f"{name} list --json").stdout == ""
        assert len(good(daemon, f"{name} list").stdout.splitlines()) == 1


def test_what_needs_no_secret_works_without_the_daemons_environment(daemon: Daemon) -> None:
    """Its secrets may be another user's, or systemd's."""
    build = one_build(daemon)
    text = daemon.config.read_text().replace(SECRET, "{credential: gone}")
    for secret in ("{env: GONE_TOKEN}", "{file: gone/token}"):
        text = re.sub(r"- a-token-of-the-tests|- \{.*\}$", f"- {secret}", text, flags=re.MULTILINE)
        daemon.config.write_text(text)
        for name, row in (("deliveries", build.origin.delivery_id), ("builds", build.id)):
            assert len(good(daemon, f"{name} list --json").documents) == 1
            good(daemon, f"{name} show", row)
        assert good(daemon, "notices list --json").documents == []
        assert run(daemon, "builds log", build.id).status == 0
    assert run(daemon, f"builds trigger acme/shop --branch main --commit {SHA} --timeout 0").status == 0
    good(daemon, "builds cancel", build.id)
    good(daemon, "deliveries redeliver", build.origin.delivery_id)
    assert "gone" in run(daemon, "check").stdout
