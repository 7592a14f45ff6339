# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""`init`: what it writes is good at once, for every kind of host, builder and channel."""

import os
import pty
import re
import socket
import stat
import subprocess
import sys
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from support.commands import Done, command

from bridge.channels.base import Channel
from bridge.cli.guides import guide
from bridge.registry import BUILDERS, CHANNELS, FORGES, Adapters

REPOSITORY = {"Simple": "https://git.example.org/potters/kiln.git"}


def made(folder: Path, *options: str) -> Done:
    done = command("init", folder, *options)
    assert (done.status, done.stderr) == (0, "")
    return done


def checked(folder: Path, invented: Collection[str] = ()) -> str:
    """What `check` says; it warns of nothing but these secrets, and of what is marked."""
    done = command("check", "--config", folder / "bridge.yaml")
    assert (done.status, done.stderr) == (0, ""), done.stdout
    assert set(re.findall(r"warning: .* the secret (\S+) is the one that `init` invented", done.stdout)) == {
        *invented
    }
    others = [
        line for line in done.stdout.splitlines() if "warning" in line and "the mark CHANGE" not in line
    ]
    assert len(others) == len(invented), done.stdout
    return done.stdout


def suggested(done: Done, verb: str) -> list[str]:
    """The arguments of a command that the output names."""
    (line,) = re.findall(rf"^  buildbridge {verb} (.*)$", done.stdout, re.MULTILINE)
    return str(line).split()


@pytest.mark.parametrize("kind", FORGES)
@pytest.mark.parametrize("own", [False, True], ids=["invented", "own"])
def test_a_sample_push_of_the_chosen_host_builds_at_once(kind: str, own: bool, tmp_path: Path) -> None:
    options = ["--repository", REPOSITORY.get(kind, "potters/kiln")] if own else []
    done = made(tmp_path, "--host", kind.lower(), *options)
    assert checked(tmp_path).endswith("valid, with 1 build repository\n")
    explained = command("explain", "--json", *suggested(done, "explain"))
    (document,) = explained.documents
    assert (explained.status, document["signature"], document["event"]) == (0, "valid", "push")
    assert (tmp_path / "secrets/sample" / f"{guide(kind).source_name}.headers").read_bytes().endswith(b"\n")
    (match,) = document["matches"]
    assert document["repo"] == ("potters/kiln" if own else guide(kind).code.full_name)
    assert match["namespace"] == ("potters" if own else "acme")
    assert (match["builder"], match["tags"]) == ("here", ["latest"])


@pytest.mark.parametrize("kind", FORGES)
def test_the_page_of_the_host_is_reported_with_the_real_address(kind: str, tmp_path: Path) -> None:
    done = made(
        tmp_path, "--host", kind, "--builder", "dummy", "--public-url", "https://bridge.potters.example/ci/"
    )
    assert f"https://bridge.potters.example/ci/hooks/{guide(kind).source_name}" in done.stdout
    assert "bridge.example.com" not in done.stdout
    assert "```yaml" not in done.stdout
    assert "server.host" not in done.stdout
    config = yaml.safe_load((tmp_path / "bridge.yaml").read_text())
    assert config["server"]["public_url"] == "https://bridge.potters.example/ci"


def test_who_names_a_plain_address_hears_that_only_this_machine_reaches_it(tmp_path: Path) -> None:
    said = made(tmp_path, "--public-url", "http://192.0.2.7:8088").stdout
    assert "set server.host and server.port: they are 127.0.0.1, this machine only, and 8088" in said


@pytest.mark.parametrize(("repository", "invented"), [("acme/shop", True), (REPOSITORY["Simple"], False)])
def test_an_invented_clone_address_is_marked(repository: str, *, invented: bool, tmp_path: Path) -> None:
    said = made(tmp_path, "--host=Simple", f"--repository={repository}").stdout
    rule = (tmp_path / "rules/plain.yaml").read_text()
    assert ("# CHANGE: The address code_repo_clone_url " in rule) is invented
    assert "its `code_repo_clone_url` has to be `bridge.cloneUrl`" in said


def test_what_to_prepare_at_the_build_system_is_reported_with_the_real_address(tmp_path: Path) -> None:
    done = made(tmp_path, "--builder", "gitlab-ci", "--public-url", "https://bridge.potters.example/ci")
    assert "# GitLab CI/CD\n" in done.stdout
    assert "`https://bridge.potters.example/ci/wake/gitlab`" in done.stdout
    assert "bridge.example.com" not in done.stdout
    assert "## Configuration\n\n```yaml\nbuilders:" not in done.stdout, "`init` has written it"
    topics = re.findall(r"^The commonest mistakes: buildbridge help (.*)$", done.stdout, re.MULTILINE)
    assert topics == ["gitlab-ci", "message"]
    assert "## Common mistakes\n" in command("help", topics[0]).stdout


def test_it_speaks_the_language_of_the_reader_and_writes_that_of_notices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    options = ["--builder", "jenkins", "--channel", "DING_TALK", "--public-url", "http://192.0.2.7:8088"]
    said = made(tmp_path / "by-locale", "--host", "Gitee", *options).stdout
    assert f"已写入 {tmp_path / 'by-locale'}，以下路径都以它为起点：\n" in said
    assert "请把真实的值存到 secrets/jenkins-token 和 secrets/" in said
    assert "现在是 127.0.0.1（只有本机能访问）" in said
    assert "`http://192.0.2.7:8088/hooks/gitee`" in said
    for title in (
        "# Gitee（码云）",
        "# Jenkins",
        "# 钉钉群机器人",
        "接下来依次做：",
        "常见错误：buildbridge help dingtalk",
    ):
        assert f"\n{title}\n" in said
    assert "## 配置\n" not in said, "`init` has written it"
    assert "## 常见错误\n" not in said
    assert yaml.safe_load((tmp_path / "by-locale/bridge.yaml").read_text())["language"] == "zh-CN"
    in_english = made(tmp_path / "by-option", "--language", "en")
    assert in_english.stdout.startswith("Written to ")
    assert yaml.safe_load((tmp_path / "by-option/bridge.yaml").read_text())["language"] == "en"


@pytest.mark.parametrize("builder", BUILDERS)
@pytest.mark.parametrize("channel", CHANNELS)
def test_every_builder_and_channel_passes_the_check(builder: str, channel: str, tmp_path: Path) -> None:
    done = made(tmp_path, "--builder", builder, "--channel", channel)
    text = (tmp_path / "bridge.yaml").read_text()
    assert {builder} <= {one["kind"] for one in yaml.safe_load(text)["builders"].values()}
    to_fill = [file.name for file in (tmp_path / "secrets").iterdir() if "CHANGE" in _text(file)]
    assert all(f"secrets/{name}" in done.stdout for name in to_fill)
    checked(tmp_path, to_fill)
    for name in to_fill:
        file = tmp_path / "secrets" / name
        file.write_text(file.read_text().replace("CHANGE", "0123456789abcdef"))
    checked(tmp_path)


def test_what_is_left_to_be_changed_is_warned_of_with_its_place(tmp_path: Path) -> None:
    """Until it is changed, or its mark is taken away."""
    made(tmp_path, "--builder", "jenkins", "--channel", "MAIL", "--host", "Simple")
    config, rule = tmp_path / "bridge.yaml", tmp_path / "rules" / "plain.yaml"
    lines = config.read_text().splitlines()
    marked = {
        f"{config}:{number}:{len(line) - len(line.lstrip()) + 1}: warning: {line.split(':')[0].strip()}"
        for number, line in enumerate(lines, 1)
        if "# CHANGE" in line and "secrets/" not in line
    }
    done = command("check", "--config", config)
    said = {
        line.partition(": is invented")[0] for line in done.stdout.splitlines() if ": is invented" in line
    }
    assert (said, len(said)) == (marked, 7)
    assert f"warning: {rule}:3:1: The names of the repository are invented" in done.stdout
    config.write_text(
        config.read_text().replace("ci.example.com ", "ci.potters.org ").replace("# CHANGE", "#", 1)
    )
    rule.write_text(rule.read_text().replace("# CHANGE: The names", "# The names"))
    later = command("check", "--config", config).stdout
    assert (later.count(": is invented"), str(rule) in later) == (5, False)


def _text(path: Path) -> str:
    return path.read_text() if path.is_file() else ""


def test_help_names_the_kinds_as_bridge_yaml_does() -> None:
    # A line may end after a hyphen.
    said = re.sub(r"-\n +", "-", command("init", "--help").stdout)
    assert all(re.search(rf"\b{kind}\b", said) for kind in (*FORGES, *BUILDERS, *CHANNELS))
    assert "ding_talk" not in said


def test_a_kind_without_a_starter_is_rejected_with_the_file_to_create(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locations = dict.fromkeys(CHANNELS, "bridge.runtime.rate:Rate")
    monkeypatch.setattr("bridge.cli.scaffold.CHANNELS", Adapters[Channel](locations))
    done = command("init", tmp_path, "--channel", "MAIL")
    assert (done.status, done.stdout, list(tmp_path.iterdir())) == (1, "", [])
    assert done.complaint == "the kind MAIL has no starter.yaml: create bridge/runtime/starter.yaml"


def test_several_hosts_stand_side_by_side(tmp_path: Path) -> None:
    done = made(tmp_path, *(f"--host={kind}" for kind in FORGES))
    assert f"{len(FORGES)} build repositories" in checked(tmp_path)
    assert all(f"/hooks/{guide(kind).source_name}" in done.stdout for kind in FORGES)
    rules = {yaml.safe_load(file.read_text())["repo_name"] for file in (tmp_path / "rules").iterdir()}
    assert len(rules) == len(FORGES)


def test_secrets_are_strong_private_and_not_printed(tmp_path: Path) -> None:
    first, second = tmp_path / "one", tmp_path / "two"
    printed = made(first, "--host=GitLab", "--host=GitHub").stdout + made(second, "--host=GitLab").stdout
    files = [file for file in first.joinpath("secrets").rglob("*") if file.is_file()]
    values = [
        first.joinpath("secrets", name).read_text().strip() for name in ("gitlab", "github", "api-token")
    ]
    assert all(len(value) >= 43 and value not in printed for value in values)
    assert len({*values, second.joinpath("secrets", "gitlab").read_text().strip()}) == 4
    public = [file for file in first.rglob("*") if file.is_file() and file not in files]
    assert not [file for file in public if any(value in file.read_text() for value in values)]
    readable = [file for file in files if stat.S_IMODE(file.stat().st_mode) & 0o077]
    assert [file.name for file in readable] == [".gitignore"]
    assert stat.S_IMODE(first.joinpath("secrets").stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["bridge.yaml", "rules/github.yaml", "secrets/github"])
def test_nothing_that_is_there_is_overwritten(name: str, tmp_path: Path) -> None:
    there = tmp_path / name
    there.parent.mkdir(exist_ok=True)
    there.symlink_to("nowhere")
    done = command("init", tmp_path)
    assert (done.status, done.stdout) == (1, "")
    assert done.complaint.startswith(f"{there} is there already: nothing was written. Name another FOLDER")
    assert [file for file in tmp_path.rglob("*") if not file.is_dir()] == [there]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--host", "Subversion"], "'Subversion' is not one of"),
        (["--public-url", "bridge"], "must be an address such as https://bridge.example.com"),
        (["--public-url", "https://ci:pw@bridge.example.com"], "must not contain a user or a password"),
        (["--repository", "shop"], "no rule can name the repository"),
        (["--repository", "acme/my shop"], "no spaces"),
        (["--repository", "阿里/商店"], "whose name has letters a-z or digits"),
        (["--host=Simple", "--repository", "https://u:pw@git.example.com/a.git"], "user or a password"),
    ],
)
def test_wrong_choices_are_reported_and_write_nothing(
    options: list[str], complaint: str, tmp_path: Path
) -> None:
    done = command("init", tmp_path, *options)
    assert complaint in done.complaint
    assert (done.status, done.stdout, list(tmp_path.iterdir())) == (2, "", [])


def test_a_repository_may_stand_in_no_namespace_where_the_host_has_such(tmp_path: Path) -> None:
    done = made(tmp_path, "--host=Pagure", "--repository=kiln")
    checked(tmp_path)
    (document,) = command("explain", "--json", *suggested(done, "explain")).documents
    assert (document["repo"], len(document["matches"])) == ("kiln", 1)


def test_names_that_yaml_reads_as_something_else_stay_names(tmp_path: Path) -> None:
    made(tmp_path, "--repository", "1e3/No")
    checked(tmp_path)
    config = yaml.safe_load((tmp_path / "rules" / "github.yaml").read_text())["build_config"]
    assert (config["code_repo_namespace"], config["code_repo_name"]) == ("1e3", "No")


def test_a_place_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    tmp_path.joinpath("rules").write_text("a file where a folder should be")
    done = command("init", tmp_path)
    assert done.status == 1
    assert done.complaint == f"{tmp_path / 'rules'} cannot be written: File exists"
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [tmp_path / "rules"]


def test_former_names_of_hosts_are_taken(tmp_path: Path) -> None:
    made(tmp_path, "--host", "OSChina")
    assert (tmp_path / "rules" / "gitee.yaml").exists()


def test_the_hook_of_a_plain_server_is_there_to_be_copied(tmp_path: Path) -> None:
    done = made(tmp_path, "--host=Simple", "--repository=https://git.example.org/potters/kiln.git")
    assert os.access(tmp_path / "post-receive", os.X_OK)
    assert re.search(r"bridge.fullName +potters/kiln ", done.stdout)
    assert re.search(r"bridge.cloneUrl +https://git.example.org/potters/kiln.git ", done.stdout)


def on_a_terminal(folder: Path, *answers: str) -> str:
    """What is printed with these answers."""
    ours, theirs = pty.openpty()
    os.write(ours, "".join(f"{answer}\n" for answer in answers).encode())
    program = [sys.executable, "-m", "bridge", "init", str(folder)]
    printed = b""
    try:
        done = subprocess.Popen(program, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        with suppress(OSError):  # the end of a terminal
            while part := os.read(ours, 65536):
                printed += part
        assert done.wait(60) == 0, printed
    finally:
        os.close(ours)
    return printed.decode()


@pytest.fixture
def taken() -> Iterator[None]:
    """Port 8088 is taken, by this test or by something else."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            holder.bind(("127.0.0.1", 8088))
            holder.listen()
        yield


@pytest.mark.usefixtures("taken")
def test_on_a_terminal_it_asks(tmp_path: Path) -> None:
    """A wrong answer is asked for again; several hosts have a repository each."""
    hosts = ["Gitea, gitlub", "Gitea, gitlab", "potters/kiln", "https://gitlab.potters.example/glaze/oven"]
    answers = [*hosts, "nonsense", "https://bridge.potters.example", "0", "9123", "jenkins", "WECOM"]
    printed = on_a_terminal(tmp_path, *answers)
    assert "Which Git hosts will call" in printed
    assert "there is no kind gitlub of Git host; did you mean GitLab?" in printed
    assert "Port 8088 is taken on this machine. Which one instead" in printed
    assert "Open https://gitlab.potters.example/glaze/oven/-/hooks, and enter" in printed
    checked(tmp_path, ["jenkins-token", "wecom-url"])
    rule, other = (
        yaml.safe_load((tmp_path / f"rules/{name}.yaml").read_text()) for name in ("gitea", "gitlab")
    )
    assert (rule["namespace"], rule["repo_name"], other["namespace"]) == ("potters", "kiln", "glaze")
    text = (tmp_path / "bridge.yaml").read_text()
    assert all(word in text for word in ("https://bridge.potters.example", "kind: jenkins", "kind: WECOM"))
    assert yaml.safe_load(text)["server"]["port"] == 9123


@pytest.mark.usefixtures("taken")
def test_a_public_address_with_another_port_is_asked_about(tmp_path: Path) -> None:
    """Without a reverse proxy the daemon listens there itself."""
    answers = ["GitHub", "potters/kiln", "http://192.0.2.7:9124", "n", "dummy", "MESSAGE"]
    printed = on_a_terminal(tmp_path, *answers)
    assert "Does a reverse proxy take port 9124" in printed
    server = yaml.safe_load((tmp_path / "bridge.yaml").read_text())["server"]
    assert (server["host"], server["port"]) == ("0.0.0.0", 9124)
    assert "reverse proxy before it" not in printed


@pytest.mark.usefixtures("taken")
def test_without_a_terminal_ports_are_warned_of(tmp_path: Path) -> None:
    said = made(tmp_path, "--public-url", "https://bridge.potters.example:8443").stdout
    assert "public_url has port 8443, and the daemon listens on 8088" in said
    assert "Port 8088 is taken on this machine" in said


@pytest.mark.parametrize(
    ("host", "repository", "page"),
    [
        ("GitHub", "potters/kiln", "Open https://github.com/potters/kiln/settings/hooks, and"),
        ("Gitee", "potters/kiln", "Open https://gitee.com/potters/kiln/hooks, and"),
        (
            "Gitea",
            "https://git.potters.example/a/kiln.git",
            "Open https://git.potters.example/a/kiln/settings/hooks,",
        ),
        ("GitLab", "potters/kiln", "At GitLab, open the webhooks of the repository, as"),
        ("Simple", "ssh://git@git.potters.example/kiln", "In the bare repository, set up the hook"),
    ],
)
def test_the_next_steps_stand_at_the_end_in_their_order(
    host: str, repository: str, page: str, tmp_path: Path
) -> None:
    done = made(
        tmp_path,
        "--host",
        host,
        "--repository",
        repository,
        "--channel",
        "WECOM",
        "--public-url=https://b.example.com",
    )
    steps = done.stdout.partition("Next, in this order:\n")[2]
    source = guide(host).source_name
    order = ["1. Put the real values into secrets/wecom-url", "buildbridge check", "buildbridge serve", page]
    order += [f"https://b.example.com/hooks/{source}", f"/secrets/{source}", "buildbridge deliveries list"]
    found = [steps.find(part) for part in order]
    assert -1 not in found
    assert found == sorted(found)
    assert len(steps.splitlines()) < 16
