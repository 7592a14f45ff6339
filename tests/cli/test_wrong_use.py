"""What goes wrong is one line on stderr that says what to do: exit 1 for failure, 2 for wrong use."""

import os
import re
import socket
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import click
import pytest
import yaml
from support.commands import command
from support.daemon import Daemon, running
from support.engines import content, execute, opened, postgres

from bridge import __version__
from bridge.cli.root import root

BUILDER = {"builders": {"here": {"kind": "local", "command": ["true"]}}}
CONTEXT = click.Context(root)
ALL = [
    f"{name} {verb}".strip()
    for name in root.list_commands(CONTEXT)
    for verb in getattr(root.get_command(CONTEXT, name), "commands", {"": None})
]
CONFIGURED = [name for name in ALL if name not in {"demo", "help", "init", "schema"}]


def prepared(folder: Path) -> Daemon:
    """A good configuration that no daemon serves yet."""
    return Daemon(folder, BUILDER, {})


def serve(daemon: Daemon, status: int = 1) -> str:
    """The one line that a daemon which cannot start says, as a process of its own."""
    done = daemon.second()
    assert done.returncode == status
    assert done.stdout == ""
    said = [line for line in done.stderr.splitlines() if not line.startswith("warning: ")]
    assert len(said) == 1, done.stderr
    return said[0]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("frob", "No such command 'frob': see `buildbridge --help`"),
        ("--frob", "No such option '--frob': see `buildbridge --help`"),
        ("builds lits", "No such command 'lits'. Did you mean 'list'? See `buildbridge builds --help`"),
        ("builds show", "Missing argument 'BUILD_ID': see `buildbridge builds show --help`"),
        ("builds show one two", "Got unexpected extra argument (two): see `buildbridge builds show --help`"),
        ("explain /not/there", "Path '/not/there' does not exist"),
        ("builds list --limit 0", "0 is not in the range"),
        ("builds list --state done", "'done' is not one of"),
        ("deliveries list --sha xyz", "give at least the first 7 hexadecimal digits of a commit's id"),
        ("builds list --repository shop", "shop is not NAMESPACE/REPO_NAME"),
        ("builds trigger acme/shop", "give one of --branch and --tag"),
        ("builds trigger acme/shop --branch main --tag v1", "give one of --branch and --tag"),
        ("builds trigger acme/shop --branch main --commit 0123", "not a full commit id"),
        ("builds trigger a/b --branch m --clone-url --upload-pack=x", "--clone-url must be a clone address"),
        ("builds trigger a/b --branch m --clone-url ext::sh", "--clone-url must be a clone address"),
        (
            "builds trigger a/b --branch m --clone-url https://u:pw@h/s.git",
            "--clone-url must not contain a user or a password",
        ),
        ("builds trigger shop --branch main", "shop is not NAMESPACE/REPO_NAME"),
        ("db copy", "Missing option '--to'"),
    ],
)
def test_wrong_use_is_reported_in_one_line_and_exits_with_2(arguments: str, complaint: str) -> None:
    done = command(*arguments.split())
    assert complaint in done.complaint
    assert (done.status, done.stdout) == (2, "")


@pytest.mark.parametrize("name", ["", *dict.fromkeys(one.partition(" ")[0] for one in ALL if " " in one)])
def test_without_a_command_the_help_is_shown(name: str) -> None:
    done = command(*name.split())
    assert done.status == 2
    assert "Commands:" in done.stderr + done.stdout


@pytest.mark.parametrize("name", ["", *ALL])
def test_every_command_has_help_that_says_what_it_does(name: str) -> None:
    for flag in ("-h", "--help"):
        done = command(*name.split(), flag)
        assert (done.status, done.stderr) == (0, "")
        assert re.match(rf"Usage: buildbridge {name}.*\n\n  \S", done.stdout, re.DOTALL)


def test_the_version_is_reported() -> None:
    assert command("--version").stdout == f"buildbridge {__version__}\n"


def needed(name: str, body: Path) -> list[str]:
    """The arguments that a command cannot do without."""
    given = {
        "explain": [str(body)],
        "connect": ["x"],
        "builds resolve": ["x", "--as", "failed", "--reason", "x"],
        "builds trigger": ["a/b", "--branch", "main"],
        "db backup": ["x"],
        "db copy": ["--to", "sqlite:///x"],
        "db delete": ["a/b"],
        "db restore": ["x"],
        "silences add": ["--channel", "team", "--until", "1h", "--reason", "x"],
        "silences end": ["x"],
        "token add": ["ci", "--role", "viewer"],
    }
    of_one = (
        "show",
        "log",
        "cancel",
        "retry",
        "redeliver",
        "replay",
        "preview",
        "drop",
        "test",
        "setup",
        "revoke",
    )
    return given.get(name, ["x"] if name.endswith(tuple(f" {verb}" for verb in of_one)) else [])


@pytest.mark.parametrize("name", CONFIGURED)
def test_every_command_says_that_the_configuration_is_not_there(name: str, tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    body.write_text("{}")
    done = command("--config", tmp_path / "gone.yaml", *name.split(), *needed(name, body))
    assert done.status == (os.EX_CONFIG if name == "serve" else 1)
    assert "gone.yaml: cannot be read: No such file or directory" in done.stdout + done.stderr


@pytest.mark.parametrize("name", CONFIGURED)
def test_the_configuration_is_named_before_a_command_or_after_it(name: str, tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    body.write_text("{}")
    gone = tmp_path / "gone.yaml"
    asked = [*name.split(), *needed(name, body)]
    before = command("--config", gone, *asked)
    assert command(*asked, "--config", gone) == before
    assert command("--config", "not-this.yaml", *asked, "--config", gone) == before


def test_what_goes_wrong_in_a_process_is_one_line_without_a_traceback(tmp_path: Path) -> None:
    """The same as above, with nothing of this process in between."""
    for arguments, status in ((["--config", "gone.yaml", "builds", "list"], 1), (["frob"], 2)):
        done = subprocess.run(
            [sys.executable, "-m", "bridge", *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            check=False,
            timeout=60,
        )
        assert (done.returncode, done.stdout) == (status, "")
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("line", ["--help", "demo --once"])
def test_a_reader_that_leaves_early_is_no_failure_that_is_reported(line: str) -> None:
    """As with `buildbridge builds list --help | head -1`."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "bridge", *line.split()],
            stdout=writing,
            stderr=subprocess.PIPE,
            check=False,
            timeout=60,
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


def test_a_configuration_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    daemon = prepared(tmp_path)
    daemon.config.write_bytes(b"language: \xff\n")
    assert command("--config", daemon.config, "serve").complaint.startswith(f"{daemon.config}:1:11: ")
    assert command("--config", tmp_path, "serve").complaint == f"{tmp_path}: is not a file"


def test_a_daemon_without_a_configuration_says_so(tmp_path: Path) -> None:
    daemon = prepared(tmp_path)
    daemon.config.unlink()
    done = command("--config", daemon.config, "serve")
    why = "cannot be read: No such file or directory: create it, or correct what names it"
    assert done.complaint == f"{daemon.config}: {why}"
    assert (done.status, done.stdout) == (os.EX_CONFIG, "")


def test_a_port_that_is_taken_is_reported(tmp_path: Path) -> None:
    daemon = prepared(tmp_path)
    with socket.create_server(("127.0.0.1", daemon.port)):
        said = serve(daemon)
    assert said.startswith(f"cannot listen on 127.0.0.1:{daemon.port}: Address already in use")
    assert said.endswith(": choose another server.port")


def test_a_second_daemon_on_the_same_store_is_rejected(tmp_path: Path) -> None:
    with running(tmp_path, BUILDER, {}) as daemon:
        place, cure = daemon.database, "file as store.url"
        if postgres():
            place, cure = place.parent, "store.folder"
        assert serve(daemon) == f"{place} is in use by another daemon: stop that one, or name another {cure}"


def digest(daemon: Daemon) -> str:
    """Of all that is in the store."""
    return sha256(content(daemon.database) if postgres() else daemon.database.read_bytes()).hexdigest()


def test_the_store_of_a_newer_release_is_left_alone(tmp_path: Path) -> None:
    daemon = prepared(tmp_path)
    opened(daemon.database).close()
    execute(daemon.database, "UPDATE alembic_version SET version_num = '9999'")
    before = digest(daemon)
    assert "was written by a newer release (schema 9999" in serve(daemon, os.EX_CONFIG)
    assert "install that release" in command("--config", daemon.config, "builds", "list").complaint
    assert digest(daemon) == before


@pytest.mark.sqlite
@pytest.mark.parametrize("found", [b"not a database at all" * 100, b"SQLite format 3\0" + b"\xff" * 4096])
def test_a_store_that_is_no_database_is_reported(tmp_path: Path, found: bytes) -> None:
    daemon = prepared(tmp_path)
    daemon.database.parent.mkdir()
    daemon.database.write_bytes(found)
    done = command("--config", daemon.config, "builds", "list")
    assert done.status == 1
    assert done.complaint.startswith(f"{daemon.database} cannot be used as the store: ")
    assert daemon.database.read_bytes() == found


def test_a_store_in_a_place_that_cannot_be_is_reported(tmp_path: Path) -> None:
    daemon = prepared(tmp_path)
    config = yaml.safe_load(daemon.config.read_text())
    config["api"]["keys"] = ["a-key-of-the-tests-with-enough-letters"]
    daemon.config.write_text(yaml.safe_dump(config))
    daemon.database.parent.write_text("a file where a folder should be")
    assert re.search(r"data: File exists: .* needs a folder (that )?it may write", serve(daemon))
