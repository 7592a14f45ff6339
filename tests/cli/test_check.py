"""`check`: every fault with its place and a cure."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.commands import command
from support.faulty import expected_fault, faulty_files

from bridge.config.channels import ChannelSettings
from bridge.config.forges import former_kinds
from bridge.registry import BUILDERS, CHANNELS, FORGES, KINDS

TESTS = Path(__file__).parents[1]
COMMON = ChannelSettings.model_fields
RULES, CONFIGURATIONS = TESTS / "rules" / "bad", TESTS / "config" / "bad"
CONFIG = {
    "sources": {
        "gitee": {"kind": "Gitee", "secrets": [{"env": "HOOK"}]},
        "plain": {"kind": "Simple", "secrets": [{"env": "HOOK"}]},
    },
    "builders": {
        "jenkins": {
            "kind": "jenkins",
            "url": "https://ci.example.com",
            "username": "bridge",
            "token": {"env": "HOOK"},
            "job": "build",
        },
        "here": {"kind": "local", "command": ["true"]},
    },
    "channels": {
        "team": {"kind": "DING_TALK", "url": {"env": "ROBOT"}},
        **{
            name: {
                "kind": "MAIL",
                "host": "mail.example.com",
                "from": "a@example.com",
                "to": ["b@example.com"],
            }
            for name in ("mail", "mail2")
        },
    },
    "notices": {"default": [{"channel": name} for name in ("team", "mail", "mail2")]},
}
RULE = """
namespace: acme
repo_name: shop
build_config:
  code_repo_client: Gitee
  code_repo_namespace: acme
  code_repo_name: shop
  tag_configs: [{code_repo_type: branch, code_repo_type_value: main, docker_repo_tag: latest}]
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A good configuration with good rules."""
    monkeypatch.setenv("HOOK", "a-secret-of-the-hook")
    monkeypatch.setenv("ROBOT", "https://oapi.dingtalk.com/robot/send?access_token=0123456789abcdef")
    file = tmp_path / "bridge.yaml"
    file.write_text(yaml.safe_dump(CONFIG))
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "shop.yaml").write_text(RULE)
    return file


def test_what_is_good_is_said_to_be_good(config: Path) -> None:
    done = command("--config", config, "check")
    assert (done.status, done.stderr) == (0, "")
    assert done.stdout == f"{config}: valid, with 1 build repository\n"


@pytest.mark.parametrize(
    ("kind", "key", "value", "cure"),
    [
        (
            "local",
            "registry",
            "http://127.0.0.1:5000",
            "host and port, such as 127.0.0.1:5000, without http://",
        ),
        ("local", "authfile", "auth.json", "write its whole path, which begins with a slash"),
        ("jenkins", "job", "/docker/build", "write its folders and its name, such as docker/build-image"),
        ("drone", "repository", "shop", "write its full name, such as acme/shop"),
        ("gitea-actions", "repository", "a/b/c", "write its owner and name, such as acme/shop"),
        (
            "github-actions",
            "workflow",
            ".github/workflows/build.yml",
            "the name of its file, such as build.yml",
        ),
        ("codearts", "job_id", "build-image", "write the 32 letters and digits of the id"),
    ],
)
def test_a_name_in_another_form_is_told_its_own(
    kind: str, key: str, value: str, cure: str, config: Path
) -> None:
    config.write_text(yaml.safe_dump({**CONFIG, "builders": {"one": {"kind": kind, key: value}}}))
    done = command("--config", config, "check")
    (said,) = [line for line in done.stdout.splitlines() if f"builders.one.{key}: " in line]
    assert cure in said
    assert "pattern" not in said


@pytest.mark.parametrize(("old", "kind"), former_kinds(KINDS.forges).items())
@pytest.mark.parametrize("where", ["source", "rule"])
def test_a_host_goes_by_its_old_name_in_sources_and_in_rules(
    config: Path, where: str, old: str, kind: str
) -> None:
    in_source, in_rule = (old, kind) if where == "source" else (kind, old)
    config.write_text(yaml.safe_dump(CONFIG).replace("Gitee", in_source))
    (config.parent / "rules" / "shop.yaml").write_text(RULE.replace("Gitee", in_rule))
    done = command("--config", config, "check")
    assert (done.status, done.stdout) == (0, f"{config}: valid, with 1 build repository\n")


def test_a_secret_in_plain_text_is_a_warning_that_does_not_show_it(config: Path) -> None:
    plain = CONFIG | {"api": {"tokens": ["a-token-in-plain-text"]}}
    config.write_text(yaml.safe_dump(plain))
    done = command("--config", config, "check")
    assert done.status == 0
    assert f"{config}:3:5: warning: api.tokens[0]: the secret is here in plain text" in done.stdout
    assert "a-token-in-plain-text" not in done.stdout


def test_two_channels_with_one_robot_are_a_warning(config: Path) -> None:
    robot = {"kind": "WECOM", "url": "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=secret-key"}
    channels = {"team": robot, "ops": robot | {"allow_private": True}}
    default = {"default": [{"channel": "team"}, {"channel": "ops"}]}
    config.write_text(yaml.safe_dump(CONFIG | {"channels": channels, "notices": default}))
    done = command("--config", config, "check")
    assert done.status == 0
    problem = (
        "channel ops is the robot of team, too: both use up its one limit; "
        "keep one of them, or create a robot for each"
    )
    assert f"warning: channels.ops: {problem}\n" in done.stdout


def test_a_channel_that_neither_a_rule_nor_the_default_names_is_a_warning(config: Path) -> None:
    config.write_text(yaml.safe_dump(CONFIG | {"notices": {"default": [{"channel": "team"}]}}))
    rule = config.parent / "rules" / "shop.yaml"
    rule.write_text(f"{RULE}notices: [{{channel: mail}}]\n")
    done = command("--config", config, "check")
    assert done.status == 0
    problem = "channel mail2 gets no notices: no rule and no notices.default names it"
    assert done.stdout.splitlines()[:-1] == [f"{config}: warning: channels.mail2: {problem}"]
    config.write_text(
        config.read_text().replace("kind: DING_TALK", "kind: DING_TALK\n    fallback: mail2", 1)
    )
    assert "warning" not in command("--config", config, "check").stdout, "what it is there for is said"


def test_what_cannot_work_on_this_machine_is_a_warning(config: Path) -> None:
    text = yaml.safe_dump(CONFIG | {"builders": {"here": {"kind": "local", "command": ["no-such-program"]}}})
    config.write_text(text)
    done = command("--config", config, "check")
    assert done.status == 0
    problem = "the program no-such-program is not found: install it, or correct `command`"
    assert f"{config}:2:3: warning: builders.here: {problem}" in done.stdout


@pytest.mark.parametrize(
    ("clone", "protocol"),
    [
        ({"url": "http://git.example.com", "username": "ci", "token": {"env": "HOOK"}}, "http"),
        ({"url": "https://git.example.com", "username": "ci", "token": {"env": "HOOK"}}, None),
    ],
)
def test_code_that_a_builder_may_not_fetch_from_the_host_of_its_source_is_a_warning(
    config: Path, clone: dict[str, Any], protocol: str | None
) -> None:
    source = {"kind": "Gitee", "secrets": [{"env": "HOOK"}], "clone": clone}
    here = {"here": {"kind": "local", "command": ["true"]}}
    config.write_text(yaml.safe_dump(CONFIG | {"sources": {"gitee": source}, "builders": here}))
    done = command("--config", config, "check")
    problem = f"acme/shop can never be fetched: add {protocol} to `protocols`"
    assert done.status == 0
    assert (problem in done.stdout) == (protocol is not None)
    assert ("never be fetched" in done.stdout) == (protocol is not None)


def test_every_fault_of_a_folder_of_faulty_rules_is_reported_with_its_place_and_a_cure(config: Path) -> None:
    rules = config.parent / "rules"
    shutil.rmtree(rules)
    shutil.copytree(RULES, rules)
    done = command("--config", config, "check")
    faults = done.stdout.replace(f"{rules}/", "").splitlines()
    named = {line.partition(":")[0] for line in faults}
    # Beside so many others some name a repository that another file has named before.
    repeats = {line.partition(":")[0] for line in faults if "is defined twice" in line}
    hidden = {file.name for file in faulty_files(RULES) if expected_fault(file) not in faults}
    assert done.status == 1
    assert len(faulty_files(RULES)) > 40
    assert named == {file.name for file in faulty_files(RULES)}
    assert hidden <= repeats
    assert len(hidden) < 10
    assert all(re.match(r"[a-z-]+\.yaml(:\d+:\d+)?: \S", line) for line in faults)
    assert done.complaint == f"{len(faults)} faults"


@pytest.mark.parametrize("file", faulty_files(RULES), ids=lambda file: file.stem)
def test_the_fault_of_one_rule_file_is_reported_by_itself(file: Path, config: Path) -> None:
    rule = config.parent / "rules" / "shop.yaml"
    rule.unlink()
    shutil.copy(file, rule.with_name(file.name))
    done = command("--config", config, "check")
    assert done.stdout.replace(f"{rule.parent}/", "") == f"{expected_fault(file)}\n"
    assert (done.status, done.complaint) == (1, "1 fault")


@pytest.mark.parametrize("file", faulty_files(CONFIGURATIONS), ids=lambda file: file.stem)
def test_the_faults_of_a_configuration_are_reported_with_their_places(file: Path, config: Path) -> None:
    shutil.copy(file, config.with_name(file.name))
    done = command("--config", config.with_name(file.name), "check")
    faults = done.stdout.splitlines()
    assert done.status == 1
    assert faults
    assert all(re.match(rf"{config.parent}/{file.name}(:\d+:\d+)?: \S", line) for line in faults)
    assert done.complaint == ("1 fault" if len(faults) == 1 else f"{len(faults)} faults")


def test_no_fault_of_a_faulty_configuration_shows_its_secrets(config: Path) -> None:
    config.write_text(
        yaml.safe_dump(
            {"sources": {"plain": {"kind": "Simpel", "secrets": ["s3cret-1"], "secret": "s3cret-2"}}}
        )
    )
    done = command("--config", config, "check")
    assert done.status == 1
    assert "did you mean" in done.stdout
    assert "s3cret" not in done.stdout + done.stderr


def test_the_configuration_that_ships_is_good_and_shows_every_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (TESTS.parent / "deploy" / "bridge.example.yaml").read_text()
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    url = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=0123456789abcdef"
    for name in re.findall(r"credential: ([a-z-]+)", text):
        value = (
            "https://oapi.dingtalk.com/robot/send?access_token=0123456789abcdef"
            if "url" in name
            else f"the secret of {name}"
        )
        (credentials / name).write_text(value)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    monkeypatch.setenv("GITEE_WEBHOOK_SECRET", "a-secret-of-the-tests")
    monkeypatch.setenv("WECOM_URL", url)
    config = tmp_path / "bridge.yaml"
    config.write_text(text.replace("/run/secrets/gitea-webhook", str(credentials / "api-token")))
    shutil.copytree(TESTS.parent / "rules", tmp_path / "rules")
    done = command("--config", config, "check")
    assert (done.status, done.stderr) == (0, ""), done.stdout
    # Whether there is something to build images with is this machine's affair.
    assert not [
        line
        for line in done.stdout.splitlines()
        if "warning" in line and "install buildah" not in line and "the mark CHANGE" not in line
    ]
    shown = set(re.findall(r"kind: ([\w-]+)", text))
    assert shown <= {*FORGES, *BUILDERS, *CHANNELS}
    assert all(shown & set(kinds) for kinds in (FORGES, BUILDERS, CHANNELS))


def test_the_configuration_that_ships_shows_every_setting_of_the_kinds_in_it() -> None:
    text = (TESTS.parent / "deploy" / "bridge.example.yaml").read_text()
    shown = set(re.findall(r"[#{, ]([a-z_]+):", text))
    kinds = set(re.findall(r"kind: (\w+)", text))
    for kind, settings in (*KINDS.builders.items(), *KINDS.channels.items()):
        names = {field.alias or name for name, field in settings.model_fields.items()}
        assert kind not in kinds or names <= shown, kind


@pytest.mark.parametrize("kind", [*BUILDERS, *CHANNELS])
def test_the_starter_of_a_builder_or_channel_shows_every_setting_of_its_own(kind: str) -> None:
    adapters, settings = (BUILDERS, KINDS.builders) if kind in BUILDERS else (CHANNELS, KINDS.channels)
    shown = set(re.findall(r"[#{, ]([a-z_]+):", adapters.text(kind, "starter.yaml")))
    own = {name: field for name, field in settings[kind].model_fields.items() if name not in COMMON}
    names = {field.alias or name for name, field in own.items()}
    assert names <= shown, (
        f"starter.yaml of {kind} has to show {sorted(names - shown)}; optional ones as comments"
    )


@pytest.mark.parametrize("kind", BUILDERS)
def test_the_starter_of_a_builder_marks_what_it_invents(kind: str) -> None:
    """What has no default is somebody's own; the rest need not be there."""
    lines = BUILDERS.text(kind, "starter.yaml").splitlines()
    shown = {found[1]: line for line in lines if (found := re.match(r"    ([a-z_]+): ", line))}
    required = {name for name, one in KINDS.builders[kind].model_fields.items() if one.is_required()}
    assert required <= shown.keys()
    assert [name for name in sorted(required) if "CHANGE" not in shown[name]] == []


@pytest.mark.parametrize("kind", [kind for kind in CHANNELS if kind != "MESSAGE"])
def test_the_starter_of_a_channel_sends_notices_to_it(kind: str) -> None:
    starter = yaml.safe_load(CHANNELS.text(kind, "starter.yaml"))
    default = starter.get("notices", {}).get("default", [])
    named = {notice.get("channel") for notice in default}
    assert named == {*starter["channels"]}, (
        f"starter.yaml of {kind} has to name its channel in notices.default, or it gets no notices"
    )


def test_nothing_is_made_by_a_check(config: Path) -> None:
    before = sorted(config.parent.rglob("*"))
    assert command("--config", config, "check").status == 0
    assert sorted(config.parent.rglob("*")) == before


def test_what_only_the_service_can_read_is_named_and_the_rest_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.setenv("HOOK", "a-secret-of-the-tests-that-is-long")
    of_service = {"credential": "of-the-service"}
    source = {"plain": {"kind": "Simple", "secrets": [{**of_service}]}}
    team = {"team": {"kind": "DING_TALK", "url": of_service}}
    config = {**CONFIG, "sources": source, "channels": team, "notices": {"default": [{"channel": "team"}]}}
    file = tmp_path / "bridge.yaml"
    file.write_text(yaml.safe_dump(config))
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "shop.yaml").write_text("namespace: acme\n")
    faulty = command("--config", file, "check")
    assert faulty.status == 1
    assert "shop.yaml" in faulty.stdout
    (tmp_path / "rules" / "shop.yaml").unlink()
    done = command("--config", file, "check")
    assert (done.status, done.stderr) == (0, "")
    *warnings, last = done.stdout.splitlines()
    unread = [line for line in warnings if "there is no credential 'of-the-service'" in line]
    assert [line.split(": ")[2] for line in unread] == ["sources.plain.secrets[0]", "channels.team.url"]
    assert "but for 2 secrets that cannot be read here" in last
    assert command("--config", file, "serve").status == 78


def test_a_fault_beside_a_secret_of_the_service_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    file = tmp_path / "bridge.yaml"
    source = {"kind": "Simple", "secrets": [{"credential": "x"}, {"file": "gone"}]}
    file.write_text(yaml.safe_dump({"sources": {"plain": source}}))
    done = command("--config", file, "check")
    assert (done.status, done.complaint) == (1, "2 faults")
    assert "gone cannot be read: No such file or directory" in done.stdout
