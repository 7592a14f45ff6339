"""Tokens and access keys by the command line: made, listed, revoked; and who changed what."""

import stat
from pathlib import Path
from typing import Any

import jwt
import pytest
from support.commands import Done, command
from support.daemon import Daemon
from support.engines import content, opened

KEY = "a-key-of-the-tests-with-enough-letters"


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    """A configuration with an empty store; nothing serves it."""
    found = Daemon(tmp_path, {}, {})
    opened(found.database).close()
    return found


def add(daemon: Daemon, *arguments: str) -> dict[str, Any]:
    done = command("--config", daemon.config, "token", "add", *arguments, "--json")
    assert (done.status, done.stderr) == (0, "")
    (document,) = done.documents
    return document


def ask(daemon: Daemon, *arguments: str) -> Done:
    return command("--config", daemon.config, *arguments)


def claims_of(token: str, key: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, key, algorithms=["HS256"])
    return found


def test_a_token_is_printed_once_and_signed_with_a_key_that_only_its_owner_reads(daemon: Daemon) -> None:
    made = add(
        daemon, "ci", "--role", "member", "--namespace", "acme", "--namespace", "x", "--expires", "90d"
    )
    assert set(made) == {"id", "token"}
    file = daemon.database.with_name("api.key")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    key = file.read_text().strip()
    claims = claims_of(made["token"], key)
    assert (claims["jti"], claims["user"], claims["role"]) == (made["id"], "ci", "member")
    assert claims["namespaces"] == ["acme", "x"]
    assert claims["exp"] - claims["iat"] == pytest.approx(90 * 86400, abs=1)
    assert claims_of(add(daemon, "me", "--role", "admin")["token"], key)["namespaces"] is None
    assert [path.name for path in file.parent.iterdir() if "key" in path.name] == ["api.key"]


def test_an_access_key_comes_with_a_secret_key_that_is_kept_nowhere(daemon: Daemon) -> None:
    made = add(daemon, "sdk", "--role", "viewer", "--access-key")
    again = add(daemon, "sdk", "--role", "viewer", "--access-key")
    assert set(made) == {"id", "access_key", "secret_key"}
    assert made["access_key"] != again["access_key"]
    assert made["secret_key"] != again["secret_key"]
    stored = content(daemon.database)
    assert made["access_key"].encode() in stored
    assert made["secret_key"].encode() not in stored


def test_for_people_the_secret_stands_in_a_line_and_they_are_told_to_keep_it(daemon: Daemon) -> None:
    done = ask(daemon, "token", "add", "ann", "--role", "viewer")
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["id", "token"]
    assert done.complaint == "it is shown only now, and kept nowhere: store it safely"


def test_the_first_configured_key_signs_and_no_other_secret_is_looked_up(tmp_path: Path) -> None:
    api = {"tokens": [{"env": "NOT_SET_HERE"}], "keys": [{"file": "new"}, KEY]}
    daemon = Daemon(tmp_path, {"api": api}, {})
    opened(daemon.database).close()
    (tmp_path / "new").write_text(f"{KEY}-new\n")
    token = add(daemon, "ci", "--role", "viewer")["token"]
    assert claims_of(token, f"{KEY}-new")["user"] == "ci"
    assert not daemon.database.with_name("api.key").exists()
    (tmp_path / "new").unlink()
    assert "new cannot be read" in ask(daemon, "token", "add", "ci", "--role", "viewer").complaint


def test_tokens_are_listed_with_their_state_and_revoked_once(daemon: Daemon) -> None:
    first = add(daemon, "first", "--role", "member", "--namespace", "acme")
    second = add(daemon, "second", "--role", "viewer", "--access-key", "--expires", "1ms")
    assert ask(daemon, "token", "revoke", first["id"]).stdout == f"revoked {first['id']}\n"
    listed = ask(daemon, "token", "list", "--json").documents
    assert [(one["id"], one["name"], one["state"]) for one in listed] == [
        (second["id"], "second", "expired"),
        (first["id"], "first", "revoked"),
    ]
    assert (listed[0]["access_key"], listed[1]["namespaces"]) == (second["access_key"], ["acme"])
    assert "second" in ask(daemon, "token", "list").stdout
    again = ask(daemon, "token", "revoke", first["id"])
    assert (again.status, again.complaint) == (1, f"{first['id']} was revoked before: see `token list`")
    assert "x is not the id of a token" in ask(daemon, "token", "revoke", "x").complaint


def test_each_change_is_on_the_trail_without_what_is_secret(daemon: Daemon) -> None:
    made = add(daemon, "ci", "--role", "member", "--namespace", "acme")
    ask(daemon, "token", "revoke", made["id"])
    done = ask(daemon, "audit", "list", "--json")
    revoked, added = done.documents
    rights = {"name": "ci", "role": "member", "namespaces": ["acme"], "expires_at": None}
    for entry, action in (added, "token.added"), (revoked, "token.revoked"):
        assert (entry["action"], entry["subject"], entry["origin"]) == (action, made["id"], "cli")
        assert entry["name"]
    assert (added["before"], added["after"]) == (None, rights)
    assert (revoked["before"], revoked["after"]) == (rights, None)
    assert made["token"] not in done.stdout
    assert [one["id"] for one in ask(daemon, "audit", "list", "--limit", "1", "--json").documents] == [
        revoked["id"]
    ]
    assert "token.revoked" in ask(daemon, "audit", "list").stdout


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["ci"], "Missing option '--role'"),
        (["ci", "--role", "root"], "'root' is not one of 'viewer', 'member', 'admin'"),
        (["ci", "--role", "admin", "--namespace", "acme"], "an admin may do everything everywhere"),
        (["ci", "--role", "viewer", "--namespace", ""], "none of them empty"),
        (["", "--role", "viewer"], "name: has 1 to 64 letters"),
        (["a\nb", "--role", "viewer"], "name: has 1 to 64 letters"),
        (["ci", "--role", "viewer", "--expires", "soon"], "a duration needs a number and a unit"),
        (["ci", "--role", "viewer", "--expires", "0d"], "must be longer than 0"),
        (["ci", "--role", "viewer", "--expires", "99999d"], "longer than 3650d: leave it out"),
    ],
)
def test_what_makes_no_sense_is_rejected(daemon: Daemon, arguments: list[str], why: str) -> None:
    done = ask(daemon, "token", "add", *arguments)
    assert done.status == 2
    assert why in done.complaint
    assert ask(daemon, "token", "list", "--json").documents == []


@pytest.mark.parametrize(
    ("prepare", "why"),
    [
        (lambda file: file.write_text("short\n"), "holds no key: delete it"),
        (lambda file: file.write_bytes(b"\xff" * 64), "not text"),
        (lambda file: file.mkdir(), "Is a directory"),
    ],
    ids=["short", "bytes", "folder"],
)
def test_a_file_that_holds_no_key_is_named(daemon: Daemon, prepare: Any, why: str) -> None:
    file = daemon.database.with_name("api.key")
    prepare(file)
    done = ask(daemon, "token", "add", "ci", "--role", "viewer")
    assert done.status == 1
    assert done.complaint.startswith(str(file))
    assert why in done.complaint


def test_a_configured_key_that_can_be_guessed_is_rejected(daemon: Daemon) -> None:
    text = daemon.config.read_text().replace("api:\n", "api:\n  keys: [too-short]\n")
    daemon.config.write_text(text)
    for arguments in (["check"], ["token", "add", "ci", "--role", "viewer"]):
        done = ask(daemon, *arguments)
        assert done.status == 1
        assert "api.keys[0]: is shorter than 32 characters" in done.stdout + done.stderr
