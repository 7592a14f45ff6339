"""The hook where something is missing, rejected or busy: the push goes on, and the pusher reads why."""

from pathlib import Path

import pytest
from support.needs import needs
from support.pushing import Receiver, Site


def hasty(site: Site) -> None:
    """Let the hook give up soon."""
    hook = site.bare / "hooks" / "post-receive"
    script = hook.read_text()
    assert "\npatience=15 " in script
    hook.write_text(script.replace("\npatience=15 ", "\npatience=1 "))


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


def test_a_rejection_is_reported_at_once_and_the_next_ref_still_goes_out(
    site: Site, receiver: Receiver
) -> None:
    receiver.answers = [401]
    site.commit()
    said = site.push("main:a", "main:b")
    assert "the bridge rejected the push of refs/heads/a (HTTP 401)" in said
    assert len(receiver.requests) == 2


def test_an_unreachable_bridge_never_fails_the_push(site: Site, receiver: Receiver) -> None:
    site.git("config", "bridge.url", "http://127.0.0.1:1/hooks/plain", folder=site.bare)
    hasty(site)
    site.commit()
    said = site.push("main:a", "main:b")
    assert said.count("buildbridge:") == 1
    assert "the bridge does not answer: refs/heads/a and 1 more were not reported" in said
    assert site.git("rev-parse", "refs/heads/b", folder=site.bare)


def test_a_bridge_that_stays_busy_is_reported_in_plain_words(site: Site, receiver: Receiver) -> None:
    receiver.answers = [503] * 10
    hasty(site)
    site.commit()
    assert "cannot accept reports now (HTTP 503): refs/heads/main was not reported" in site.push("main")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_no_proxy_stands_before_a_bridge_on_the_same_machine(
    site: Site, receiver: Receiver, host: str
) -> None:
    site.environ.pop("no_proxy")
    site.environ |= {"http_proxy": "http://127.0.0.1:1", "ALL_PROXY": "http://127.0.0.1:1"}
    site.git("config", "bridge.url", receiver.url.replace("127.0.0.1", host), folder=site.bare)
    hasty(site)
    site.commit()
    assert site.push("main") == ""
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("missing", ["bridge.url", "bridge.secretFile"])
def test_a_missing_setting_is_reported(site: Site, receiver: Receiver, missing: str) -> None:
    site.git("config", "--unset", missing, folder=site.bare)
    site.commit()
    assert "set bridge.url and bridge.secretFile" in site.push("main")
    assert receiver.requests == []


@pytest.mark.parametrize("content", [None, b"", b"\n", b"whsec_!!!"])
def test_an_unusable_secret_file_is_reported(site: Site, receiver: Receiver, content: bytes | None) -> None:
    site.secret_file.unlink() if content is None else site.secret_file.write_bytes(content)
    site.commit()
    assert "cannot be read, or holds no key" in site.push("main")
    assert receiver.requests == []


def test_a_missing_program_is_reported(site: Site, receiver: Receiver) -> None:
    folder = site.bare.parent / "bin"
    folder.mkdir()
    for program in ("awk", "date", "git", "od", "openssl"):
        (folder / program).symlink_to(needs(program))
    hook = site.bare / "hooks" / "post-receive"
    hook.write_text(hook.read_text().replace("set -u\n", f"set -u\nPATH={folder}\n", 1))
    site.commit()
    assert "curl is not installed" in site.push("main")


def test_a_tag_of_something_else_than_a_commit_is_reported_to_the_pusher_only(
    site: Site, receiver: Receiver
) -> None:
    site.commit()
    site.git("tag", "tree", "HEAD^{tree}")
    assert "the push of refs/tags/tree was not reported: it does not point to a commit" in site.push("tree")
    assert receiver.requests == []


def test_other_refs_are_not_reported(site: Site, receiver: Receiver) -> None:
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
