"""Silences by the command line, beside a daemon or without one."""

from pathlib import Path

import pytest
from support.commands import Done, command
from support.daemon import Daemon
from support.engines import opened


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    found = Daemon(tmp_path, {}, {})
    opened(found.database).close()
    return found


def ask(daemon: Daemon, *arguments: str) -> Done:
    return command("--config", daemon.config, *arguments)


def add(daemon: Daemon, *matcher: str, until: str = "2h", reason: str = "known") -> Done:
    return ask(daemon, "silences", "add", *matcher, "--until", until, "--reason", reason)


def test_a_silence_is_made_seen_and_ended(daemon: Daemon) -> None:
    done = add(daemon, "--repository", "acme/*", "--event", "buildJobFail", "--event", "buildJobStop")
    assert done.status == 0, done.stderr
    assert done.stdout.endswith(" holds repository acme/*; events buildJobFail, buildJobStop\n")
    (found,) = ask(daemon, "silences", "list", "--json").documents
    assert (found["state"], found["reason"], found["held"]) == ("active", "known", 0)
    assert "silences in force" in ask(daemon, "status").stdout
    assert "生效中的静默" in ask(daemon, "status", "--language", "zh-CN").stdout
    (status,) = ask(daemon, "status", "--json").documents
    assert [one["holds"] for one in status["silences"]] == [
        "repository acme/*; events buildJobFail, buildJobStop"
    ]
    assert ask(daemon, "silences", "end", found["id"][-8:]).stdout == f"ended {found['id']}\n"
    assert ask(daemon, "silences", "list", "--json").documents == []
    (ended,) = ask(daemon, "silences", "list", "--all", "--json").documents
    assert (ended["state"], ended["ended_by"]) == ("ended", found["author"])
    again = ask(daemon, "silences", "end", found["id"])
    assert (again.status, again.complaint) == (1, f"{found['id']} has ended before: see `silences list`")
    assert ask(daemon, "silences", "end", "nosuch").complaint == (
        "nosuch is no silence: see `silences list --all`"
    )
    trail = ask(daemon, "audit", "list", "--json").documents
    assert [(one["action"], one["origin"]) for one in trail] == [
        ("silence.ended", "cli"),
        ("silence.added", "cli"),
    ]


@pytest.mark.parametrize(
    ("matcher", "until", "reason", "complaint"),
    [
        ([], "2h", "known", "without repository, ref, events and channel it would hold everything"),
        (["--channel", "none"], "2h", "known", "there is no channel none: there are message"),
        (["--ref", "main"], "91d", "known", "until: is over 90 days ahead"),
        (["--ref", "main"], "2001-01-01", "known", "until: is past"),
        (["--ref", "main"], "soon", "known", "soon is neither a time, such as"),
        (["--ref", "main"], "2h", "", "a reason has 1 to 500 characters"),
        (["--ref", "x" * 301], "2h", "known", "a pattern has 1 to 300 characters"),
    ],
)
def test_what_cannot_be_is_wrong_use(
    daemon: Daemon, matcher: list[str], until: str, reason: str, complaint: str
) -> None:
    done = add(daemon, *matcher, until=until, reason=reason)
    assert done.status == 2
    assert complaint in done.stderr
    assert ask(daemon, "silences", "list", "--json").documents == []
