"""Every kind of channel fails in every way that could show its secrets, and none is seen anywhere."""

import base64
import contextlib
import json
import re
import socket
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any, ClassVar, Final
from urllib.parse import unquote

import httpx
import pytest
from support.daemon import NO_TLS, SECRET, TOKEN, Daemon, running
from support.engines import content
from support.receiving import push, signed
from support.rules import HEAD
from support.waiting import eventually

from bridge.registry import CHANNELS

SHORT: Final = """
import bridge.runtime.http_client
import bridge.channels.adapters.apprise.channel
bridge.runtime.http_client.TOTAL_TIMEOUT = 3.0
bridge.channels.adapters.apprise.channel.DEADLINE = 3.0
"""
"""What the daemon runs first, lest the test wait for real time-outs."""
EVENTS: Final = ["buildJobSuccess", "buildJobFail"]
_numbers: Final = count(1)


def canary(length: int = 32) -> str:
    """A secret of letters and digits that stands nowhere else."""
    return f"canary{next(_numbers):04d}".ljust(length, "x")


def in_url(kind: str, host: str) -> dict[str, Any]:
    """The settings of a kind whose URL is a secret."""
    paths = {
        "DING_TALK": f"/robot/send?access_token={canary(64)}",
        "WECOM": f"/cgi-bin/webhook/send?key={canary(36)}",
        "FEISHU": f"/open-apis/bot/v2/hook/{canary(36)}",
        "SLACK": f"/services/T0000000/B0000000/{canary(24)}",
        "TEAMS": f"/workflows/x/triggers/manual/paths/invoke?api-version=1&sig={canary(43)}",
        "DISCORD": f"/api/webhooks/223704706495545344/{canary(64)}",
        "NTFY": f"/{canary(30)}",
        "WEBHOOK": f"/take/{canary(30)}",
    }
    more: Mapping[str, dict[str, Any]] = {
        "DING_TALK": {"secret": f"SEC{canary(60)}"},
        "FEISHU": {"secret": canary(22)},
        "NTFY": {"token": f"tk_{canary(29)}"},
        "WEBHOOK": {"secrets": [f"whsec_{canary(40)}", f"whsec_{canary(40)}"]},
    }
    return {"url": f"http://{host}{paths[kind]}", **more.get(kind, {})}


def settings(kind: str, host: str) -> dict[str, Any]:
    """Those of a channel of this kind at this host:port, with new secrets."""
    match kind:
        case "WECOM_APP":
            return {"corpid": "ww0123456789abcdef", "secret": canary(43), "agentid": 7, "touser": ["ann"]} | {
                "api": f"http://{host}"
            }
        case "TELEGRAM":
            return {"token": f"123456789:AA{canary(33)}", "chat": -1001234567890, "api": f"http://{host}"}
        case "COMMIT_STATUS":
            return {"host": "GitHub", "url": f"http://{host}", "token": canary()}
        case "MAIL":
            name, _, port = host.partition(":")
            mail = {"host": name, "port": int(port), "tls": "none", "allow_plaintext_auth": True}
            return {**mail, "username": "ci", "password": canary(), "from": "ci@example.com"} | {
                "to": ["team@example.com"]
            }
        case "APPRISE":
            return {"url": f"json://ci:{canary()}@{host}/{canary(15)}?:key={canary(24)}"}
        case _:
            return in_url(kind, host)


class Echo(BaseHTTPRequestHandler):
    """Answers all that it got, in the words of every vendor."""

    status: ClassVar[int]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0"))).decode()
        said = f"{self.path} {unquote(self.path)} {dict(self.headers)} {body}"
        found = {"errcode": 40099, "errmsg": said, "code": 40099, "msg": said, "ok": False, "message": said}
        found |= {"error_code": 400, "description": said, "error": {"code": "Refused", "message": said}}
        answer = json.dumps(found, ensure_ascii=False).encode()
        self.send_response(self.status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST  # noqa: N815  # the name that the base calls

    def log_message(self, *_said: object) -> None:
        """Nothing."""


class Strange(StreamRequestHandler):
    """Answers with a line among its headers that is none, of which libraries warn."""

    def handle(self) -> None:
        self.request.recv(65_536)
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nthis is no header\r\nX-B: 1\r\n\r\nok")


class MailEcho(StreamRequestHandler):
    """A mail server that gives back what it gets, also as it was before it was encoded."""

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        for raw in self.rfile:
            line = raw.decode().strip()
            if line.upper().startswith("EHLO"):
                self.wfile.write(b"250-here\r\n250 AUTH PLAIN LOGIN\r\n")
                continue
            clear = "".join(_decoded(word) for word in line.split())
            self.wfile.write(f"535 no such login: {line} {clear}\r\n".encode())


def _decoded(word: str) -> str:
    try:
        return base64.b64decode(word, validate=True).decode().replace("\x00", " ")
    except ValueError:
        return ""


@contextmanager
def served(handler: type[Any], server: type[Any]) -> Iterator[str]:
    with server(("127.0.0.1", 0), handler) as found:
        found.daemon_threads = True
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"127.0.0.1:{found.server_address[1]}"
        finally:
            found.shutdown()
            thread.join()


def channels(echoes: Mapping[str, str], mail: str, silent: str) -> dict[str, dict[str, Any]]:
    """A channel of every kind for each way to fail, by its name."""
    hosts = {"refused": "127.0.0.1:1", "proxy": "127.0.0.1:1", "silent": silent, **echoes}
    found = {}
    for kind in sorted({*CHANNELS} - {"MESSAGE"}):
        for way, host in hosts.items():
            if kind == "MAIL" and way not in {"refused", "401"}:
                continue  # it has no proxy and no status, and waits for a greeting for minutes
            given = settings(kind, mail if kind == "MAIL" and way == "401" else host)
            if kind != "MAIL":
                given["allow_private"] = True
            if way == "proxy":
                given["proxy"] = f"http://ci:{canary()}@{host}"
            fields = CHANNELS[kind].Settings.model_fields.items()
            secret = {name for name, field in fields if "Secret" in str(field.annotation)}
            assert secret <= {*given, "proxy"}, f"each secret of {kind} is planted"
            found[f"{kind.lower().replace('_', '-')}-{way}"] = {"kind": kind, **given}
    return found


def looked_at(daemon: Daemon, build_id: str, names: Collection[str]) -> Iterator[str]:
    """All that can be read of a daemon."""
    rows = daemon.command("notices", "list", "--limit", "100", "--json").documents
    paths = [f"/v1/builds/{build_id}", f"/v1/builds/{build_id}/previews", "/metrics"]
    paths += ["/v1/notices", *(f"/v1/notices/{row['id']}" for row in rows)]
    with httpx.Client(
        base_url=daemon.url, headers={"authorization": f"Bearer {TOKEN}"}, timeout=60, verify=NO_TLS
    ) as client:
        for path in paths:
            answer = client.get(path)
            assert answer.status_code == 200, path
            yield answer.text
    commands = [["check"], ["status", "--json"], ["channels", "list", "--json"], ["audit", "list", "--json"]]
    commands += [["notices", "preview", build_id], ["notices", "show", rows[0]["id"]]]
    commands += [["channels", "test", name] for name in names if name.endswith(("-refused", "-401"))]
    for arguments in commands:
        done = daemon.command(*arguments)
        yield done.stdout + done.stderr
    yield from _processes()


def _processes() -> Iterator[str]:
    """The command lines of all processes, as `ps` shows them."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # one that has ended
            yield (folder / "cmdline").read_text(errors="replace").replace("\0", " ")


@pytest.mark.timeout(240)
def test_no_failure_of_any_kind_of_channel_shows_a_secret(tmp_path: Path) -> None:
    with ExitStack() as stack:
        echoes = {
            status: stack.enter_context(
                served(type("Echo", (Echo,), {"status": int(status)}), ThreadingHTTPServer)
            )
            for status in ("401", "403", "200")
        }
        echoes["strange"] = stack.enter_context(served(Strange, ThreadingTCPServer))
        mail = stack.enter_context(served(MailEcho, ThreadingTCPServer))
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        found = channels(echoes, mail, f"127.0.0.1:{listener.getsockname()[1]}")
        config = {
            "sources": {"github": {"kind": "GitHub", "secrets": [SECRET]}},
            "builders": {"here": {"kind": "dummy"}},
            "channels": found,
            "notices": {
                "default": [{"channel": name, "enabled_event_type_names": [*EVENTS]} for name in found]
            },
            "log": {"level": "debug"},
        }
        rule = HEAD.replace("Gitee", "GitHub").replace("Acme", "acme").replace("shop-web", "shop")
        rule += "    - {code_repo_type: branch, code_repo_type_value: main, docker_repo_tag: latest}\n"
        site = tmp_path / "site"
        site.mkdir()
        (site / "sitecustomize.py").write_text(SHORT)
        daemon = stack.enter_context(
            running(tmp_path, config, {"shop.yaml": rule}, "env", f"PYTHONPATH={site}")
        )
        body = push()
        taken = httpx.post(
            f"{daemon.url}/hooks/github", content=body, headers=signed(body, SECRET.encode()), verify=NO_TLS
        )
        assert taken.status_code == 202

        def ended() -> bool:
            """Each attempt has come to its end; to some kinds the status 200 is a success."""
            rows = daemon.command("notices", "list", "--limit", "100", "--json").documents
            return {row["channel"] for row in rows if row["detail"] or row["state"] == "sent"} >= {*found}

        eventually(ended, seconds=60)
        (build,) = daemon.builds()
        seen = [*looked_at(daemon, build["build_id"], found)]
        daemon.stop()
        seen += [daemon.output()]
        stored = content(daemon.database)
    everything = "\n".join(seen)
    assert "answered" in everything
    assert everything.count("***") >= len(CHANNELS), "what the servers gave back did arrive"
    shown = {text[:40] for text in re.findall(r".{0,30}canary.{0,30}", everything)}
    assert shown == set()
    assert b"canary" not in stored
    encoded = [form for secret in planted(found) for form in in_base64(secret)]
    assert [form for form in encoded if form in everything or form.encode() in stored] == []


def planted(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield from re.findall(r"canary\d{4}x*", value)
        case dict() | list():
            for each in value.values() if isinstance(value, dict) else value:
                yield from planted(each)


def in_base64(secret: str) -> Iterator[str]:
    """What is left of a secret in base64, wherever it stands, without what depends on its neighbours."""
    for before in range(3):
        yield base64.b64encode(b"-" * before + secret[:24].encode()).decode()[4:-4]
