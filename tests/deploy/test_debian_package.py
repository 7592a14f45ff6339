"""The Debian package under a real systemd: from its build to the last trace of it."""

import os
import re
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from support.daemon import NO_TLS
from support.machine import Machine, machine
from support.needs import needs
from support.ports import free_port
from support.rules import shop_rule
from support.sending import push_body, send
from support.waiting import eventually

ROOT = Path(__file__).parents[2]
URL = "file:///nowhere/shop.git"
SERVICE, SOCKET = "buildbridge.service", "buildbridge.socket"
CONFIG = """
language: en
sources: {plain: {kind: Simple, secrets: [{credential: gitee}]}}
builders: {here: {kind: dummy, duration: 1h}}
"""
FAILED = """
[Unit]
OnFailure=said.service
[Service]
RestartSec=100ms
"""
SAID = """
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'echo said >> /run/said'
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Compressed for speed, else as for a release."""
    needs("dpkg-deb")
    environ = os.environ | {"DPKG_DEB_COMPRESSOR_TYPE": "zstd", "DPKG_DEB_COMPRESSOR_LEVEL": "1"}
    build = [str(ROOT / "deploy/debian/build"), str(tmp_path)]
    done = subprocess.run(build, env=environ, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


@pytest.mark.timeout(600)
@pytest.mark.sqlite
def test_it_serves_through_restarts_and_faults_and_leaves_no_trace(package: Path, tmp_path: Path) -> None:
    with machine(tmp_path) as debian:
        before = debian.changes()
        debian.path("/run/buildbridge.deb").write_bytes(package.read_bytes())
        debian.run("dpkg", "--install", "--force-unsafe-io", "/run/buildbridge.deb")
        starts_nothing(debian)
        port = configured(debian)
        refuses_no_one_while_it_restarts(debian, port)
        says_what_it_does(debian)
        a_killed_daemon_is_started_again(debian, port)
        a_faulty_configuration_is_not_tried_twice(debian, port)
        an_upgrade_restarts_it(debian, port)
        any_user_runs_it(debian)
        debian.run("dpkg", "--purge", "buildbridge")
        assert debian.changes() == before
        assert debian.tried("systemctl", "cat", SERVICE).returncode != 0


def starts_nothing(debian: Machine) -> None:
    for unit in (SERVICE, SOCKET):
        assert debian.tried("systemctl", "is-active", unit).stdout == "inactive\n"
        assert debian.tried("systemctl", "is-enabled", unit).stdout == "disabled\n"
    assert "serve" in debian.run("buildbridge", "--help")


def configured(debian: Machine) -> int:
    """As the guide says, on another port."""
    port = free_port()
    debian.write("/etc/buildbridge/bridge.yaml", CONFIG)
    debian.write("/etc/buildbridge/rules/shop.yaml", shop_rule(URL, "**"))
    debian.write(f"/etc/systemd/system/{SERVICE}.d/own.conf", FAILED)
    debian.write(
        f"/etc/systemd/system/{SOCKET}.d/own.conf",
        f"[Socket]\nListenStream=\nListenStream=127.0.0.1:{port}\n",
    )
    debian.write("/run/systemd/system/said.service", SAID)
    guide = (ROOT / "bridge/guides/en/systemd.md").read_text()
    (lines,) = re.findall(r"^<!-- machine -->\n```sh\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL)
    assert "Active: active (running)" in debian.run("sh", "-euc", lines)
    assert healthy(port)
    assert debian.shown(SERVICE, "LimitCORE") == "0"
    return port


def healthy(port: int) -> bool:
    return (
        httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=30, verify=NO_TLS).text
        == '{"status":"ok","down":[]}'
    )


def refuses_no_one_while_it_restarts(debian: Machine, port: int) -> None:
    secret = debian.path("/etc/buildbridge/credentials/gitee").read_text().strip()
    with pushing(port, secret) as answers:
        for _ in range(3):
            process = debian.shown(SERVICE, "MainPID")
            debian.run("systemctl", "restart", SERVICE)
            assert debian.shown(SERVICE, "MainPID") != process
            answered(answers)
    assert set(answers) == {202}, Counter(answers)


def answered(answers: Sequence[object]) -> None:
    seen = len(answers)
    eventually(lambda: len(answers) > seen)


@contextmanager
def pushing(port: int, secret: str) -> Iterator[list[int | str]]:
    """The status of each of the pushes that four hosts send meanwhile, one after the other."""
    answers: list[int | str] = []
    done = threading.Event()

    def host(name: str) -> None:
        number = 0
        while not done.wait(0.05):
            number += 1
            body = push_body(URL, ref=f"refs/heads/{name}-{number}")
            try:
                answer = send(f"http://127.0.0.1:{port}", body, f"{name}-{number}", secret)
                answers.append(answer.status_code)
            except httpx.TransportError as error:
                answers.append(repr(error))

    hosts = [threading.Thread(target=host, args=(name,)) for name in "abcd"]
    for one in hosts:
        one.start()
    try:
        yield answers
    finally:
        done.set()
        for one in hosts:
            one.join(30)


def says_what_it_does(debian: Machine) -> None:
    def status() -> str:
        return debian.shown(SERVICE, "StatusText")

    eventually(lambda: status().startswith("builds: "))


def a_killed_daemon_is_started_again(debian: Machine, port: int) -> None:
    process = debian.shown(SERVICE, "MainPID")
    debian.run("systemctl", "kill", "--signal=KILL", SERVICE)
    eventually(lambda: debian.shown(SERVICE, "MainPID") not in {process, "0"})
    assert healthy(port)
    assert debian.shown(SERVICE, "NRestarts") == "1"


def a_faulty_configuration_is_not_tried_twice(debian: Machine, port: int) -> None:
    good = debian.path("/etc/buildbridge/bridge.yaml").read_text()
    debian.write("/etc/buildbridge/bridge.yaml", good.replace("dummy", "dumy"))
    assert debian.tried("systemctl", "restart", SERVICE).returncode != 0
    shown = [debian.shown(SERVICE, name) for name in ("ActiveState", "ExecMainStatus", "NRestarts")]
    assert shown == ["failed", "78", "0"]
    eventually(lambda: debian.path("/run/said").exists())
    assert debian.path("/run/said").read_text() == "said\n"
    debian.write("/etc/buildbridge/bridge.yaml", good)
    # As root, which must leave no file that the service may not write.
    assert "waiting" in debian.run("buildbridge", "builds", "list")
    debian.run("systemctl", "restart", SOCKET, SERVICE)
    assert healthy(port)


def an_upgrade_restarts_it(debian: Machine, port: int) -> None:
    """What dpkg runs once the files of another release are there."""
    process = debian.shown(SERVICE, "MainPID")
    debian.run("/var/lib/dpkg/info/buildbridge.postinst", "configure", "0.0.9")
    assert debian.shown(SERVICE, "MainPID") not in {process, "0"}
    assert healthy(port)


def any_user_runs_it(debian: Machine) -> None:
    """As containers do: a user without a name, in group 0, with nothing to write but one folder."""
    config = "/run/anyone/bridge.yaml"
    debian.write(config, f"server: {{port: {free_port()}}}\nstore: {{url: 'sqlite:///./data/bridge.db'}}\n")
    debian.run("install", "-d", "/run/anyone/rules")
    debian.run("install", "-d", "-m", "0770", "/run/anyone/data")
    start = ["systemd-run", "--quiet", "--unit=anyone", "--service-type=notify"]
    start += ["--property=ProtectSystem=strict", "--property=ReadWritePaths=/run/anyone/data"]
    user = ["setpriv", "--reuid=123456", "--regid=0", "--clear-groups", "--bounding-set=-all"]
    debian.run(*start, *user, "buildbridge", "--config", config, "serve")
    assert debian.run("buildbridge", "--config", config, "health") == "ok\n"
    debian.run("systemctl", "stop", "anyone")
    assert debian.path("/run/anyone/data/bridge.db").stat().st_uid == 123456
