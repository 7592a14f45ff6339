"""Browsers that are signed in at a running daemon: over a reload, a restart, and with a stream open."""

import threading
from pathlib import Path
from typing import Any

import httpx
import yaml
from support.daemon import DUMMY, NO_TLS, TOKEN, Daemon, running
from support.waiting import eventually

SAME = {"sec-fetch-site": "same-origin"}


def signed_in(daemon: Daemon, token: str) -> dict[str, str]:
    """The header of a browser that has signed in."""
    answer = httpx.post(f"{daemon.url}/sign-in", data={"token": token}, headers=SAME, verify=NO_TLS)
    assert answer.status_code == 303
    return {"cookie": answer.headers["set-cookie"].partition(";")[0]}


def account(daemon: Daemon, headers: dict[str, str]) -> int:
    return httpx.get(f"{daemon.url}/account", headers=headers, verify=NO_TLS).status_code


def reload(daemon: Daemon, **changes: Any) -> None:
    config = yaml.safe_load(daemon.config.read_text()) | changes
    daemon.config.write_text(yaml.safe_dump(config))
    done = daemon.command("reload")
    assert (done.status, done.stderr) == (0, ""), done


def test_a_session_outlives_a_restart_and_ends_with_the_static_token_that_a_reload_removes(
    tmp_path: Path,
) -> None:
    with running(tmp_path, DUMMY, {}) as daemon:
        headers = signed_in(daemon, TOKEN)
        assert daemon.stop() == 0
        daemon.start()
        assert account(daemon, headers) == 200
        reload(daemon, api={"tokens": ["another-static-token-of-the-tests"]})
        assert account(daemon, headers) == 303


def test_a_proxy_signs_people_in_from_the_reload_that_names_it_on(tmp_path: Path) -> None:
    user = {"x-forwarded-user": "ann"}
    with running(tmp_path, DUMMY, {}) as daemon:
        server = yaml.safe_load(daemon.config.read_text())["server"]
        assert account(daemon, user) == 303
        reload(daemon, server=server | {"sign_in": {"from": ["127.0.0.1"]}})
        assert account(daemon, user) == 200
        reload(daemon, server=server | {"sign_in": {"from": ["192.0.2.7"]}})
        assert account(daemon, user) == 303


def test_a_stream_ends_when_its_reader_signs_out(tmp_path: Path) -> None:
    with running(tmp_path, DUMMY, {}) as daemon:
        made = daemon.command("token", "add", "ann", "--role", "viewer", "--json").documents[0]["token"]
        headers = signed_in(daemon, made)
        begun, ended = threading.Event(), threading.Event()

        def follow() -> None:
            with httpx.stream(
                "GET", f"{daemon.url}/v1/events", headers=headers, timeout=60, verify=NO_TLS
            ) as answer:
                for _ in answer.iter_raw():
                    begun.set()
            ended.set()

        reader = threading.Thread(target=follow)
        reader.start()
        assert begun.wait(20)
        httpx.post(f"{daemon.url}/sign-out", headers=headers | SAME, verify=NO_TLS)
        eventually(ended.is_set)
        reader.join()
        assert account(daemon, headers) == 303
