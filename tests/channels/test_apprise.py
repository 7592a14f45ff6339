"""Services of Apprise keep to our bounds, and show nothing of their URLs."""

import contextlib
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import anyio
import pytest
import yaml
from anyio import to_thread
from channels.apprise.services import TOKEN, site
from pydantic import ValidationError
from support.fake_robots import FakeRobot, answer, hang, rude_server
from support.notices import context, notice
from support.wrong_servers import answering, certified

from bridge.channels.adapters.apprise import channel as apprise_channel
from bridge.channels.adapters.apprise.channel import THREADS, Apprise, AppriseSettings
from bridge.channels.adapters.apprise.requests_guard import stand_in
from bridge.channels.adapters.apprise.service import UNCONFIRMED, Service, Unusable
from bridge.channels.base import Dead, Ok, Outcome, RateLimited, Retry, Unknown
from bridge.config.loader import load_config
from bridge.registry import KINDS


def channel(url: str, **settings: Any) -> Apprise:
    given = AppriseSettings.model_validate({"url": url, "allow_private": True, **settings})
    return Apprise("team", given, context(language="en"))


async def test_a_server_of_gotify_takes_a_notice_and_it_is_not_confirmed() -> None:
    async with site("gotify") as server:
        assert await channel(server.url).send(notice(log_tail="")) == Ok(UNCONFIRMED)
    (message,) = server.messages
    assert message["title"] == "❌ Build failed · acme/shop"
    assert message["message"] == (
        "Branch main · 1a2b3c4d · #128\n"
        "Commit 修复登录超时\n"
        "builder jenkins · took 3m12s · by push (张三)\n"
        "Reason: docker build\n"
        "View log https://ci.example.com/job/shop/128/ · N-0000abcd"
    )


async def test_a_key_that_is_wrong_is_a_fault_of_the_settings_and_not_shown() -> None:
    async with site("gotify") as server:
        outcome = await channel(server.url.replace(TOKEN, f"{TOKEN}0")).send(notice())
    assert outcome == Dead("config", "the service answered HTTP 401: check the url against its settings")


async def test_what_comes_of_the_settings_does_not_show_the_url(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with site("json") as server:
        server.scripted.extend([answer(500, TOKEN.encode()), answer(401, TOKEN.encode())])
        team = channel(server.url)
        outcomes = [await team.send(notice()) for _ in range(3)]
        threads = [thread.name for thread in threading.enumerate()]
        shown = repr([outcomes, team, team._url, team.preview(notice()), Apprise.target(settings(server))])
    assert [type(one) for one in outcomes] == [Unknown, Dead, Ok]
    assert TOKEN not in caplog.text + shown + repr(threads)


def settings(server: FakeRobot) -> AppriseSettings:
    return AppriseSettings.model_validate({"url": server.url, "allow_private": True})


def test_each_part_of_a_url_that_may_be_a_key_is_known_as_a_secret(tmp_path: Path) -> None:
    file = tmp_path / "bridge.yaml"
    keys = (
        "u".ljust(30, "1"),
        "KeyInPlaceOfAHost0",
        "p".ljust(16, "2"),
        "q".ljust(20, "3"),
        "a/b".ljust(20, "4"),
    )
    url = f"pover://{keys[0]}@{keys[1]}/{keys[2]}/devices/?token={keys[3]}&to={quote(keys[4], safe='')}"
    file.write_text(yaml.safe_dump({"channels": {"team": {"kind": "APPRISE", "url": url}}}))
    secrets = load_config(file, KINDS, {}).secrets
    assert {url, *keys} <= secrets
    assert "devices" not in secrets
    file.write_text(file.read_text().replace(keys[1], "gotify.example.com"))
    assert "gotify.example.com" not in load_config(file, KINDS, {}).secrets


async def test_a_service_leaves_nothing_on_the_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    async with site("gotify") as server:
        assert await channel(server.url).send(notice()) == Ok(UNCONFIRMED)
    assert os.listdir(tmp_path) == []  # noqa: PTH208  # nothing else runs meanwhile


@pytest.mark.parametrize(
    "url",
    [
        "json://{}/hook/x?verify=no&redirect=yes&retry=5&wait=9&overflow=split",
        "json://{}/hook/x?rto=900&cto=900",
    ],
)
async def test_what_a_url_says_of_redirects_and_repeats_does_not_count(url: str) -> None:
    async with site("json") as server:
        other = server.url.partition("://")[2].partition("/")[0]
        server.scripted.extend([answer(302, b"", location=f"http://{other}/hook/{TOKEN}")] * 9)
        outcome = await channel(url.format(other)).send(notice())
    assert isinstance(outcome, Retry)
    assert "does not follow" in outcome.why
    assert len(server.requests) == 1


async def test_a_certificate_is_checked_whatever_the_url_says(tmp_path: Path) -> None:
    server, _ = certified("of an unknown authority", tmp_path)
    with answering(b"", server) as port:
        outcome = await channel(f"jsons://localhost:{port}/x?verify=no").send(notice())
    assert isinstance(outcome, Retry)
    assert "authority that is not trusted here" in outcome.why


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "2130706433"])
async def test_an_address_that_is_not_public_is_not_called(host: str) -> None:
    async with site("json") as server:
        port = server.url.split(":")[2].partition("/")[0]
        outcome = await channel(f"jsons://{host}:{port}/x", allow_private=False).send(notice())
    assert isinstance(outcome, Dead)
    assert "which is not public" in outcome.why
    assert server.requests == []


async def test_a_call_without_tls_needs_to_be_allowed() -> None:
    async with site("json") as server:
        outcome = await channel(server.url, allow_private=False).send(notice())
    assert isinstance(outcome, Dead)
    assert "without TLS" in outcome.why
    assert server.requests == []


async def test_proxies_and_passwords_of_the_environment_do_not_count(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login eve password of-the-environment\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with site("json") as server:
        assert await channel(server.url).send(notice()) == Ok(UNCONFIRMED)


async def test_the_proxy_of_the_settings_is_gone_through() -> None:
    async with site("json") as server:
        proxy = "http://" + server.url.partition("://")[2].partition("/")[0]
        url = f"json://service.invalid/hook/{TOKEN}"
        assert await channel(url, proxy=proxy).send(notice()) == Ok(UNCONFIRMED)
    assert server.requests == [f"http://service.invalid/hook/{TOKEN}"]


async def test_a_pause_that_the_service_names_is_one_of_the_channel() -> None:
    async with site("json") as server:
        server.scripted.append(answer(429, b"", **{"retry-after": "77"}))
        assert await channel(server.url).send(notice()) == RateLimited(
            "the server asks for fewer requests (HTTP 429)", 77
        )


async def test_a_connection_that_breaks_leaves_open_what_became_of_the_notice() -> None:
    async with rude_server() as host:
        assert isinstance(await channel(f"json://{host}/x").send(notice()), Unknown)


async def test_an_answer_without_end_is_cut_off() -> None:
    async with site("json") as server:
        server.scripted.append(answer(200, b"x" * 1_000_000))
        assert isinstance(await channel(server.url).send(notice()), Unknown)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("fcm://project@AAbbCCdd/#topic?keyfile=%2Fetc%2Fpasswd", "does not accept"),
        ("workflows://host:443/a/b/c/?template=%2Fetc%2Fpasswd", "does not accept"),
        ("vapid://a@example.com/b@example.com", "by HTTP alone"),
        ("irc://irc.example.com/builds", "by HTTP alone"),
        ("mailto://a:b@example.com", "by HTTP alone"),
        ("syslog://", "by HTTP alone"),
    ],
)
def test_no_service_reads_files_or_has_other_ways_than_http(url: str, why: str) -> None:
    """The settings refuse most of them earlier."""
    with pytest.raises(Unusable, match=why):
        Service(url)


def test_the_parts_of_a_service_of_several_modules_are_guarded() -> None:
    Service("fcm://AAbbCCdd/DeviceToken")
    for name in ("fcm", "fcm.oauth"):
        assert vars(sys.modules[f"apprise.plugins.{name}"])["requests"] is stand_in
    Service("matrixs://user:password@example.com/#room")
    assert vars(sys.modules["apprise.plugins.matrix.base"])["requests"] is stand_in


def test_outside_of_an_attempt_a_service_sends_nothing() -> None:
    with pytest.raises(OSError, match="outside of an attempt"):
        vars(stand_in)["post"]("http://127.0.0.1:1/")
    assert not {"Session", "session", "api", "sessions"} & {*vars(stand_in)}


def test_a_service_that_takes_160_characters_gets_what_happened_in_them() -> None:
    service = Service("voipms://password:user@example.com/16135550100/16135550101")
    assert not service.markdown
    title, body = service.written(notice(subject="修" * 200), context(language="en"))
    assert title == ""
    assert body.startswith("❌ Build failed · acme/shop")
    assert len(body.encode()) <= 160


async def test_a_fifth_slow_service_waits_and_threads_end_with_their_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(apprise_channel, "DEADLINE", 2.0)
    async with site("json") as server:
        server.scripted.extend([hang] * THREADS)
        outcomes: list[Outcome] = []

        async def send() -> None:
            outcomes.append(await channel(server.url).send(notice()))

        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                for _ in range(THREADS):
                    tasks.start_soon(send)
                while len(server.requests) < THREADS:  # noqa: ASYNC110  # a server wakes no one
                    await anyio.sleep(0.01)
                fifth = await channel(server.url).send(notice())
        assert isinstance(fifth, Retry)
        assert "4 services are slow" in fifth.why
        assert [type(one) for one in outcomes] == [Unknown] * THREADS
        assert await channel(server.url).send(notice()) == Ok(UNCONFIRMED)


@contextlib.contextmanager
def dripping(first: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """A server that answers with these bytes, and then a byte every now and then, without end.

    Yields its port, and the requests that it gets.
    """
    over, requests = threading.Event(), list[bytes]()

    def drip(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            if request := connection.recv(65_536):
                requests.append(request)
            connection.sendall(first)
            while not over.wait(0.05):
                connection.sendall(b"x")

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                threads.append(threading.Thread(target=drip, args=(listener.accept()[0],)))
                threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threads = [threading.Thread(target=serve)]
        threads[0].start()
        try:
            yield listener.getsockname()[1], requests
        finally:
            over.set()
            listener.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join(10)


DRIPS = {
    "a body": b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n",
    "a body of any length": b"HTTP/1.1 200 OK\r\n\r\n",
    "a header": b"HTTP/1.1 200 OK\r\nX-Slow: ",
    "the status": b"HTTP/1.1 200 ",
    "a part": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n",
}


@pytest.mark.parametrize("by", ["the service", "a proxy"])
@pytest.mark.parametrize("first", DRIPS.values(), ids=DRIPS)
async def test_a_server_that_drips_its_answer_ends_with_the_time_and_keeps_no_thread(
    first: bytes, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apprise_channel, "DEADLINE", 0.5)
    with dripping(first) as (port, requests), anyio.fail_after(30):
        url = f"json://127.0.0.1:{port}/x" if by == "the service" else "json://service.invalid/x"
        proxy = None if by == "the service" else f"http://127.0.0.1:{port}"
        team = channel(url, proxy=proxy)
        while len(requests) < 2:
            before = len(requests)
            outcome = await team.send(notice())
            # Where other tests have the processors, the time may be over before anything is sent.
            assert isinstance(outcome, Unknown if len(requests) > before else (Retry, Unknown))
    assert "apprise" not in {thread.name for thread in threading.enumerate()}


async def test_a_retry_takes_no_second_thread_while_the_first_one_lives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Some of what a service does, such as to look a name up, ends at its own time."""
    found, asked, slow = socket.getaddrinfo, threading.Event(), threading.Event()

    def slowly(*given: Any, **named: Any) -> Any:
        asked.set()
        assert slow.wait(60)
        return found(*given, **named)

    team = channel("json://127.0.0.1:1/x")
    monkeypatch.setattr(socket, "getaddrinfo", slowly)
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(team.send, notice())
            assert await to_thread.run_sync(asked.wait, 60)
            assert await team.send(notice()) == Retry("the attempt before has not ended yet", 10)
            tasks.cancel_scope.cancel()
        assert await team.send(notice()) == Retry("the attempt before has not ended yet", 10)
        assert [thread.name for thread in threading.enumerate()].count("apprise") == 1
    finally:
        slow.set()
    for thread in threading.enumerate():
        if thread.name == "apprise":
            thread.join(10)
    assert "cannot connect" in repr(await team.send(notice()))


STRANGE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nthis is no header\r\nX-B: 1\r\n\r\nok"


async def test_a_thread_that_the_system_does_not_give_is_missed_by_no_later_notice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_thread(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async with site("gotify") as server:
        team = channel(server.url)
        with monkeypatch.context() as full:
            full.setattr(threading.Thread, "start", no_thread)
            for _ in range(THREADS + 1):
                with pytest.raises(RuntimeError, match="can't start new thread"):
                    await team.send(notice())
        assert await team.send(notice()) == Ok(UNCONFIRMED)


async def test_a_strange_header_is_not_logged_with_the_url(caplog: pytest.LogCaptureFixture) -> None:
    """urllib3 warns of it, with the whole URL."""
    key = "AAbbCCddEEffGGh1of123456"
    with answering(STRANGE) as port:
        assert await channel(f"mmost://127.0.0.1:{port}/{key}").send(notice()) == Ok(UNCONFIRMED)
    assert key not in caplog.text


def test_without_the_library_the_settings_say_what_to_install() -> None:
    code = """
import sys
sys.modules["apprise"] = None
from pydantic import ValidationError
from bridge.channels.adapters.apprise.channel import AppriseSettings
try:
    AppriseSettings.model_validate({"url": "gotifys://gotify.example.com/AAbbCC"})
except ValidationError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert "pip install 'buildbridge[apprise]'" in done.stdout
    assert "AAbbCC" not in done.stdout


@pytest.mark.parametrize("url", ["dingtalk://token", "WECOMBOT://key", "ntfys://topic", "tgram://1:AA/2"])
def test_a_service_of_our_own_is_refused_with_its_kind(url: str) -> None:
    with pytest.raises(ValidationError, match=r"use kind: (DING_TALK|WECOM|NTFY|TELEGRAM)"):
        AppriseSettings.model_validate({"url": url})
