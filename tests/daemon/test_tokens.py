"""Tokens of the command line at a daemon that runs."""

import time
from pathlib import Path
from typing import Any

import httpx
from support.commands import command
from support.daemon import NO_TLS, TOKEN, Daemon, running
from support.signing import signed

KEY = "a-key-of-the-tests-with-enough-letters"


def add(daemon: Daemon, *arguments: str) -> dict[str, Any]:
    done = command("--config", daemon.config, "token", "add", *arguments, "--json")
    assert (done.status, done.stderr) == (0, "")
    (document,) = done.documents
    return document


def test_a_token_opens_a_running_daemon_until_it_is_revoked(tmp_path: Path) -> None:
    with running(tmp_path, {}, {}) as daemon:
        made = add(daemon, "ci", "--role", "admin")
        headers = {"authorization": f"Bearer {made['token']}"}
        assert httpx.post(f"{daemon.url}/v1/reload", headers=headers, verify=NO_TLS).status_code == 200
        entry, _ = httpx.get(f"{daemon.url}/v1/audit", headers=headers, verify=NO_TLS).json()["data"][
            "results"
        ]
        assert (entry["name"], entry["token_id"], entry["origin"]) == ("ci", made["id"], "127.0.0.1")
        command("--config", daemon.config, "token", "revoke", made["id"])
        answer = httpx.post(f"{daemon.url}/v1/reload", headers=headers, verify=NO_TLS)
        assert answer.status_code == 401
        assert "was revoked" in answer.json()["msg"]
        assert (
            httpx.post(f"{daemon.url}/v1/reload", headers={"x-auth-token": TOKEN}, verify=NO_TLS).status_code
            == 200
        )


def test_a_signature_holds_for_the_request_line_as_it_was_sent(tmp_path: Path) -> None:
    with running(tmp_path, {}, {}) as daemon:
        made = add(daemon, "sdk", "--role", "viewer", "--access-key")
        for target in ("/v1/builds?namespace=a%2Fb&repo_name=%E6%9E%84", "/v1/%62uilds"):
            for secret_key, status in (made["secret_key"], 200), ("wrong", 401):
                keys, host = (made["access_key"], secret_key), f"127.0.0.1:{daemon.port}"
                headers = signed(keys, "GET", target, b"", time.time(), host=host)
                assert (
                    httpx.get(f"{daemon.url}{target}", headers=headers, verify=NO_TLS).status_code == status
                )


def test_a_key_is_rotated_and_no_token_becomes_void(tmp_path: Path) -> None:
    with running(tmp_path, {}, {}) as daemon:
        old = add(daemon, "old", "--role", "viewer")["token"]
    api = {"keys": [KEY, {"file": "data/api.key"}]}
    with running(tmp_path, {"api": api}, {}) as daemon:
        new = add(daemon, "new", "--role", "viewer")["token"]
        for token in (old, new):
            answer = httpx.get(f"{daemon.url}/v1/builds", headers={"authorization": token}, verify=NO_TLS)
            assert answer.status_code == 200
