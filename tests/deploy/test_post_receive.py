"""The hook for plain Git servers, with a real repository, real pushes and a loopback receiver."""

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook
from support.needs import needs

from bridge.forges.simple import Simple
from bridge.model.event import Ignored, PushEvent

HOOK = Path(__file__).parents[2] / "deploy" / "git-hooks" / "post-receive"
SECRET = "a plain \\ secret: 6%s & ümlaut"
ZERO = "0" * 40


@dataclass
class Receiver:
    """Answers with `answers` in turn, then 202, and keeps what it got."""

    answers: list[int] = field(default_factory=list)
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    def take(self, headers: dict[str, str], body: bytes) -> int:
        self.requests.append((headers, body))
        return self.answers.pop(0) if self.answers else 202

    def events(self, secret: bytes = SECRET.encode()) -> list[PushEvent | Ignored]:
        """What was told, each delivery verified and parsed."""
        forge, told = Simple(), []
        for headers, body in self.requests:
            assert forge.recognises(headers, body)
            delivery = forge.receive(
                id="1", source="plain", headers=headers, body=body, secrets=[secret], now=time.time()
            )
            told += forge.parse(delivery.headers, delivery.body)
        return told

    def pushed(self) -> PushEvent:
        (event,) = self.events()
        assert isinstance(event, PushEvent)
        return event


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = kept.take({name.lower(): value for name, value in self.headers.items()}, body)
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name
            """Tests print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    kept.url = f"http://127.0.0.1:{server.server_address[1]}/hooks/plain"
    yield kept
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class Site:
    """A bare repository with the hook, and a clone to push from."""

    bare: Path
    work: Path
    secret_file: Path
    environ: dict[str, str]
    said: str = ""

    def git(self, *arguments: str | bytes, folder: Path | None = None, **more: Any) -> str:
        command = ["git", "-C", str(folder or self.work), *arguments]
        done = subprocess.run(command, env=self.environ, capture_output=True, timeout=60, check=False, **more)
        assert done.returncode == 0, done.stderr
        self.said = done.stderr.decode()
        return bytes(done.stdout).decode().strip()

    def commit(self, message: bytes = b"first", name: str = "a.txt", text: str = "1") -> str:
        (self.work / name).parent.mkdir(parents=True, exist_ok=True)
        (self.work / name).write_text(text)
        self.git("add", "--all")
        self.git("commit", "--cleanup=verbatim", "--allow-empty", "-F", "-", input=message)
        return self.git("rev-parse", "HEAD")

    def push(self, *refs: str) -> str:
        """Push, and return what the pusher's terminal showed of the hook."""
        self.git("push", "-q", "origin", *refs)
        lines = self.said.splitlines()
        return "\n".join(line for line in lines if "buildbridge" in line)


@pytest.fixture
def site(tmp_path: Path, receiver: Receiver) -> Site:
    for program in ("git", "curl", "openssl"):
        needs(program)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environ |= {
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "Zoë “Z” Ångström",
        "GIT_AUTHOR_EMAIL": "zoe@example.org",
        "GIT_COMMITTER_NAME": "Robot",
        "GIT_COMMITTER_EMAIL": "robot@example.org",
        "USER": "zoe",
        "TMPDIR": str(tmp_path / "tmp"),
        "no_proxy": "127.0.0.1",
    }
    (tmp_path / "tmp").mkdir()
    made = Site(tmp_path / "acme" / "shop.git", tmp_path / "work", tmp_path / "secret", environ)
    made.secret_file.write_text(SECRET + "\n")
    made.git("init", "-q", "--bare", str(made.bare), folder=tmp_path)
    made.git("init", "-q", "-b", "main", str(made.work), folder=tmp_path)
    made.git("remote", "add", "origin", str(made.bare))
    made.git("config", "bridge.url", receiver.url, folder=made.bare)
    made.git("config", "bridge.secretFile", str(made.secret_file), folder=made.bare)
    hook = made.bare / "hooks" / "post-receive"
    hook.write_bytes(HOOK.read_bytes())
    hook.chmod(0o755)
    return made


def test_a_first_push_tells_branch_commit_files_and_people(site: Site, receiver: Receiver) -> None:
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


def test_a_later_push_tells_all_files_between_the_two_commits(site: Site, receiver: Receiver) -> None:
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


def test_a_merge_as_a_new_branch_tells_what_it_brought(site: Site, receiver: Receiver) -> None:
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
    told = {event.ref.full: event.sha for event in receiver.events() if event.ref}
    assert told == {"refs/tags/light": sha, "refs/tags/heavy/1.0": sha}
    assert all(event.event == "tag" for event in receiver.events())


def test_a_moved_annotated_tag_tells_the_files_between_its_commits(site: Site, receiver: Receiver) -> None:
    site.commit()
    site.git("tag", "-a", "-m", "1", "v1")
    site.push("v1")
    receiver.requests.clear()
    sha = site.commit(name="b.txt")
    site.git("tag", "-f", "-a", "-m", "2", "v1")
    site.push("+v1")
    event = receiver.pushed()
    assert (event.sha, event.changed, event.truncated) == (sha, ("b.txt",), False)


def test_a_removed_ref_is_told_as_such(site: Site, receiver: Receiver) -> None:
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
    ("message", "told"),
    [
        (
            b'"quotes" \\ back\tslash %s $(x)\n\nline\x01\x1f\x7f',
            '"quotes" \\ back\tslash %s $(x)\n\nline\x01\x1f\x7f',
        ),
        ("说明 😀 é".encode(), "说明 😀 é"),
    ],
    ids=["ascii", "unicode"],
)
def test_any_message_arrives_as_text(site: Site, receiver: Receiver, message: bytes, told: str) -> None:
    site.commit(message)
    site.push("main")
    commit = receiver.pushed().commit
    assert commit is not None
    assert commit.message.rstrip("\n") == told


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


def test_a_bridge_that_is_busy_gets_the_same_delivery_again(site: Site, receiver: Receiver) -> None:
    receiver.answers = [503, 503]
    site.commit()
    assert site.push("main") == ""
    first, second, third = receiver.requests
    assert first[0]["webhook-id"] == second[0]["webhook-id"] == third[0]["webhook-id"]
    assert first[1] == second[1] == third[1]


def test_each_change_has_an_id_of_its_own_and_they_come_in_order(site: Site, receiver: Receiver) -> None:
    site.commit()
    site.push("main:a", "main:b", "main:c")
    assert [event.ref and event.ref.name for event in receiver.events()] == ["a", "b", "c"]
    assert len({headers["webhook-id"] for headers, _ in receiver.requests}) == 3


def test_a_refusal_is_told_at_once_and_the_next_ref_still_goes_out(site: Site, receiver: Receiver) -> None:
    receiver.answers = [401]
    site.commit()
    said = site.push("main:a", "main:b")
    assert "refused the news of refs/heads/a (HTTP 401)" in said
    assert len(receiver.requests) == 2


def test_an_unreachable_bridge_never_fails_the_push(site: Site, receiver: Receiver) -> None:
    site.git("config", "bridge.url", "http://127.0.0.1:1/hooks/plain", folder=site.bare)
    hook = site.bare / "hooks" / "post-receive"
    script = hook.read_text()
    assert "\npatience=15 " in script
    hook.write_text(script.replace("\npatience=15 ", "\npatience=1 "))
    site.commit()
    said = site.push("main:a", "main:b")
    assert said.count("buildbridge:") == 1
    assert "refs/heads/a and 1 more were not told" in said
    assert site.git("rev-parse", "refs/heads/b", folder=site.bare)


@pytest.mark.parametrize("missing", ["bridge.url", "bridge.secretFile"])
def test_a_missing_setting_is_told(site: Site, receiver: Receiver, missing: str) -> None:
    site.git("config", "--unset", missing, folder=site.bare)
    site.commit()
    assert "set bridge.url and bridge.secretFile" in site.push("main")
    assert receiver.requests == []


@pytest.mark.parametrize("content", [None, b"", b"\n", b"whsec_!!!"])
def test_an_unusable_secret_file_is_told(site: Site, receiver: Receiver, content: bytes | None) -> None:
    site.secret_file.unlink() if content is None else site.secret_file.write_bytes(content)
    site.commit()
    assert "cannot be read, or holds no key" in site.push("main")
    assert receiver.requests == []


def test_a_missing_program_is_told(site: Site, receiver: Receiver) -> None:
    folder = site.bare.parent / "bin"
    folder.mkdir()
    for program in ("awk", "date", "git", "od", "openssl"):
        (folder / program).symlink_to(needs(program))
    hook = site.bare / "hooks" / "post-receive"
    hook.write_text(hook.read_text().replace("set -u\n", f"set -u\nPATH={folder}\n", 1))
    site.commit()
    assert "curl is not installed" in site.push("main")


def test_a_tag_of_something_else_than_a_commit_is_told_to_the_pusher_only(
    site: Site, receiver: Receiver
) -> None:
    site.commit()
    site.git("tag", "tree", "HEAD^{tree}")
    assert "refs/tags/tree points to no commit" in site.push("tree")
    assert receiver.requests == []


def test_other_refs_are_not_told(site: Site, receiver: Receiver) -> None:
    site.commit()
    site.push("main:refs/notes/x")
    assert receiver.requests == []


def test_nothing_is_left_in_the_temporary_folder(site: Site, receiver: Receiver) -> None:
    site.commit()
    site.push("main")
    assert list(Path(site.environ["TMPDIR"]).iterdir()) == []


@pytest.mark.parametrize("secret", ["s3cr3t-of-the-shop", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])
def test_no_program_gets_the_secret_as_an_argument(site: Site, receiver: Receiver, secret: str) -> None:
    """Every program that the hook may start is wrapped in one that writes its arguments down."""
    folder, seen = site.bare.parent / "bin", site.bare.parent / "arguments"
    folder.mkdir()
    programs = "awk cat curl cut date git mktemp od openssl printf rm sed sleep tail tr"
    for program in programs.split():
        wrapper = folder / program
        record = f"{{ echo '{program}'; printf '%s\\n' \"$@\"; }} >>'{seen}'"
        wrapper.write_text(f'#!/bin/sh\n{record}\nexec {needs(program)} "$@"\n')
        wrapper.chmod(0o755)
    site.secret_file.write_text(secret)
    site.commit()
    hook = site.bare / "hooks" / "post-receive"
    script = hook.read_text().replace("set -u\n", f"set -u\nPATH={folder}\nexport PATH\n", 1)
    hook.write_text(script)
    site.push("main")
    assert len(receiver.events(secret.encode())) == 1
    arguments = seen.read_bytes()
    assert b"openssl\ndgst" in arguments
    bare = secret.removeprefix("whsec_")
    for spelling in (bare, bare.encode().hex(), "".join(f"\\0{byte ^ 54:03o}" for byte in bare.encode())):
        assert spelling.encode() not in arguments
