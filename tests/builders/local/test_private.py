"""Private code: who gets the credentials of a source, and who does not; over real HTTP and real SSH."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedIOBase
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from support.git import Line, Origin, git, pointer, serve_http
from support.guides import shows, tables
from support.local_site import LocalSite, built, end, pushed, request, runner_of, status, until
from support.needs import lacks
from support.sshd import SshServer, serve_ssh
from support.wrong_servers import answering, certified

import bridge
from bridge.builders.base import BuilderContext, Sent
from bridge.builders.local.builder import LocalBuilder
from bridge.builders.local.folder import Folder
from bridge.builders.local.settings import LocalSettings
from bridge.cli.language import LANGUAGES
from bridge.model.build import BuildState
from bridge.runtime.clock import system_clock
from bridge.runtime.git.access import CloneAccess, web_server

TOKEN = "canary-0123456789abcdef"
LOGO = b"a logo" * 1000


def builder_with(
    site: LocalSite, access: CloneAccess, script: str = "cat hello.txt", **settings: Any
) -> LocalBuilder:
    """As the site makes them, with what the source `hub` has for its private code."""
    given = {"protocols": ["http", "ssh"], "command": ["/bin/sh", "-c", script], **settings}
    context = BuilderContext(state=site.state, clock=system_clock, access={"hub": access})
    return LocalBuilder("here", LocalSettings.model_validate(given), context)


def token_for(base: str, token: str = TOKEN) -> CloneAccess:
    return CloneAccess(source="hub", base=web_server(base) or "", username="bot", token=token)


def key_for(server: SshServer, **changes: Any) -> CloneAccess:
    given = {
        "source": "hub",
        "base": "https://127.0.0.1",
        "ssh_key": server.key,
        "known_hosts": server.known_hosts,
    }
    return CloneAccess(**{**given, "prefers_ssh": True, **changes})


@contextmanager
def private_host(root: Path, heard: list[str] | None = None, line: Line | None = None) -> Iterator[str]:
    with serve_http(root, user="bot", password=TOKEN, heard=heard, large=[LOGO], line=line) as base:
        yield base


@pytest.fixture
def lib(tmp_path: Path) -> Origin:
    return Origin(tmp_path / "lib")


@pytest.fixture
def ssh(tmp_path: Path) -> Iterator[SshServer]:
    with serve_ssh(tmp_path / "sshd") as server:
        yield server


def with_submodule(origin: Origin, lib: Origin, url: str) -> str:
    inner = pushed(lib, {"lib.txt": "in the lib\n"})
    git(origin.work, "config", "--file", ".gitmodules", "submodule.lib.path", "lib")
    git(origin.work, "config", "--file", ".gitmodules", "submodule.lib.url", url)
    git(origin.work, "update-index", "--add", "--cacheinfo", f"160000,{inner},lib")
    (origin.work / "lib").mkdir()
    return pushed(origin)


class Watch(Line):
    """Keeps what can be seen of all processes while the server answers."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = b""

    def send(self, out: BufferedIOBase, content: bytes) -> None:
        for file in chain(Path("/proc").glob("[0-9]*/cmdline"), Path("/proc").glob("[0-9]*/environ")):
            with suppress(OSError):
                self.seen += file.read_bytes()
        super().send(out, content)


async def test_a_private_repository_is_built_with_all_that_belongs_to_it_and_no_one_sees_the_token(
    site: LocalSite, origin: Origin, lib: Origin, tmp_path: Path
) -> None:
    """Its submodule and its large files need the token, too. The build looks for it wherever it can."""
    places = f"{site.state} /proc/self/environ /proc/$PPID/environ /proc/$PPID/cmdline"
    look = f"cat lib/lib.txt; head -c 6 logo.png; cat .git/config; grep -rlE 'canary-[0]' {places}; env"
    origin.commit({".gitattributes": "*.png filter=lfs\n", "logo.png": pointer(LOGO)})
    commit = with_submodule(origin, lib, "../../lib/remote.git")
    line = Watch()
    with private_host(tmp_path, line=line) as base:
        builder = builder_with(
            site, token_for(base), f"{look}; ls -l /proc/$PPID/fd || true", submodules=True, lfs=True
        )
        wanted = request(origin, commit, repo_url=f"{base}/origin/remote.git", source="hub")
        now = await built(builder, wanted)
    assert (now.state, now.detail) == (BuildState.SUCCEEDED, ""), site.text()
    output = site.text().partition("\nin the lib\na logo")[2]
    assert "BRIDGE_BUILD_ID=b1" in output
    assert "memfd" not in output, "the runner has given back what Git read"
    assert "\n/" not in output, "no file has it"
    assert b"git-remote-http" in line.seen
    assert TOKEN.encode() not in line.seen
    assert TOKEN not in site.text()
    assert not with_text(site.state, TOKEN)


def with_text(folder: Path, text: str) -> list[Path]:
    """The files below that hold it."""
    return [file for file in folder.rglob("*") if file.is_file() and text.encode() in file.read_bytes()]


async def test_a_host_that_only_a_push_names_gets_nothing(
    site: LocalSite, origin: Origin, lib: Origin, tmp_path: Path
) -> None:
    """Neither the token, nor, by way of a submodule there, code that the token opens."""
    evil: list[str] = []
    heard: list[str] = []
    with private_host(tmp_path, heard) as base, private_host(tmp_path, evil) as other:
        builder = builder_with(site, token_for(base), submodules=True)
        url = f"{other}/origin/remote.git"
        now = await built(builder, request(origin, pushed(origin), repo_url=url, source="hub"))
        with serve_http(tmp_path / "origin", heard=evil) as public:
            commit = with_submodule(origin, lib, f"{base}/lib/remote.git")
            changes = {"repo_url": f"{public}/remote.git", "source": "hub", "build_id": "b2"}
            second = await built(builder, request(origin, commit, **changes))
    assert now.state is second.state is BuildState.FAILED
    assert evil == heard == []
    assert now.detail == (
        f"git fetch of refs/heads/main failed: fatal: could not read Username for '{other}': terminal "
        f"prompts disabled: if it is private, give `sources.hub.clone` a token for {other}: what is for "
        "another `url` is never sent there"
    )


@pytest.mark.parametrize("source", [None, "other"])
async def test_code_of_another_source_is_not_fetched_with_the_token(
    site: LocalSite, origin: Origin, tmp_path: Path, source: str | None
) -> None:
    heard: list[str] = []
    with private_host(tmp_path, heard) as base:
        url = f"{base}/origin/remote.git"
        now = await built(
            builder_with(site, token_for(base)), request(origin, pushed(origin), repo_url=url, source=source)
        )
    assert (now.state, heard) == (BuildState.FAILED, [])
    assert "code_repo_source" in now.detail if source is None else "`sources.other.clone`" in now.detail


async def test_a_token_of_the_source_takes_the_place_of_one_in_the_address(
    site: LocalSite, origin: Origin, tmp_path: Path
) -> None:
    with private_host(tmp_path) as base:
        url = base.replace("//", "//eve:stale@") + "/origin/remote.git"
        wanted = request(origin, pushed(origin), repo_url=url, source="hub")
        assert (await built(builder_with(site, token_for(base)), wanted)).state is BuildState.SUCCEEDED


async def test_a_wrong_token_fails_with_the_words_of_git_and_the_setting(
    site: LocalSite, origin: Origin, tmp_path: Path
) -> None:
    with private_host(tmp_path) as base:
        url = f"{base}/origin/remote.git"
        wanted = request(origin, pushed(origin), repo_url=url, source="hub")
        now = await built(builder_with(site, token_for(base, "canary-wrong-one")), wanted)
    assert now.detail == (
        f"git fetch of refs/heads/main failed: fatal: Authentication failed for '{url}/': "
        "the token of `sources.hub.clone` may not read it, or has expired"
    )
    assert "canary" not in site.text() + now.detail


async def test_a_runner_that_is_killed_in_a_fetch_leaves_no_token_and_the_next_one_gets_it_again(
    site: LocalSite, origin: Origin, lib: Origin, tmp_path: Path
) -> None:
    """The server of the submodule takes connections and says nothing."""
    with private_host(tmp_path) as base, socket.create_server(("127.0.0.1", 0)) as silent:
        commit = with_submodule(origin, lib, f"http://127.0.0.1:{silent.getsockname()[1]}/lib.git")
        builder = builder_with(site, token_for(base), submodules=True)
        wanted = request(origin, commit, repo_url=f"{base}/origin/remote.git", source="hub")
        assert await builder.trigger(wanted) == Sent("b1")
        folder = site.state / "b1"
        await until(lambda: "fetching the submodule lib" in site.text())
        os.kill(runner_of(site), signal.SIGKILL)
        await until(lambda: Folder(folder).holder() is None)
        assert not with_text(folder, TOKEN)
        await status(builder)
        await until(lambda: site.text().count("fetching the submodule lib") == 2)
        await builder.cancel("b1")
        await end(builder)


async def test_a_deploy_key_opens_a_repository_over_ssh(
    site: LocalSite, origin: Origin, ssh: SshServer
) -> None:
    wanted = request(origin, pushed(origin), repo_url=ssh.url(origin.remote), source="hub")
    now = await built(builder_with(site, key_for(ssh), "cat hello.txt; ls -l /proc/$PPID/fd || true"), wanted)
    assert (now.state, now.detail) == (BuildState.SUCCEEDED, ""), site.text()
    assert "\nhello\n" in site.text()
    assert "memfd" not in site.text()
    assert not with_text(site.state, ssh.key.splitlines()[2])


async def test_what_ssh_says_comes_with_the_setting_that_mends_it(
    site: LocalSite, origin: Origin, ssh: SshServer
) -> None:
    commit, url = pushed(origin), ssh.url(origin.remote)
    other_host = "[127.0.0.1]:{} ssh-ed25519 {}\n".format(ssh.port, ssh.known_hosts.split()[2][:-4] + "AAAA")
    for number, (access, expected) in enumerate(
        [
            (key_for(ssh, ssh_key=ssh.stranger), "the host does not take the key of `sources.hub.clone`"),
            (
                key_for(ssh, known_hosts="other " + ssh.known_hosts.partition(" ")[2]),
                f"`ssh-keyscan -p {ssh.port} 127.0.0.1`",
            ),
            (key_for(ssh, known_hosts=other_host), "`sources.hub.clone.known_hosts` has no such key"),
        ]
    ):
        wanted = request(origin, commit, repo_url=url, source="hub", build_id=f"b{number}")
        now = await built(builder_with(site, access), wanted)
        assert now.state is BuildState.FAILED
        assert expected in now.detail
    absent = request(origin, commit, repo_url=f"{url}.gone", source="hub", build_id="b9")
    now = await built(builder_with(site, key_for(ssh)), absent)
    assert (
        "does not appear to be a git repository: the key of `sources.hub.clone` may not read it" in now.detail
    )


async def test_an_https_address_is_fetched_over_ssh_where_that_is_preferred(
    site: LocalSite, origin: Origin, ssh: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here ssh only says what it is asked for."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "ssh"
    program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/called\nexit 1\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    access = key_for(ssh, base="https://git.example.com")
    wanted = request(origin, "1" * 40, repo_url="https://git.example.com/acme/my%20shop.git", source="hub")
    assert (await built(builder_with(site, access), wanted)).state is BuildState.FAILED
    called = (tmp_path / "called").read_text()
    assert "git@git.example.com git-upload-pack 'acme/my shop.git'" in called
    assert "StrictHostKeyChecking=yes" in called
    assert "IdentitiesOnly=yes" in called


async def test_a_repository_of_another_user_on_this_machine_is_built(site: LocalSite, origin: Origin) -> None:
    if os.geteuid():
        lacks("only root can give files to another user")
    commit = pushed(origin)
    for path in (origin.remote, *origin.remote.rglob("*")):
        os.chown(path, 12345, 12345)
    now = await built(
        builder_with(site, token_for("https://x.example"), protocols=["file"]), request(origin, commit)
    )
    assert now.state is BuildState.SUCCEEDED, site.text()


async def test_the_guide_has_the_words_of_what_goes_wrong(
    site: LocalSite, origin: Origin, ssh: SshServer, tmp_path: Path
) -> None:
    commit = pushed(origin)
    context, _ = certified("of an unknown authority", tmp_path)
    with private_host(tmp_path) as base, answering(b"", context) as port:
        url = f"{base}/origin/remote.git"
        hub = token_for(base)
        other_host = "other " + ssh.known_hosts.partition(" ")[2]
        cases: list[tuple[CloneAccess | None, str, dict[str, Any]]] = [
            (token_for(base, "canary-wrong"), url, {}),
            (None, url, {}),
            (token_for("https://git.example.com"), url, {}),
            (key_for(ssh, known_hosts=other_host), ssh.url(origin.remote), {}),
            (key_for(ssh, ssh_key=ssh.stranger), ssh.url(origin.remote), {}),
            (hub, f"https://127.0.0.1:{port}/a.git", {"protocols": ["https"]}),
            (hub, url, {"protocols": ["https"]}),
        ]
        said = []
        for number, (access, address, settings) in enumerate(cases):
            builder = (
                builder_with(site, access, **settings) if access else site.builder("true", protocols=["http"])
            )
            wanted = request(origin, commit, repo_url=address, source="hub", build_id=f"b{number}")
            said.append((await built(builder, wanted)).detail)
    for language in LANGUAGES:
        text = (Path(bridge.__file__).parent / "guides" / language / "private-code.md").read_text()
        (rows,) = tables(text)
        # That of the pass phrase is said before there is any build.
        rows = [row.replace("sources.gitlab.", "sources.hub.") for row in rows if "pass phrase" not in row]
        assert [shows(row, one) for row, one in zip(rows, said, strict=True)] == [True] * len(said), said
