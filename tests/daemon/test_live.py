"""One daemon whose bridge.yaml and secrets change while it runs; nothing of it is started again."""

import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from anyio.from_thread import start_blocking_portal
from support.daemon import NO_TLS, SECRET, TOKEN, Daemon, running
from support.fake_robots import dingtalk_robot
from support.rules import shop_rule
from support.sending import push_body, send, signed
from support.waiting import eventually

URL = "https://git.example.com/shop.git"
OTHER = "https://git.example.com/docs.git"
FAIL = ["buildJobFail"]
VALID_SECONDS = 3.0
"""How long a changed secret may take until it counts."""


class Live:
    """A running daemon and its configuration, of which a test changes one thing after the other."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self.config: dict[str, Any] = yaml.safe_load(daemon.config.read_text())

    def write(self, **sections: Any) -> None:
        """Replace sections of bridge.yaml; those of None are left out."""
        self.config = {key: value for key, value in (self.config | sections).items() if value is not None}
        new = self.daemon.config.with_suffix(".new")
        new.write_text(yaml.safe_dump(deepcopy(self.config)))
        new.replace(self.daemon.config)

    def reload(self, **sections: Any) -> str:
        """As `buildbridge reload` does it, which has to succeed; what it printed of what waits."""
        self.write(**sections)
        done = self.daemon.command("reload")
        assert (done.status, done.stderr) == (0, ""), done
        first, *waiting = done.stdout.splitlines()
        assert first.startswith("reloaded: "), done
        return "".join(waiting)

    def changed(self) -> list[str]:
        """The keys that have changed, as the log has them: the daemon may be faster than the command."""
        lines = [line for line in self.daemon.lines() if line["event"] == "rules.reloaded"]
        return [key for line in lines for key in line.get("configuration", [])]

    def send(self, source: str, secret: str = SECRET, url: str = URL, **more: Any) -> httpx.Response:
        body = push_body(url, **more)
        headers = signed(body, f"{source}-{time.monotonic_ns()}", secret)
        address = f"{self.daemon.url}/hooks/{source}"
        return httpx.post(address, content=body, headers=headers, timeout=30, verify=NO_TLS)

    def staff(self) -> tuple[list[str], list[str]]:
        """Who has ended so far, and who has begun to work, as the log has it."""
        lines = [line for line in self.daemon.lines() if line["event"] == "staff.changed"]
        ended, begun = ([name for line in lines for name in line[what]] for what in ("ended", "begun"))
        return ended, begun

    def down(self) -> list[str]:
        found: list[str] = httpx.get(f"{self.daemon.url}/healthz", verify=NO_TLS).json()["down"]
        return found


@contextmanager
def live(folder: Path, **config: Any) -> Iterator[Live]:
    whole: dict[str, Any] = {
        "sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}},
        "builders": {"here": {"kind": "dummy", "duration": "10ms"}},
    }
    with running(folder, whole | config, {"shop.yaml": shop_rule(URL)}) as daemon:
        yield Live(daemon)


def test_a_secret_whose_file_changes_is_valid_within_three_seconds(tmp_path: Path) -> None:
    mounted = tmp_path / "secrets"
    for version, text in (("..1", "the first secret"), ("..2", "the second secret")):
        (mounted / version).mkdir(parents=True)
        (mounted / version / "hook").write_text(f"{text}\n")
    (mounted / "..data").symlink_to("..1")
    (mounted / "hook").symlink_to("..data/hook")
    sources = {"plain": {"kind": "Simple", "secrets": [{"file": "secrets/hook"}, SECRET], "rate": "5/h"}}
    with live(tmp_path, sources=sources) as one:
        assert one.send("plain", "the first secret").status_code == 202
        assert one.send("plain", "the second secret").status_code == 401
        # As Kubernetes swaps the versions of a mounted secret.
        (mounted / "..new").symlink_to("..2")
        (mounted / "..new").replace(mounted / "..data")
        begun = time.monotonic()
        eventually(lambda: one.send("plain", "the second secret").status_code == 202)
        took = time.monotonic() - begun
        assert one.send("plain", "the first secret").status_code == 401
        assert one.send("plain", SECRET).status_code == 202, "the other entry still holds"
        # What is in force is logged a moment later.
        eventually(lambda: any(line["event"] == "rules.reloaded" for line in one.daemon.lines()))
        (line,) = [line for line in one.daemon.lines() if line["event"] == "rules.reloaded"]
        assert line["configuration"] == ["sources.plain"]
        assert [one.send("plain").status_code for _ in range(3)] == [202, 202, 429], "all of them are counted"
    assert took <= VALID_SECONDS, took


def test_sources_builders_and_tokens_come_and_go_and_what_stays_is_not_touched(tmp_path: Path) -> None:
    with live(tmp_path) as one:
        daemon = one.daemon
        assert one.send("more").status_code == 404
        more = {"kind": "Simple", "secrets": ["another secret"], "allow": ["127.0.0.1"]}
        builders = {**one.config["builders"], "slow": {"kind": "dummy", "duration": "1h"}}
        (tmp_path / "rules" / "docs.yaml").write_text(shop_rule(OTHER, name="docs", builder="slow"))
        assert one.reload(sources={**one.config["sources"], "more": more}, builders=builders) == ""
        assert one.changed() == ["sources.more", "builders.slow"]
        assert daemon.command("reload").stdout == (
            "reloaded: what is on disk is in force already: the daemon takes changes by itself\n"
        )
        assert one.send("more", "another secret", OTHER).status_code == 202
        eventually(lambda: daemon.builds(status="I"))
        assert one.staff() == ([], ["builder:slow"])
        (local,) = (tmp_path / "data").glob("*.sock")
        assert stat.S_IMODE(local.stat().st_mode) == 0o600

        (tmp_path / "rules" / "docs.yaml").unlink()
        del builders["slow"]
        one.reload(sources={"plain": one.config["sources"]["plain"]}, builders=builders)
        assert one.send("more", "another secret").status_code == 404
        eventually(lambda: one.staff() == (["builder:slow"], ["builder:slow"]))
        assert len(daemon.builds(status="I")) == 1, "the builder may come back"

        trusted = {"authorization": f"Bearer {TOKEN}"}
        with httpx.stream("GET", f"{daemon.url}/v1/events", headers=trusted, verify=NO_TLS) as events:
            one.reload(api={"tokens": ["the token of tomorrow"]})
            assert b"".join(events.iter_raw()), "the stream has ended: its token holds no longer"
        with pytest.raises(httpx.HTTPStatusError, match="401"):
            daemon.api("/v1/deliveries", TOKEN)
        assert daemon.api("/v1/deliveries", "the token of tomorrow")["count"] == 1
        one.reload(server={**one.config["server"], "public_url": "https://ci.example.com/bridge"})
        for _ in range(20):
            send(daemon.url, push_body(URL), f"{time.monotonic_ns()}")
        page = daemon.api("/v1/deliveries", "the token of tomorrow")
        assert page["next"].startswith("https://ci.example.com/bridge/v1/deliveries?")
        # Notices lead to pages at that address; nothing else was touched.
        changed = ["builder:slow", "channel:message"]
        eventually(lambda: one.staff() == (changed, changed))
        assert daemon.stop() == 0
    assert not local.exists()


def test_a_channel_takes_notices_at_its_new_address_and_what_waited_for_it(tmp_path: Path) -> None:
    with start_blocking_portal() as portal:
        first, second = (
            portal.wrap_async_context_manager(dingtalk_robot(time.time, secret=SECRET)) for _ in range(2)
        )
        with first as closed:
            address = closed.url
        with second as robot:
            chat = {"kind": "DING_TALK", "url": address, "secret": SECRET, "allow_private": True}
            with live(
                tmp_path,
                builders={"here": {"kind": "dummy", "duration": "10ms", "result": "failed"}},
                channels={"team": chat},
                notices={"default": [{"channel": "team", "enabled_event_type_names": FAIL}]},
            ) as one:
                daemon = one.daemon
                one.send("plain")
                eventually(lambda: daemon.said("notice.attempted", channel="team", outcome="retry"))
                one.reload(channels={"team": {**chat, "url": robot.url}}, people={"ann@example.com": {}})
                (message,) = eventually(lambda: robot.messages)
                assert "acme/shop" in message["markdown"]["text"]
                assert one.staff() == (["channel:team"], ["channel:team"])

                robot.scripted.clear()
                one.reload(channels={}, notices={})
                eventually(lambda: one.staff()[0].count("channel:team") == 2)
                assert one.send("plain", sha="2" * 40).status_code == 202
                eventually(lambda: len([build for build in daemon.builds() if build["ended_at"]]) == 2)
                assert len(robot.messages) == 1
                assert robot.url.partition("=")[2] not in daemon.output()


def test_what_cannot_be_followed_is_named_and_a_faulty_set_changes_nothing(tmp_path: Path) -> None:
    with live(tmp_path) as one:
        server, store = one.config["server"], one.config["store"]
        printed = one.reload(server={**server, "port": 1}, log={"level": "error"})
        assert printed == "waits for a restart: server.port"
        (part,) = (one for one in one.daemon.api("/v1/health") if one["name"] == "configuration")
        assert (one.down(), part["why"]) == (["configuration"], "server.port waits for a restart")
        written = len(one.daemon.lines())
        assert one.send("plain").status_code == 202
        eventually(lambda: [build for build in one.daemon.builds() if build["ended_at"]])
        assert len(one.daemon.lines()) == written, "only errors are written now"
        printed = one.reload(store={**store, "min_free": "1GiB"}, log=None)
        assert printed == "waits for a restart: store.min_free, server.port"
        assert one.reload(server=server, store=store) == ""
        assert one.changed() == ["log.level"]
        assert one.down() == []

        (tmp_path / "rules" / "docs.yaml").write_text(shop_rule(OTHER, name="docs"))
        more = {"kind": "Simple", "secrets": [{"file": "more.secret"}]}
        one.write(sources={"more": more}, api={"tokens": ["the token of tomorrow"]})
        refused = one.daemon.command("reload")
        fault, why = refused.stderr.splitlines()
        assert refused.status == 1
        assert "sources.more.secrets[0]: the secret file" in fault
        assert why.startswith("bridge.yaml and the rules have 1 fault: what was good stays in force")
        assert (one.down(), one.daemon.api("/v1/repositories")["count"]) == (["rules"], 1)
        assert one.send("plain").status_code == 202

        (tmp_path / "more.secret").write_text(f"{SECRET}\n")
        eventually(lambda: one.send("more").status_code == 202)
        assert one.send("plain").status_code == 404
        assert one.daemon.api("/v1/repositories", "the token of tomorrow")["count"] == 2
        eventually(lambda: one.down() == [])  # what is in force is written down after it is
        assert one.daemon.stop() == 0
        assert "no daemon has the store" in one.daemon.command("reload").complaint


def test_a_robot_that_leaves_its_pool_gets_no_notice_any_more_and_another_one_has_its_repositories(
    tmp_path: Path,
) -> None:
    names = ["a", "b", "c"]
    with start_blocking_portal() as portal, ExitStack() as servers:
        robots = {
            name: servers.enter_context(
                portal.wrap_async_context_manager(dingtalk_robot(time.time, secret=SECRET))
            )
            for name in names
        }
        chat = {"kind": "DING_TALK", "secret": SECRET, "allow_private": True}
        with live(
            tmp_path,
            builders={"here": {"kind": "dummy", "duration": "10ms", "result": "failed"}},
            channels={name: {**chat, "url": robot.url} for name, robot in robots.items()},
            pools={"team": names},
            notices={"default": [{"channel": "team", "enabled_event_type_names": FAIL}]},
        ) as one:

            def heard() -> list[str]:
                return [name for name, robot in robots.items() if robot.messages]

            one.send("plain")
            (first,) = eventually(heard)
            eventually(lambda: one.daemon.said("notice.attempted", channel=first, outcome="ok"))
            one.reload(pools={"team": [name for name in names if name != first]})
            assert one.changed() == ["pools.team"]
            one.send("plain", sha="2" * 40)
            others = eventually(lambda: [name for name in heard() if name != first])
            assert len(others) == 1
            assert len(robots[first].messages) == 1
