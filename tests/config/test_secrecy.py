"""What is warned of secrets that others may know."""

import os
from pathlib import Path

import pytest
from support.needs import lacks

from bridge.config.loader import load_config
from bridge.registry import KINDS

SHORT, ENOUGH = "fifteen-letters", "sixteen-letters-"
PLACE = "bridge.yaml:1:43: sources.plain.secrets[0]: "


def warnings(folder: Path, text: str, **environ: str) -> list[str]:
    file = folder / "bridge.yaml"
    file.write_text(text)
    found = load_config(file, KINDS, environ).warnings
    return [str(fault).replace(f"{folder}/", "") for fault in found]


def secret_file(folder: Path, mode: int, name: str = "hook") -> Path:
    file = folder / name
    file.write_text(ENOUGH)
    file.chmod(mode)
    return file


def source(secret: str) -> str:
    return f"sources: {{plain: {{kind: Simple, secrets: [{secret}]}}}}\n"


def test_secrets_that_we_verify_with_are_sixteen_characters_or_longer(tmp_path: Path) -> None:
    jenkins = "kind: jenkins, url: 'https://ci.example.com', job: x, username: x"
    text = (
        source("{env: SHORT}, {env: ENOUGH}")
        + "api: {tokens: [{env: ENOUGH}, {env: SHORT}]}\nmetrics: {tokens: [{env: SHORT}]}\n"
        + f"builders: {{ci: {{{jenkins}, token: {{env: SHORT}}, wake_secrets: [{{env: SHORT}}]}}}}\n"
    )
    found = warnings(tmp_path, text, SHORT=SHORT, ENOUGH=ENOUGH)
    assert [line.split(": ")[1] for line in found] == [
        "sources.plain.secrets[0]",
        "api.tokens[1]",
        "metrics.tokens[0]",
        "builders.ci.wake_secrets[0]",
    ]
    assert found[0] == (
        f"{PLACE}is shorter than 16 characters, and can be guessed: `openssl rand -hex 32` prints a good one"
    )
    assert SHORT not in str(found)


@pytest.mark.parametrize(("mode", "warned"), [(0o600, 0), (0o400, 0), (0o640, 1), (0o604, 1), (0o644, 1)])
def test_a_secret_file_that_others_may_read_is_named_with_the_command_that_ends_it(
    tmp_path: Path, mode: int, warned: int
) -> None:
    file = secret_file(tmp_path, mode)
    twice = source("{file: hook}, {file: hook}")
    line = f"{PLACE}other users may read the secret file: `chmod go-r hook`"
    assert warnings(tmp_path, twice) == [line] * warned
    if warned:
        file.chmod(mode & ~0o044)
        assert warnings(tmp_path, twice) == []


def test_a_name_that_a_shell_would_take_apart_is_quoted(tmp_path: Path) -> None:
    secret_file(tmp_path, 0o644, "my hook")
    (found,) = warnings(tmp_path, source(f"{{file: {tmp_path}/my hook}}"))
    assert "`chmod go-r 'my hook'`" in found


@pytest.mark.parametrize(("mode", "command"), [(0o640, None), (0o644, "chmod o-r")])
def test_a_file_that_root_gives_to_the_group_of_the_daemon_is_meant_so(
    tmp_path: Path, mode: int, command: str | None
) -> None:
    if os.geteuid() != 0:
        lacks("only root can give a file away")
    os.chown(secret_file(tmp_path, mode), 0, 12345)
    found = warnings(tmp_path, source("{file: hook}"))
    assert (command in found[0]) if command else not found


def test_credentials_of_systemd_are_not_anybodys_to_read(tmp_path: Path) -> None:
    folder = tmp_path / "credentials"
    folder.mkdir()
    secret_file(folder, 0o644)
    text = source(f"{{file: {folder}/hook}}, {{credential: hook}}")
    assert warnings(tmp_path, text, CREDENTIALS_DIRECTORY=str(folder)) == []
    (found,) = warnings(tmp_path, source(f"{{file: {folder}/hook}}"))
    assert "chmod" in found


def test_settings_that_a_builder_has_of_another_are_warned_of_once(tmp_path: Path) -> None:
    secret_file(tmp_path, 0o644)
    text = (
        source("{env: ENOUGH}") + "builders:\n"
        "  ci: {kind: jenkins, url: 'https://ci.example.com', job: x, username: x, token: {file: hook}}\n"
        "  docs: {server: ci, job: docs}\n"
    )
    assert len(warnings(tmp_path, text, ENOUGH=ENOUGH)) == 1


@pytest.mark.parametrize(
    ("endpoint", "headers", "warned"),
    [
        ("http://otel.example.com:4318", "{X-Api-Key: {env: ENOUGH}}", True),
        ("https://otel.example.com", "{X-Api-Key: {env: ENOUGH}}", False),
        ("http://127.0.0.1:4318", "{X-Api-Key: {env: ENOUGH}}", False),
        ("http://otel.example.com:4318", "{}", False),
    ],
)
def test_headers_of_traces_that_others_can_read_are_named(
    tmp_path: Path, endpoint: str, headers: str, warned: bool
) -> None:
    text = source("{env: ENOUGH}") + f"tracing: {{endpoint: '{endpoint}', headers: {headers}}}\n"
    said = [line.split(": ", 1)[1] for line in warnings(tmp_path, text, ENOUGH=ENOUGH)]
    problem = f"everyone on the way to {endpoint} can read the headers: send over https"
    assert said == ([f"tracing.endpoint: {problem}"] if warned else [])
