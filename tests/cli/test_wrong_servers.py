"""What the tests of builders and channels say of a server that is not what the configuration takes it for."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from support.builder_sites import REMOTE
from support.channel_contract import find_contract
from support.commands import Done, command
from support.daemon import Daemon
from support.engines import opened
from support.fake_jenkins import fake_jenkins
from support.jenkins_builds import JOB, declare
from support.robot_contract import HookContract
from support.wrong_servers import BUILD_SERVERS, FAULTS, NAME, answering, builder_at, certified, http

from bridge.builders.local import registry
from bridge.channels.adapters.mail import attempt
from bridge.registry import CHANNELS

ROBOTS = {kind: case for kind in CHANNELS if isinstance(case := find_contract(kind), HookContract)}
HTTP = [*BUILD_SERVERS, *ROBOTS]
HERE = {"kind": "local", "command": ["true"]}
SIGN_IN = b'<html><head><title>Log in</title></head><body><input name="p" type="password"></body></html>'
TITLED = "<!DOCTYPE html>\n<html><title>统一身份认证</title><div id=app></div></html>".encode()
MOVED = b"<html><head><meta http-equiv='refresh' content='0;url=/login?from=%2F'></head></html>"


def test_every_kind_of_server_is_tried_here() -> None:
    assert {*BUILD_SERVERS} == {*REMOTE}


def asked(folder: Path, kind: str, port: int, *, tls: bool = False, ca_file: str | None = None) -> Done:
    """The test of a part of this kind that is to reach the port."""
    more = {"ca_file": ca_file} if ca_file else {}
    url = f"{'https' if tls else 'http'}://{NAME}:{port}"
    config: dict[str, Any]
    if kind in BUILD_SERVERS:
        config = {"builders": {"it": builder_at(kind, url, **more), "here": HERE}}
    elif kind == "MAIL":
        mails = {"kind": kind, "host": NAME, "port": port, "tls": "implicit" if tls else "none"}
        config = {"channels": {"it": mails | {"from": "ci@example.com", "to": ["a@example.com"]} | more}}
    else:
        adapter = ROBOTS[kind].adapter
        key_after, setting = adapter.Settings.key_after, adapter.address_setting
        path = f"/robot?{key_after}" if key_after.endswith("=") else key_after or "/"
        address = f"{url}{path}canary-key" if setting == "url" else url
        robot = {**ROBOTS[kind].needed, "kind": kind, setting: address}
        config = {"channels": {"it": robot | more}}
    daemon = Daemon(folder, config, {})
    opened(daemon.database).close()
    return command(
        "--config", daemon.config, "builders" if "builders" in config else "channels", "test", "it"
    )


def asked_for_registry(folder: Path, port: int, *, tls_verify: bool = True) -> Done:
    """The test of a builder on this machine that pushes to the port."""
    programs = folder / "bin"
    programs.mkdir()
    (programs / "docker").write_text("#!/bin/sh\necho Docker version 27\n")
    (programs / "docker").chmod(0o755)
    here = {"kind": "local", "engine": "docker", "registry": f"{NAME}:{port}", "tls_verify": tls_verify}
    daemon = Daemon(folder, {"builders": {"it": here}}, {})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
        return command("--config", daemon.config, "builders", "test", "it")


def complaint(done: Done) -> str:
    assert (done.status, done.stdout) == (1, "")
    assert "canary" not in done.complaint
    return done.complaint


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", [*HTTP, "MAIL"])
def test_the_fault_of_a_certificate_is_named_and_only_trust_asks_for_ca_file(
    kind: str, fault: str, tmp_path: Path
) -> None:
    context, ca_file = certified(fault, tmp_path)
    with answering(b"", context) as port:
        said = complaint(asked(tmp_path, kind, port, tls=True, ca_file=ca_file))
    peer = BUILD_SERVERS.get(kind, NAME)
    assert f"the certificate of {peer} {FAULTS[fault]}" in said
    assert ("ca_file" in said) == ("ca_file" in FAULTS[fault])


@pytest.mark.parametrize("kind", [*HTTP, "MAIL"])
def test_tls_towards_a_plain_port_is_named(kind: str, tmp_path: Path) -> None:
    with answering(b"220 mail.example.com\r\n" if kind == "MAIL" else http("400 Bad Request")) as port:
        said = complaint(asked(tmp_path, kind, port, tls=True))
    assert "answers without TLS at this port: " in said
    assert "ca_file" not in said


@pytest.mark.parametrize("kind", [*HTTP, "MAIL"])
def test_plain_text_towards_a_port_of_tls_is_named(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt, "STEP_TIMEOUT", 0.2)
    context, _ = certified("of an unknown authority", tmp_path)
    with answering(b"", context) as port:
        said = complaint(asked(tmp_path, kind, port))
    assert {
        **{
            one: f"this port of {peer} speaks TLS: write https:// in `url`"
            for one, peer in BUILD_SERVERS.items()
        },
        "MAIL": f"port {port} of {NAME} begins with TLS: set tls: implicit",
    }.get(kind, f"port {port} of {NAME} speaks TLS: write https:// in the url") in said


@pytest.mark.parametrize("kind", HTTP)
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (http("200 OK", SIGN_IN), "a sign-in page answers in place of"),
        (http("200 OK", TITLED), "a sign-in page answers in place of"),
        (http("200 OK", MOVED), "a sign-in page answers in place of"),
        (http("403 Forbidden", SIGN_IN), "a sign-in page answers in place of"),
        (
            http("302 Found\r\nLocation: https://sso.example.com/start?token=canary"),
            "a sign-in page at sso.example.com answers in place of",
        ),
        (http("302 Found\r\nLocation: /securityRealm/commenceLogin"), "a sign-in page answers in place of"),
    ],
    ids=["form", "title", "leads", "forbidden", "elsewhere", "redirect"],
)
def test_a_sign_in_page_in_place_of_an_answer_is_named(
    kind: str, answer: bytes, words: str, tmp_path: Path
) -> None:
    with answering(answer) as port:
        said = complaint(asked(tmp_path, kind, port))
    assert words in said
    assert "JSON" not in said


@pytest.mark.parametrize("kind", [kind for kind in HTTP if kind != "WEBHOOK"])  # its success is any 2xx
def test_a_web_page_in_place_of_an_answer_is_named(kind: str, tmp_path: Path) -> None:
    with answering(http("200 OK", b"<!DOCTYPE html><html><title>Catalogue</title></html>")) as port:
        said = complaint(asked(tmp_path, kind, port))
    assert "a web page" in said
    assert "JSON" not in said


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"token": "password-of-ci"}, "`token` must be an API token, not a password"),
        ({"job": "docker"}, "'docker' is not a job but a Folder: set `job` to a job in it"),
        ({"url": "api/json"}, "`url` is not exact"),
        ({"url": "job/docker"}, "there is no Jenkins at `url` (404)"),
    ],
)
def test_settings_that_cannot_build_are_not_ok(changes: dict[str, str], words: str, tmp_path: Path) -> None:
    with fake_jenkins() as jenkins:
        declare(jenkins)
        changes |= {"url": jenkins.url + changes.get("url", "")}
        builder = builder_at("jenkins", **{"token": jenkins.token, "job": JOB} | changes)
        daemon = Daemon(tmp_path, {"builders": {"it": builder}}, {})
        said = complaint(command("--config", daemon.config, "builders", "test", "it"))
    assert words in said


@pytest.mark.parametrize(
    "document",
    [{}, {"fullName": "ci", "buildable": True}, {"id": 1, "name": "ci", "jobs": []}],
    ids=["nothing", "alike", "other"],
)
def test_another_server_of_json_is_no_jenkins(document: dict[str, Any], tmp_path: Path) -> None:
    with answering(http("200 OK\r\nContent-Type: application/json", json.dumps(document).encode())) as port:
        said = complaint(asked(tmp_path, "jenkins", port))
    assert "what answers at `url` is not Jenkins" in said


@pytest.mark.parametrize("fault", FAULTS)
def test_the_fault_of_a_registrys_certificate_is_named(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, ca_file = certified(fault, tmp_path)
    with answering(http("200 OK"), context) as port:
        trusted = tmp_path / "certs.d" / f"{NAME}:{port}"
        trusted.mkdir(parents=True)
        if ca_file:
            (trusted / "ca.crt").write_bytes(Path(ca_file).read_bytes())
        monkeypatch.setattr(registry, "TRUSTED", [trusted.parent])
        said = complaint(asked_for_registry(tmp_path, port))
    words = FAULTS[fault].replace("set ca_file", f"write into {trusted}/ca.crt")
    assert f"the certificate of the registry {NAME}:{port} {words}" in said
    assert "ca_file" not in said


@pytest.mark.parametrize(
    ("answer", "tls_verify", "words"),
    [
        (http("200 OK"), True, "answers without TLS at this port: set tls_verify: false"),
        (http("200 OK", SIGN_IN), False, "a sign-in page answers in place of the registry"),
        (http("302 Found\r\nLocation: https://sso.example.com/"), False, "a sign-in page at sso.example.com"),
        (http("200 OK", b"<html><title>Nexus</title></html>"), False, "a web page answers in place of"),
    ],
    ids=["plain", "form", "redirect", "page"],
)
def test_what_is_no_registry_is_named(answer: bytes, tls_verify: bool, words: str, tmp_path: Path) -> None:
    with answering(answer) as port:
        said = complaint(asked_for_registry(tmp_path, port, tls_verify=tls_verify))
    assert words in said
