"""The receiver as strangers and Git hosts meet it: a real daemon, over real sockets."""

import base64
import hashlib
import hmac
import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.connection import Connection
from support.daemon import NO_TLS, SECRET, Daemon, running
from support.engines import taken
from support.rules import shop_rule
from support.sending import push_body, send, signed
from support.waiting import eventually

URL = "https://git.example.com/acme/shop.git"
MAX_BODY = 64 << 10
CONFIG: dict[str, Any] = {
    "server": {"max_body": "64KiB", "header_timeout": "1s", "body_timeout": "1s", "max_connections": 50},
    "sources": {
        "plain": {"kind": "Simple", "secrets": ["an-older-secret", SECRET]},
        "github": {"kind": "GitHub", "secrets": [SECRET]},
        "proof": {"kind": "Simple", "secrets": [SECRET]},
        "flooded": {"kind": "Simple", "secrets": [SECRET]},
        "far": {"kind": "Simple", "secrets": [SECRET], "allow": ["192.0.2.0/24"]},
    },
    "builders": {"here": {"kind": "local", "command": ["true"]}},
}


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with running(tmp_path_factory.mktemp("daemon"), CONFIG, {"shop.yaml": shop_rule(URL)}) as started:
        yield started
        assert started.stop() == 0, "whatever strangers sent"


def delivery(daemon: Daemon, delivery_id: str) -> dict[str, Any]:
    """The delivery, once it has a decision."""

    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = daemon.api(f"/v1/deliveries/{delivery_id}")
        return found if found["state"] != "stored" else None

    decided = eventually(look)
    assert decided is not None
    return decided


def post(daemon: Daemon, body: bytes, headers: dict[str, str], path: str = "/hooks/plain") -> httpx.Response:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    return httpx.post(f"{daemon.url}{path}", content=body, headers=raw, timeout=30, verify=NO_TLS)


def test_a_delivery_is_stored_decided_and_reported_once_when_repeated(daemon: Daemon) -> None:
    body = push_body(URL, "refs/heads/elsewhere")
    first, second = (send(daemon.url, body, "repeated") for _ in range(2))
    assert (first.status_code, second.status_code) == (202, 200)
    assert first.json() == second.json()
    decided = delivery(daemon, first.json()["id"])
    assert (decided["state"], decided["key"]) == ("ignored", "repeated")
    assert "elsewhere does not match main" in decided["detail"]


def test_each_of_several_secrets_opens(daemon: Daemon) -> None:
    assert send(daemon.url, push_body(URL), "older", "an-older-secret").status_code == 202


def refusals(daemon: Daemon) -> list[dict[str, Any]]:
    """The lines about clients without a proof; those who hang up appear when it is noticed."""
    lines = [line for line in daemon.lines() if line["event"] == "delivery.rejected"]
    return [line for line in lines if line["source"] == "proof" and line["status"] == 401]


SIGNED = signed(b"{}", "bad")
TRUNCATED = SIGNED["webhook-signature"][:-1]


@pytest.mark.parametrize(
    "headers",
    [
        signed(b"{}", "bad", "another secret"),
        signed(b"{ }", "bad"),
        {name: value for name, value in SIGNED.items() if name != "webhook-signature"},
        {name: value for name, value in SIGNED.items() if name != "webhook-id"},
        {name: value for name, value in SIGNED.items() if name != "webhook-timestamp"},
        SIGNED | {"webhook-signature": TRUNCATED},
        SIGNED | {"webhook-signature": ""},
        SIGNED | {"webhook-signature": "v1,"},
        SIGNED | {"webhook-signature": "v1,\xe9\xff"},
        SIGNED | {"webhook-signature": "v1a," + SIGNED["webhook-signature"][3:]},
        SIGNED | {"webhook-signature": ("v1,x " * 2000).strip()},
        SIGNED | {"webhook-timestamp": "1"},
        SIGNED | {"webhook-timestamp": "²"},
        SIGNED | {"webhook-id": "another"},
        SIGNED | {"x-github-event": "push", "x-hub-signature-256": "sha256=" + "0" * 64},
    ],
    ids=range(15),
)
def test_what_proves_nothing_is_rejected_with_one_line_of_log(
    daemon: Daemon, headers: dict[str, str]
) -> None:
    before = len(refusals(daemon))
    answer = post(daemon, b"{}", headers, "/hooks/proof")
    after = eventually(lambda: refusals(daemon)[before:])
    assert answer.status_code == 401
    assert set(answer.json()) == {"error"}
    assert [line["client"] for line in after] == ["127.0.0.1"]
    given = headers.get("webhook-signature", "")[3:]
    for text in (SECRET, given or "there was none"):
        assert text not in json.dumps(after) + answer.text


def test_a_flood_of_refusals_is_a_few_lines_of_log_and_a_count(daemon: Daemon) -> None:
    def rejections() -> list[dict[str, Any]]:
        return [line for line in daemon.lines() if line.get("source") == "flooded"]

    with httpx.Client(verify=NO_TLS) as client:
        for _ in range(200):
            client.get(f"{daemon.url}/hooks/flooded")
        assert len(rejections()) < 100

        def counted() -> int:
            client.get(f"{daemon.url}/hooks/flooded")
            return sum(line.get("suppressed", 0) for line in rejections())

        eventually(lambda: counted() > 100)


def test_a_flood_of_what_is_no_http_is_a_few_lines_of_log(daemon: Daemon) -> None:
    for _ in range(100):
        with Connection(daemon) as line:
            line.say("NO HTTP AT ALL", "")
            assert line.status() in {400, None}
    lines = [line for line in daemon.lines() if line["event"] == "server.request_rejected"]
    assert 0 < len(lines) < 60


def test_the_methods_paths_and_types_of_others_are_rejected(daemon: Daemon) -> None:
    body = push_body(URL)
    assert post(daemon, body, signed(body), "/hooks/nobody").status_code == 404
    assert post(daemon, body, signed(body), "/hooks/").status_code == 404
    assert post(daemon, body, signed(body), "/hooks/plain/../plain/x").status_code == 404
    for method in ("GET", "PUT", "DELETE", "HEAD", "OPTIONS"):
        refused = httpx.request(method, f"{daemon.url}/hooks/plain", verify=NO_TLS)
        assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
    other = ("text/html", "multipart/form-data; boundary=x", "application/xml", "application/jsonl", "")
    for kind in other:
        assert post(daemon, body, signed(body) | {"content-type": kind}).status_code == 415
    assert post(daemon, body, signed(body), "/hooks/far").status_code == 403
    many = signed(body, "many") | {f"x-{number}": "" for number in range(150)}
    assert post(daemon, body, many).status_code == 400


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8", None])
def test_a_delivery_may_name_its_type_in_any_way_or_not(daemon: Daemon, kind: str | None) -> None:
    body = push_body(URL)
    headers = signed(body, f"typed {kind}")
    del headers["content-type"]
    assert post(daemon, body, headers | ({"content-type": kind} if kind else {})).status_code == 202


def test_an_event_header_that_a_host_always_sends_has_to_be_there(daemon: Daemon) -> None:
    digest = hmac.digest(SECRET.encode(), b"{}", hashlib.sha256).hex()
    headers = {"content-type": "application/json", "x-hub-signature-256": f"sha256={digest}"}
    answer = post(daemon, b"{}", headers, "/hooks/github")
    assert answer.status_code == 400
    assert "x-github-event" in answer.json()["error"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"null",
        b"[" * 50_000,
        b'{"type": 1',
        b'{"type":"push","type":"ping"}',
        b'{"type":"\\ud800"}',
        b'{"type":"\xff"}',
        b'{"type":NaN}',
        b'{"type":' + b"9" * 50_000 + b"}",
        b'{"type":' + b"[" * 300 + b"]" * 300 + b"}",
    ],
    ids=range(12),
)
def test_an_authentic_body_that_cannot_be_read_is_kept_and_says_why(daemon: Daemon, body: bytes) -> None:
    answer = send(daemon.url, body, base64.b64encode(body[-20:]).decode() or "empty")
    assert answer.status_code == 202
    decided = delivery(daemon, answer.json()["id"])
    assert decided["state"] == "dead"
    assert "JSON" in decided["detail"]


def test_an_unreadable_body_of_github_is_kept_and_says_why_too(daemon: Daemon) -> None:
    digest = hmac.digest(SECRET.encode(), b"{", hashlib.sha256).hex()
    headers = {"x-github-event": "push", "x-hub-signature-256": f"sha256={digest}"}
    answer = post(daemon, b"{", headers | {"content-type": "application/json"}, "/hooks/github")
    assert answer.status_code == 202
    assert delivery(daemon, answer.json()["id"])["state"] == "dead"


@pytest.mark.parametrize("form", ["payload=%7B%7D&payload=%7B%7D", "payload=%7B%7D%2", "a=b", "&" * 65])
def test_an_authentic_form_that_leaves_a_choice_is_kept_and_says_why(daemon: Daemon, form: str) -> None:
    digest = hmac.digest(SECRET.encode(), form.encode(), hashlib.sha256).hex()
    headers = {"x-github-event": "push", "x-hub-signature-256": f"sha256={digest}"}
    headers["content-type"] = "application/x-www-form-urlencoded"
    answer = post(daemon, form.encode(), headers, "/hooks/github")
    assert answer.status_code == 202
    decided = delivery(daemon, answer.json()["id"])
    assert decided["state"] == "dead"
    assert "form" in decided["detail"]


def test_a_body_of_just_the_cap_is_taken(daemon: Daemon) -> None:
    body = push_body(URL)
    body += b" " * (MAX_BODY - len(body))
    assert send(daemon.url, body, "just the cap").status_code == 202
    assert send(daemon.url, body + b" ", "one more").status_code == 413


def test_a_body_that_announces_too_much_is_rejected_before_it_comes(daemon: Daemon) -> None:
    with Connection(daemon) as line:
        line.head(f"Content-Length: {MAX_BODY + 1}")
        assert line.status() == 413
        assert line.is_closed()


@pytest.mark.parametrize("length", ["-1", "1e3", "0x10", "99999999999999999999999", "5, 6", "²"])
def test_a_length_that_is_none_is_rejected(daemon: Daemon, length: str) -> None:
    with Connection(daemon) as line:
        line.head(f"Content-Length: {length}")
        assert line.status() in {400, 413, None}
        assert line.is_closed()


def test_an_endless_body_in_chunks_is_cut_off_at_the_cap(daemon: Daemon) -> None:
    before = rss(daemon)
    chunk = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
    sent = 0
    with Connection(daemon) as line:
        line.head("Transfer-Encoding: chunked")
        with suppress(ConnectionError):
            while sent < 200 << 20:
                line.say(chunk)
                sent += len(chunk)
        assert sent < 50 << 20, "the connection was closed long before"
    assert rss(daemon) - before < 30 << 20


def test_a_body_that_is_shorter_than_announced_does_not_hold_the_connection(daemon: Daemon) -> None:
    with Connection(daemon) as line:
        line.head("Content-Length: 1000")
        line.say(b"{}")
        begun = time.monotonic()
        assert line.is_closed()
        assert time.monotonic() - begun < 10


def test_a_body_that_is_longer_than_announced_is_no_second_delivery(daemon: Daemon) -> None:
    before = len(daemon.lines())
    body = push_body(URL)
    headers = [f"{name}: {value}" for name, value in signed(body, "longer").items() if name != "content-type"]
    with Connection(daemon) as line:
        line.head(*headers, f"Content-Length: {len(body)}")
        line.say(body, b'{"more": "than was announced"}\r\n\r\n')
        assert line.status() in {202, 400}, "whoever lies may be rejections so"
        assert line.is_closed()
    stored = [one for one in daemon.lines()[before:] if one["event"] == "delivery.stored"]
    assert len(stored) <= 1


@pytest.mark.parametrize("part", ["nothing", "head", "trickling head", "body", "trickling body"])
def test_a_sender_that_takes_for_ever_is_hung_up_on(daemon: Daemon, part: str) -> None:
    begun = time.monotonic()
    with Connection(daemon) as line:
        if "head" in part:
            line.say("POST /hooks/plain HTTP/1.1", "Host: x")
        elif "body" in part:
            line.head("Content-Length: 60000")
        with suppress(ConnectionError):
            while "trickling" in part and time.monotonic() - begun < 15:
                line.say(b"x")
                time.sleep(0.05)  # the sender is slow: that is what is tested
        assert line.is_closed()
    assert 0.5 < time.monotonic() - begun < 10


def test_a_sender_that_hangs_up_in_the_middle_costs_nothing(daemon: Daemon) -> None:
    for _ in range(20):
        with Connection(daemon) as line:
            line.head("Content-Length: 60000")
            line.say(b"x" * 100)
    assert send(daemon.url, push_body(URL), "after the rude ones").status_code == 202


def test_a_crowd_that_sends_nothing_gives_way_to_who_delivers(daemon: Daemon) -> None:
    lines = [Connection(daemon) for _ in range(80)]
    for number in range(15):
        assert send(daemon.url, push_body(URL), f"beside the crowd {number}").status_code == 202
    assert all(line.is_closed() for line in lines[:31]), "those over the cap, whatever their deadline"
    for line in lines:
        line.socket.close()


def test_many_big_bodies_leave_the_memory_as_it_was(daemon: Daemon) -> None:
    body = os.urandom(MAX_BODY)
    for number in range(20):
        send(daemon.url, body, f"warm-{number}")
    before = rss(daemon)
    with httpx.Client(verify=NO_TLS) as client:
        for number in range(300):
            headers = signed(body, f"big-{number}", SECRET if number % 2 else "wrong")
            answer = client.post(f"{daemon.url}/hooks/plain", content=body, headers=headers)
            assert answer.status_code == (202 if number % 2 else 401)
    assert rss(daemon) - before < 30 << 20


def rss(daemon: Daemon) -> int:
    """The resident memory of the process, in bytes."""
    assert daemon.process is not None
    pages = Path(f"/proc/{daemon.process.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def test_a_store_that_takes_nothing_is_answered_503_before_the_host_hangs_up_and_later_taken(
    tmp_path: Path,
) -> None:
    """Hosts hang up after ten seconds, and those who come while the writer waits for another's row, too."""
    took: list[float] = []

    def deliver(number: int) -> httpx.Response:
        begun = time.monotonic()
        answer = send(held_up.url, push_body(URL), f"later {number}")
        took.append(time.monotonic() - begun)
        return answer

    with running(tmp_path, CONFIG, {"shop.yaml": shop_rule(URL)}) as held_up, ThreadPoolExecutor(20) as hosts:
        with taken(held_up.database, seconds=5):
            answers = list(hosts.map(deliver, range(20)))
        again = list(hosts.map(deliver, range(20)))
        assert held_up.stop() == 0
    assert {answer.status_code for answer in answers} == {503}
    assert max(took) < 8
    assert {answer.status_code for answer in again} <= {200, 202}, "it may have been written after the answer"
    assert all(int(answer.headers["retry-after"]) > 0 for answer in answers)
    assert answers[0].json() == {"error": "the delivery cannot be stored now: send it again later"}
