"""What systemd hears, over a socket as it makes one."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from bridge.runtime.systemd import notify, watchdog_seconds


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.settimeout(5)
        yield receiver


def test_systemd_hears_what_it_is_reported(
    manager: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager.bind(str(tmp_path / "notify"))
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    notify("READY=1", "STATUS=listening")
    assert manager.recv(100) == b"READY=1\nSTATUS=listening"


def test_the_socket_may_have_an_abstract_name(
    manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"buildbridge-{uuid4()}"
    manager.bind(f"\0{name}")
    monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
    notify("WATCHDOG=1")
    assert manager.recv(100) == b"WATCHDOG=1"


@pytest.mark.parametrize("address", [None, "", "/nowhere/at/all", "/" + "x" * 500])
def test_where_no_one_listens_nothing_happens(address: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    if address is not None:
        monkeypatch.setenv("NOTIFY_SOCKET", address)
    notify("READY=1")


@pytest.mark.parametrize(
    ("limit", "pid", "seconds"),
    [
        ("20000000", None, 10.0),
        ("20000000", "own", 10.0),
        ("20000000", "1", None),
        (None, None, None),
        ("", None, None),
        ("0", None, None),
        ("soon", None, None),
        ("-5", None, None),
        ("²", None, None),
    ],
)
def test_the_watchdog_is_fed_twice_in_its_time(
    limit: str | None, pid: str | None, seconds: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"WATCHDOG_USEC": limit, "WATCHDOG_PID": str(os.getpid()) if pid == "own" else pid}
    for name, value in values.items():
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert watchdog_seconds() == seconds
