"""The daemon as systemd and the operator meet it: start, stop, trouble next door, and no secret anywhere."""

import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio.from_thread import start_blocking_portal
from support.connection import Connection
from support.daemon import NO_TLS, SECRET, TOKEN, Daemon, running
from support.engines import content, postgres, taken
from support.fake_robots import FakeRobot, dingtalk_robot, errcode, hang
from support.git import Origin
from support.rules import shop_rule
from support.sending import push_body, send, signed
from support.waiting import eventually

from bridge.web.server import ListenError, listen

URL = "file:///nowhere/shop.git"
PLAIN = {"plain": {"kind": "Simple", "secrets": [SECRET]}}
HERE = {"kind": "local", "command": ["true"]}


def rule(name: str = "shop", builder: str = "here", url: str = URL) -> dict[str, str]:
    return {f"{name}.yaml": shop_rule(url, "**", name=name, public=True, builder=builder)}


def robot_channel(robot: FakeRobot) -> dict[str, Any]:
    return {"kind": "DING_TALK", "url": robot.url, "secret": SECRET, "allow_private": True}


def ended(daemon: Daemon, **query: str) -> list[dict[str, Any]]:
    return eventually(lambda: [build for build in daemon.builds(**query) if build["ended_at"]])


def test_a_failing_chat_and_a_builder_that_is_down_delay_no_one(tmp_path: Path) -> None:
    with start_blocking_portal() as portal:
        robots = dingtalk_robot(time.time, secret=SECRET), dingtalk_robot(time.time, secret=SECRET)
        with (
            portal.wrap_async_context_manager(robots[0]) as hanging,
            portal.wrap_async_context_manager(robots[1]) as failing,
        ):
            hanging.scripted.extend([hang] * 50)
            failing.scripted.extend([errcode(-1)] * 50)
            config = {
                "sources": PLAIN,
                "builders": {
                    "here": HERE,
                    "gone": {
                        "kind": "jenkins",
                        "url": "http://127.0.0.1:9",
                        "username": "u",
                        "token": "a-jenkins-token",
                        "job": "x",
                    },
                },
                "channels": {"hanging": robot_channel(hanging), "failing": robot_channel(failing)},
                "notices": {
                    "default": [
                        {"channel": name, "enabled_event_type_names": ["buildJobStart", "buildJobFail"]}
                        for name in ("hanging", "failing")
                    ]
                },
            }
            other = "file:///nowhere/other.git"
            rules = rule() | rule("other", "gone", other)
            with running(tmp_path, config, rules) as daemon:
                send(daemon.url, push_body(other), "to the builder that is down")
                begun = time.monotonic()
                for number in range(3):
                    send(daemon.url, push_body(URL, sha=f"{number + 1:040x}"), f"push-{number}")
                eventually(lambda: len(ended(daemon, repo_name="shop")) == 3)
                assert time.monotonic() - begun < 15
                eventually(lambda: health(daemon)["status"] == "degraded")
                assert health(daemon)["down"] == ["builder:gone"]
                (waiting,) = daemon.builds(repo_name="other")
                assert waiting["ended_at"] is None


def health(daemon: Daemon) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{daemon.url}/healthz", verify=NO_TLS).json()
    return found


def test_asked_to_stop_while_a_build_runs_and_a_notice_hangs_it_ends_in_time_and_goes_on_later(
    tmp_path: Path,
) -> None:
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(dingtalk_robot(time.time, secret=SECRET)) as robot,
    ):
        robot.scripted.append(hang)
        go = tmp_path / "go"
        script = f"while ! test -e {go}; do sleep 0.05; done"
        daemon = Daemon(
            tmp_path,
            {
                "sources": PLAIN,
                "builders": {
                    "here": {"kind": "local", "command": ["sh", "-c", script], "protocols": ["file"]}
                },
                "channels": {"team": robot_channel(robot)},
                "notices": {
                    "default": [
                        {
                            "channel": "team",
                            "enabled_event_type_names": ["buildJobStart", "buildJobSuccess"],
                        }
                    ]
                },
            },
            {},
        )
        origin = Origin(tmp_path / "git")
        sha = origin.commit({"f": "1"})
        origin.push()
        (tmp_path / "rules" / "shop.yaml").write_text(rule(url=origin.url)["shop.yaml"])
        daemon.start()
        try:
            assert send(daemon.url, push_body(origin.url, sha=sha)).status_code == 202
            eventually(lambda: [one for one in daemon.builds() if one["state"] == "running"])
            eventually(lambda: robot.requests)
            begun = time.monotonic()
            status = daemon.stop()
            took = time.monotonic() - begun
            go.touch()
            daemon.start()
            (build,) = ended(daemon)
            eventually(lambda: len(robot.messages) == 2)
        finally:
            daemon.kill()
    assert (status, took < 15) == (0, True)
    assert (build["state"], build["attempts"]) == ("succeeded", 1)
    assert len(robot.requests) == 3, "the notice that hung is sent again"


def test_a_second_daemon_on_the_same_store_is_rejected_in_one_line(tmp_path: Path) -> None:
    with running(tmp_path, {"sources": PLAIN}, {}) as daemon:
        second = daemon.second()
        assert httpx.get(f"{daemon.url}/healthz", verify=NO_TLS).status_code == 200
    assert second.returncode == 1
    cure = f"name another {'store.folder' if postgres() else 'file as store.url'}"
    assert second.stderr.splitlines()[-1].endswith(f"another daemon: stop that one, or {cure}")
    assert "Traceback" not in second.stdout + second.stderr


def test_an_address_of_another_machine_is_not_blamed_on_the_port() -> None:
    with pytest.raises(ListenError, match=r"192\.0\.2\.1:8088: .*: choose another server\.host$"):
        listen("192.0.2.1", 8088)


def test_an_occupied_port_is_one_clear_line(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, {"sources": PLAIN}, {})
    with socket.create_server(("127.0.0.1", daemon.port)):
        done = daemon.second()
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()[-1:]
    assert line.startswith(f"cannot listen on 127.0.0.1:{daemon.port}: Address already in use")
    assert line.endswith(": choose another server.port")
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize("host", ["no.such.host.invalid", "192.0.2.1", "::2"])
def test_an_address_that_is_not_ours_is_one_clear_line(tmp_path: Path, host: str) -> None:
    done = Daemon(tmp_path, {"server": {"host": host}, "sources": PLAIN}, {}).second()
    assert done.returncode == 1
    line = done.stderr.splitlines()[-1]
    assert line.startswith(f"cannot listen on {host}:")
    assert line.endswith(": choose another server.host")
    assert ("no such host" in line) == (host == "no.such.host.invalid")
    assert "Traceback" not in done.stdout + done.stderr


@contextmanager
def activated(daemon: Daemon, listener: socket.socket, **environ: str) -> Iterator[subprocess.Popen[bytes]]:
    """The daemon as systemd starts it: the socket is descriptor 3, and LISTEN_PID is the process itself."""
    code = (
        "import os, sys; os.dup2(int(sys.argv[1]), 3); os.environ['LISTEN_PID'] = str(os.getpid());"
        "os.execv(sys.executable, [sys.executable, '-m', 'bridge', *sys.argv[2:]])"
    )
    process = subprocess.Popen(
        [*(sys.executable, "-c", code, str(listener.fileno())), *("--config", str(daemon.config), "serve")],
        pass_fds=[listener.fileno()],
        env=os.environ | {"LISTEN_FDS": "1"} | environ,
        stdout=subprocess.DEVNULL,
        cwd=daemon.folder,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


def test_systemd_hands_over_a_socket_and_hears_when_we_are_ready_and_when_we_stop(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, {"sources": PLAIN}, {})
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager,
    ):
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(20)
        with activated(daemon, listener, NOTIFY_SOCKET=str(tmp_path / "notify")) as process:
            port = listener.getsockname()[1]
            assert manager.recv(200).decode() == f"READY=1\nSTATUS=listening on port {port}"
            assert httpx.get(f"http://127.0.0.1:{port}/readyz", verify=NO_TLS).status_code == 200
            process.terminate()
            assert manager.recv(200) == b"STOPPING=1"
            assert process.wait(20) == 0


def test_who_has_connected_when_the_daemon_stops_still_gets_an_answer(tmp_path: Path) -> None:
    body = push_body(URL)
    head = "".join(f"{name}: {value}\r\n" for name, value in signed(body).items())
    request = f"POST /hooks/plain HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n{head}\r\n"
    with running(tmp_path, {"sources": PLAIN}, {}) as daemon:
        address = ("127.0.0.1", daemon.port)
        with socket.create_connection(address, 20) as late, socket.create_connection(address, 20) as silent:
            assert health(daemon)["status"] == "ok", "who came before it is accepted, too"
            assert daemon.process is not None
            daemon.process.terminate()
            eventually(lambda: refused(address))
            late.sendall(request.encode() + body)
            answer = b"".join(iter(lambda: late.recv(4096), b""))
            assert silent.recv(1) == b""
        assert daemon.process.wait(20) == 0
    assert answer.startswith(b"HTTP/1.1 202 ")
    assert b"connection: close\r\n" in answer


def refused(address: tuple[str, int]) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(address) != 0


@pytest.mark.parametrize(("trusted", "status"), [(["unix"], 202), ([], 403)])
def test_a_proxy_may_call_through_a_socket_in_the_file_system(
    tmp_path: Path, trusted: list[str], status: int
) -> None:
    sources = {"plain": PLAIN["plain"] | {"allow": ["192.0.2.0/24"]}}
    daemon = Daemon(tmp_path, {"server": {"trusted_proxies": trusted}, "sources": sources}, {})
    path = str(tmp_path / "bridge.socket")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        body = push_body(URL)
        headers = signed(body) | {"x-forwarded-for": "203.0.113.7, 192.0.2.7"}
        with activated(daemon, listener), httpx.Client(transport=httpx.HTTPTransport(uds=path)) as client:
            answer = client.post("http://bridge/hooks/plain", content=body, headers=headers, timeout=30)
    assert answer.status_code == status


def test_builds_and_notices_of_parts_that_are_gone_are_ended_at_the_start(tmp_path: Path) -> None:
    slow = {"kind": "local", "command": ["sleep", "600"], "workers": 1}
    gone = {"kind": "jenkins", "url": "http://127.0.0.1:9", "username": "u", "token": "a-token", "job": "x"}
    channels = {"old": {"kind": "WECOM", "url": "http://127.0.0.1:9/?key=abcdef", "allow_private": True}}
    notices = {"default": [{"channel": "old", "enabled_event_type_names": ["buildJobFail"]}]}
    config = {
        "sources": PLAIN,
        "builders": {"gone": gone, "here": slow},
        "channels": channels,
        "notices": notices,
    }
    with running(tmp_path, config, rule(builder="gone")) as daemon:
        send(daemon.url, push_body(URL))
        eventually(lambda: health(daemon)["down"] == ["builder:gone"])
        daemon.stop()
    again = {"sources": PLAIN, "builders": {"here": HERE}}
    with running(tmp_path, again, rule()) as daemon:
        (build,) = ended(daemon)
        assert (build["state"], build["detail"]) == ("failed", "there is no builder gone any more")
        assert health(daemon) == {"status": "ok", "down": []}


CANARIES = {
    "webhook": "canary-webhook-secret-1",
    "token": "canary-api-token-2",
    "robot": "canary/robot+sign secret-3",
    "jenkins": "canary-jenkins-token-4",
    "access": "canary-access-token-5",
}


def test_no_secret_is_in_anything_that_we_print_answer_or_show_in_the_process_list(tmp_path: Path) -> None:
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(
            dingtalk_robot(time.time, secret=CANARIES["robot"], token=CANARIES["access"])
        ) as robot,
    ):
        secrets = tmp_path / "secrets"
        secrets.mkdir()
        for name, value in (CANARIES | {"url": robot.url}).items():
            (secrets / name).write_text(f"{value}\n")
        file = {name: {"file": str(secrets / name)} for name in (*CANARIES, "url")}
        config = {
            "sources": {"plain": {"kind": "Simple", "secrets": [file["webhook"]]}},
            "api": {"tokens": [file["token"]]},
            "log": {"level": "debug"},
            "builders": {
                "here": {"kind": "local", "command": ["env"]},
                "gone": {
                    "kind": "jenkins",
                    "url": "http://127.0.0.1:9",
                    "username": "u",
                    "token": file["jenkins"],
                    "job": "x",
                },
            },
            "channels": {
                "team": {
                    "kind": "DING_TALK",
                    "url": file["url"],
                    "secret": file["robot"],
                    "allow_private": True,
                },
                "dead": {
                    "kind": "WECOM",
                    "url": f"http://127.0.0.1:9/x?key={CANARIES['access']}",
                    "allow_private": True,
                },
            },
            "notices": {
                "default": [
                    {"channel": name, "enabled_event_type_names": ["buildJobFail"]}
                    for name in ("team", "dead")
                ]
            },
        }
        robot.scripted.extend([errcode(310000, f"sign not match {CANARIES['access']}"), errcode(-1)])
        other = "file:///nowhere/other.git"
        with running(tmp_path, config, rule() | rule("other", "gone", other)) as daemon:
            seen: list[str] = []
            for number, url in enumerate((URL, other, "file:///unknown.git")):
                body = push_body(url)
                answer = send(daemon.url, body, f"push-{number}", CANARIES["webhook"])
                assert answer.status_code == 202
                seen.append(answer.text)
            bad = signed(b"{}", "bad", CANARIES["webhook"] + "x")
            seen.append(
                httpx.post(f"{daemon.url}/hooks/plain", content=b"{}", headers=bad, verify=NO_TLS).text
            )
            eventually(lambda: daemon.said("notice.attempted", channel="team"))
            eventually(lambda: daemon.said("notice.attempted", channel="dead"))
            eventually(lambda: health(daemon)["down"])
            trusted = {"authorization": f"Bearer {CANARIES['token']}"}
            paths = ["/v1/builds", "/metrics", "/healthz", "/readyz"]
            for build in httpx.get(f"{daemon.url}/v1/builds", headers=trusted, verify=NO_TLS).json()["data"][
                "results"
            ]:
                paths += [f"/v1/builds/{build['build_id']}", f"/v1/builds/{build['build_id']}/logs"]
                paths += [f"/v1/deliveries/{build['delivery_id']}"]
            seen += [httpx.get(f"{daemon.url}{path}", headers=trusted, verify=NO_TLS).text for path in paths]
            for command in (
                ("check",),
                ("deliveries", "list", "--json"),
                ("notices", "list", "--json"),
                ("builds", "list"),
                ("channels", "test", "team"),
                ("channels", "test", "dead"),
            ):
                done = daemon.command(*command)
                seen += [done.stdout, done.stderr]
            for row in daemon.command("notices", "list", "--json").stdout.splitlines():
                notice_id = re.findall(r'"id":"([^"]+)"', row)[0]
                seen.append(daemon.command("notices", "show", notice_id).stdout)
            visible = [name for name, value in CANARIES.items() if processes_showing(value)]
            daemon.stop()
            seen.append(daemon.output())
            store = content(daemon.database)
    everything = "\n".join(seen)
    assert len(everything) > 5000
    assert "canary" not in everything
    assert b"canary" not in store
    assert visible == []


def processes_showing(text: str) -> list[str]:
    """The processes in whose command line or environment anybody of the same user can read this."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            shown = [(folder / name).read_text(errors="replace") for name in ("cmdline", "environ")]
            found += [folder.name for part in shown if text in part]
    return found


def test_an_interrupt_at_the_keyboard_ends_it_well(tmp_path: Path) -> None:
    with running(tmp_path, {"sources": PLAIN}, {}) as daemon:
        assert daemon.process is not None
        daemon.process.send_signal(signal.SIGINT)
        assert daemon.process.wait(20) == 0
        assert "Traceback" not in daemon.output()
        assert TOKEN not in daemon.output()


def test_clients_that_hang_up_while_their_delivery_is_stored_cost_no_other_its_answer(tmp_path: Path) -> None:
    with running(tmp_path, {"sources": PLAIN}, {}) as daemon, ExitStack() as open_ones:
        clients = [open_ones.enter_context(Connection(daemon)) for _ in range(20)]
        with taken(daemon.database, seconds=5):
            for number, client in enumerate(clients):
                body = push_body(URL)
                proof = signed(body, f"push {number}").items()
                headers = [f"{name}: {value}" for name, value in proof if name != "content-type"]
                client.head(*headers, f"Content-Length: {len(body)}")
                client.say(body)
            # An answer to one more, which asks nothing of the store, means that all before it were read.
            assert httpx.get(f"{daemon.url}/nothing", verify=NO_TLS).status_code == 404
            for client in clients[::2]:
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.socket.close()
            assert httpx.get(f"{daemon.url}/nothing", verify=NO_TLS).status_code == 404
        assert [client.status() for client in clients[1::2]] == [202] * 10
        assert "Traceback" not in daemon.output()
