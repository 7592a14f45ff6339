"""Logs of jobs: read where they are stored, without our token, piece by piece."""

import ssl
from collections.abc import Mapping
from pathlib import Path

import pytest
import trustme
from support.builder_contract import request
from support.builder_sites import log_from
from support.fake_actions import FakeActions, Job
from support.fake_github import FakeGitHub
from support.fake_http import FakeServer, Reply, json_reply, served
from support.github_builds import builder

from bridge.builders.base import Builder, Handle, Sent
from bridge.errors import RemoteError, Transient


class Store(FakeServer):
    """A store of another host: it knows what a server has there."""

    def __init__(self, actions: FakeActions) -> None:
        super().__init__()
        self.actions = actions
        self.tokens: list[str | None] = []
        self.ranges = True

    def handle(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        self.tokens.append(headers.get("Authorization"))
        path = target.partition("?")[0]
        return self.actions.piece(path, headers if self.ranges else {})


async def sent(ci: Builder, build_id: str = "b-1") -> Handle:
    outcome = await ci.trigger(request(build_id))
    assert isinstance(outcome, Sent), outcome
    return outcome.handle


@pytest.mark.parametrize("ranges", [True, False], ids=["in parts", "whole"])
async def test_logs_are_read_at_another_host_without_our_token(github: FakeGitHub, ranges: bool) -> None:
    text = "🐳" * 200_000 + "\n"
    with served(Store(github)) as store:
        store.ranges = ranges
        github.store = store.url
        async with builder(github) as ci:
            handle = await sent(ci)
            github.start(github.run("b-1"), text)
            running, offset = await log_from(ci, handle)
            assert running == f"== prepare ==\n{text}"
            github.finish(github.run("b-1"), tail="pushed\n")
            assert (await log_from(ci, handle, offset))[0] == "== image ==\npushed\n"
    assert store.tokens
    assert set(store.tokens) == {None}


async def test_bytes_that_are_no_text_stay_within_a_piece(github: FakeGitHub) -> None:
    async with builder(github) as ci:
        handle = await sent(ci)
        github.finish(github.run("b-1"))
        github.run("b-1").jobs[1].text = b"\xff" * 300_000
        text, _ = await log_from(ci, handle)
    assert text == "== image ==\n" + "\ufffd" * 300_000


@pytest.mark.parametrize(
    "place",
    ["", "ftp://example.com/x", "file:///etc/passwd", "https:///x", "https://[::1", "https://a\x7fb/"],
)
async def test_an_address_that_is_none_is_not_followed(github: FakeGitHub, place: str) -> None:
    async with builder(github) as ci:
        handle = await sent(ci)
        github.finish(github.run("b-1"))
        github.trouble(match="/logs", reply=Reply(302, {"Location": place}))
        if not place:
            github.trouble(match="GET / ", reply=Reply(404))
        with pytest.raises(RemoteError):
            await ci.log(handle, 0)


async def test_a_log_of_a_server_with_tls_is_not_read_without(tmp_path: Path) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with served(FakeGitHub(), context) as github, served(Store(github)) as store:
        github.store = store.url
        async with builder(github, ca_file=str(tmp_path / "ca.pem")) as ci:
            handle = await sent(ci)
            github.finish(github.run("b-1"))
            with pytest.raises(Transient, match="a log at an address that is none"):
                await ci.log(handle, 0)
    assert store.requests == []


async def test_a_redirect_of_the_store_is_not_followed_and_its_pages_are_no_log(github: FakeGitHub) -> None:
    async with builder(github) as ci:
        handle = await sent(ci)
        github.finish(github.run("b-1"))
        for reply in (
            Reply(302, {"Location": github.url}),
            Reply(200, {"Content-Type": "text/html"}, b"<html>proxy</html>"),
            Reply(206, {"Content-Range": "bytes 5-9/10"}, b"12345"),
            Reply(206, {}, b"12345"),
            Reply(206, {"Content-Range": "bytes 0-0/10"}, b""),
            Reply(403, {}, b"<Error>expired</Error>"),
        ):
            github.trouble(match="/stored/", reply=reply)
            with pytest.raises(RemoteError):
                await ci.log(handle, 0)
        assert (await ci.log(handle, 0)).text == "== image ==\ndone\n"


async def test_a_log_that_is_not_stored_yet_is_waited_for_and_a_deleted_one_is_not(
    github: FakeGitHub,
) -> None:
    async with builder(github) as ci:
        handle = await sent(ci)
        github.start(github.run("b-1"), "hello\n")
        github.finish(github.run("b-1"))
        github.trouble(match="/logs", reply=json_reply({}, 404))
        with pytest.raises(Transient, match="has not stored the log of the job yet"):
            await ci.log(handle, 0)
        github.now += 121
        github.trouble(match="/logs", reply=json_reply({}, 410))
        assert (await ci.log(handle, 0)).text == "== image ==\ndone\n"


async def test_skipped_jobs_have_no_log_and_an_empty_one_is_no_failure(github: FakeGitHub) -> None:
    async with builder(github) as ci:
        handle = await sent(ci)
        run = github.run("b-1")
        github.start(run, "")
        github.finish(run, tail="x\n")
        run.jobs.append(Job(run.jobs[0].id - 1, "docs", "completed", "skipped", "never"))
        text, offset = await log_from(ci, handle)
        end = await ci.log(handle, offset)
    assert text == "== image ==\nx\n"
    assert (end.text, end.next, end.restarted) == ("", offset, False)


async def test_a_place_past_the_end_of_a_log_that_shrank_begins_it_anew(github: FakeGitHub) -> None:
    text = "x" * 300_000
    async with builder(github) as ci:
        handle = await sent(ci)
        github.start(github.run("b-1"), text)
        first = await ci.log(handle, 0)
        assert first.more
        github.run("b-1").jobs[0].text = "short\n"
        again = await ci.log(handle, first.next)
        assert (again.restarted, again.text) == (True, "== prepare ==\nshort\n")
        github.trouble(match="/logs", reply=json_reply({}, 404))
        assert (await ci.log(handle, first.next)).restarted
        with served(Store(github)) as store:
            github.store, store.ranges = store.url, False
            assert (await ci.log(handle, first.next)).restarted


async def test_many_jobs_are_read_in_pages_and_a_few_at_a_time(github: FakeGitHub) -> None:
    async with builder(github) as ci:
        handle = await sent(ci)
        run = github.run("b-1")
        github.start(run)
        ends = ["skipped"] * 65 + ["success"] * 45
        run.jobs = [Job(run.id * 1000 + n, f"j{n}", "completed", end, f"{n}\n") for n, end in enumerate(ends)]
        run.status, run.conclusion = "completed", "success"
        before = len(github.requests)
        chunk = await ci.log(handle, 0)
        assert len(github.requests) - before <= 3 + 2 * 20
        text, _ = await log_from(ci, handle)
    assert text.startswith(chunk.text)
    assert text == "".join(f"== j{n} ==\n{n}\n" for n in range(65, 110))
