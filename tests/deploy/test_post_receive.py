"""The hook for plain Git servers, with a real repository, real pushes and a loopback receiver."""

import json

import pytest
from standardwebhooks.webhooks import Webhook
from support.pushing import Receiver, Site

from bridge.model.event import Ignored

ZERO = "0" * 40


def test_a_first_push_reports_branch_commit_files_and_people(site: Site, receiver: Receiver) -> None:
    sha = site.commit(b"first\n\nwith a body\n")
    assert site.push("main") == ""
    event = receiver.pushed()
    assert (event.repo.full_name, event.repo.clone_url) == ("acme/shop", str(site.bare))
    assert (event.event, event.ref.full, event.sha, event.before) == ("push", "refs/heads/main", sha, ZERO)
    assert event.commit is not None
    assert event.commit.message == "first\n\nwith a body\n"
    assert (event.commit.author.name, event.commit.author.email) == ("Zoë “Z” Ångström", "zoe@example.org")
    assert event.pusher.name == "zoe"
    assert (event.changed, event.truncated) == (("a.txt",), True)


def test_a_later_push_reports_all_files_between_the_two_commits(site: Site, receiver: Receiver) -> None:
    first = site.commit()
    site.push("main")
    receiver.requests.clear()
    site.commit(name="docs/说明.md")
    site.commit(name='we"ird\\\tna\nme')
    site.push("main")
    event = receiver.pushed()
    assert event.before == first
    assert set(event.changed or ()) == {"docs/说明.md", 'we"ird\\\tna\nme'}
    assert not event.truncated


def test_a_merge_as_a_new_branch_reports_what_it_brought(site: Site, receiver: Receiver) -> None:
    site.commit()
    site.git("checkout", "-q", "-b", "side")
    site.commit(name="side.txt")
    site.git("checkout", "-q", "main")
    site.commit(name="main.txt")
    site.git("merge", "-q", "--no-ff", "-m", "merge", "side")
    site.push("main")
    assert receiver.pushed().changed == ("side.txt",)


def test_a_very_large_push_says_that_its_list_is_cut(site: Site, receiver: Receiver) -> None:
    site.commit()
    site.push("main")
    receiver.requests.clear()
    for number in range(1001):
        (site.work / f"{number}.txt").write_text("")
    site.commit()
    site.push("main")
    event = receiver.pushed()
    assert len(event.changed or ()) == 1000
    assert event.truncated


def test_both_kinds_of_tag_tell_the_commit(site: Site, receiver: Receiver) -> None:
    sha = site.commit()
    site.git("tag", "light")
    site.git("tag", "-a", "-m", "heavy", "heavy/1.0")
    site.push("light", "heavy/1.0")
    reported = {event.ref.full: event.sha for event in receiver.events() if event.ref}
    assert reported == {"refs/tags/light": sha, "refs/tags/heavy/1.0": sha}
    assert all(event.event == "tag" for event in receiver.events())


def test_a_moved_annotated_tag_reports_the_files_between_its_commits(site: Site, receiver: Receiver) -> None:
    site.commit()
    site.git("tag", "-a", "-m", "1", "v1")
    site.push("v1")
    receiver.requests.clear()
    sha = site.commit(name="b.txt")
    site.git("tag", "-f", "-a", "-m", "2", "v1")
    site.push("+v1")
    event = receiver.pushed()
    assert (event.sha, event.changed, event.truncated) == (sha, ("b.txt",), False)


def test_a_removed_ref_is_reported_as_such(site: Site, receiver: Receiver) -> None:
    sha = site.commit()
    site.push("main:gone")
    receiver.requests.clear()
    site.push(":gone")
    (event,) = receiver.events()
    assert isinstance(event, Ignored)
    assert (event.event, event.ref and event.ref.full, event.before) == ("delete", "refs/heads/gone", sha)


@pytest.mark.parametrize(
    "name", ["说明/ünï", "it's-$(touch-x)`y`;&|<>", 'quo"ted', "-dash", "refs/heads/again", "%s%n"]
)
def test_any_name_that_git_allows_arrives_unchanged(site: Site, receiver: Receiver, name: str) -> None:
    site.commit()
    site.push(f"main:refs/heads/{name}")
    assert receiver.pushed().ref.name == name


@pytest.mark.parametrize(
    ("message", "reported"),
    [
        (
            b'"quotes" \\ back\tslash %s $(x)\n\nline\x01\x1f\x7f',
            '"quotes" \\ back\tslash %s $(x)\n\nline\x01\x1f\x7f',
        ),
        ("说明 😀 é".encode(), "说明 😀 é"),
    ],
    ids=["ascii", "unicode"],
)
def test_any_message_arrives_as_text(site: Site, receiver: Receiver, message: bytes, reported: str) -> None:
    site.commit(message)
    site.push("main")
    commit = receiver.pushed().commit
    assert commit is not None
    assert commit.message.rstrip("\n") == reported


def test_what_is_not_utf_8_is_replaced(site: Site, receiver: Receiver) -> None:
    site.commit()
    message = b"bad \xff\xc3( \xe2\x82 \xed\xa0\x80 \xc0\xaf \xf5 end"
    raw = site.git("cat-file", "commit", "HEAD").encode().partition(b"\n\n")[0] + b"\n\n" + message
    sha = site.git("hash-object", "-t", "commit", "-w", "--stdin", input=raw)
    site.push(f"{sha}:refs/heads/main")
    commit = receiver.pushed().commit
    assert commit is not None
    assert commit.message.rstrip("\n").replace("\ufffd", "?") == "bad ??( ? ? ?? ? end"


def test_a_huge_message_is_cut(site: Site, receiver: Receiver) -> None:
    site.commit(b"x" * 1_000_000)
    site.push("main")
    commit = receiver.pushed().commit
    assert commit is not None
    assert commit.message == "x" * 4096


@pytest.mark.parametrize(
    ("stored", "key"),
    [
        (b"plain\r\n", b"plain"),
        (b"6" * 64, b"6" * 64),
        (b"long\\x36" * 40, b"long\\x36" * 40),
        (bytes(range(1, 256)), bytes(range(1, 256))),
    ],
    ids=["line-end", "block", "over-a-block", "all-bytes"],
)
def test_every_plain_secret_signs(site: Site, receiver: Receiver, stored: bytes, key: bytes) -> None:
    site.secret_file.write_bytes(stored)
    site.commit()
    site.push("main")
    assert len(receiver.events(key)) == 1


def test_an_independent_library_accepts_the_signature(site: Site, receiver: Receiver) -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    site.secret_file.write_text(secret + "\n")
    site.commit()
    site.push("main")
    ((headers, body),) = receiver.requests
    assert Webhook(secret).verify(body, headers) == json.loads(body)


def test_the_settings_override_name_and_address(site: Site, receiver: Receiver) -> None:
    site.git("config", "bridge.fullName", "tools/über", folder=site.bare)
    site.git("config", "bridge.cloneUrl", "https://git.example.org/tools.git", folder=site.bare)
    site.commit()
    site.push("main")
    repo = receiver.pushed().repo
    assert (repo.full_name, repo.clone_url) == ("tools/über", "https://git.example.org/tools.git")
