import os
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from support.kinds import KINDS, JenkinsLike, RobotLike
from support.secret_files import write_secret

from bridge.config.loader import Config, find_config, load_config
from bridge.config.types import ConfigPath, Secret, Strict
from bridge.errors import ConfigError
from bridge.model.notice import EventName
from bridge.runtime.rate import Rate

ENVIRON = {
    "HOOK": "hook-secret-of-us",
    "ROBOT": "https://robot.example.com/?token=abc",
    "CI": "ci-secret",
}
GOOD = """
server: {max_body: 64KiB, trusted_proxies: [10.0.0.0/8, "::1"], public_url: "https://bridge.example.com/"}
store: {url: "sqlite:///./data/bridge.db"}
rules: [rules/, /srv/more.yaml]
language: en
sources:
  osc: {kind: OSChina, secrets: [{env: HOOK}, {file: hook.txt}], allow: [192.0.2.0/24]}
builders:
  zeta: {kind: jenkins, url: "https://ci.example.com", token: {env: CI}}
  alpha: {kind: jenkins, url: "https://ci2.example.com", token: {env: CI}, workers: 5}
channels:
  team: {kind: DING_TALK, url: {env: ROBOT}}
people: {Alice@Example.com: {chat_userid: alice}}
notices: {default: [{notice_type: DING_TALK, only: changes}]}
retention: {deliveries: 12h}
"""


def load(folder: Path, text: str, environ: dict[str, str] | None = None) -> Config:
    file = folder / "bridge.yaml"
    file.write_text(text, encoding="utf-8")
    write_secret(folder / "hook.txt", "from-a-file-of-us\n")
    return load_config(file, KINDS, ENVIRON if environ is None else environ)


def refusals(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(folder, text)
    return [str(fault).replace(f"{folder}/", "") for fault in caught.value.faults]


def test_a_configuration_is_read_whole(tmp_path: Path) -> None:
    config = load(tmp_path, GOOD)
    settings = config.settings
    assert (settings.server.max_body, settings.server.port) == (65536, 8088)
    assert settings.server.public_url == "https://bridge.example.com"
    assert settings.server.trusted_proxies == (ip_network("10.0.0.0/8"), ip_network("::1"))
    assert config.rule_paths == (tmp_path / "rules", Path("/srv/more.yaml"))
    assert settings.sources["osc"].kind == "Gitee"
    assert settings.sources["osc"].secrets == (
        Secret("hook-secret-of-us"),
        Secret("from-a-file-of-us"),
    )
    assert list(config.builders) == ["zeta", "alpha"]
    assert config.builders["alpha"].settings == JenkinsLike(
        url="https://ci2.example.com", token=Secret("ci-secret"), workers=5
    )
    assert isinstance(config.channels["team"].settings, RobotLike)
    assert settings.people["alice@example.com"].contacts == {"chat_userid": "alice"}
    assert settings.retention.deliveries == timedelta(hours=12)
    assert config.warnings == ()


def test_an_ipv4_network_is_one_also_where_it_is_written_as_one_of_ipv6(tmp_path: Path) -> None:
    text = GOOD.replace('[10.0.0.0/8, "::1"]', '["::ffff:10.0.0.0/104", "::ffff:10.0.0.1", unix]')
    proxies = load(tmp_path, text).settings.server.trusted_proxies
    assert proxies == (ip_network("10.0.0.0/8"), ip_network("10.0.0.1"), "unix")


@pytest.mark.parametrize(
    ("text", "length"),
    [("500ms", 0.5), ("30s", 30), ("5m", 300), ("2 h", 7200), ("30d", 30 * 24 * 3600)],
)
def test_durations_are_read_with_their_units(tmp_path: Path, text: str, length: float) -> None:
    found = load(tmp_path, f"retention: {{builds: {text}}}\n").settings.retention.builds
    assert found.total_seconds() == length


@pytest.mark.parametrize(
    ("text", "size"),
    [("1024", 1024), ("2048B", 2048), ("64 KiB", 65536), ("3MiB", 3145728), ("1GiB", 1073741824)],
)
def test_sizes_are_read_with_their_units(tmp_path: Path, text: str, size: int) -> None:
    assert load(tmp_path, f"server: {{max_body: {text}}}\n").settings.server.max_body == size


@pytest.mark.parametrize("size", ["1023", "2GiB", "true", "-1"])
def test_a_delivery_has_a_limit_within_reason(tmp_path: Path, size: str) -> None:
    (fault,) = refusals(tmp_path, f"server: {{max_body: {size}}}\n")
    assert fault.startswith("bridge.yaml:1:10: server.max_body: ")


@pytest.mark.parametrize(
    "url",
    [
        "https://user@b.example.com",
        "https://u:p@b.example.com",
        "https://b.example.com?x=1",
        "https://b.example.com#x",
    ],
)
def test_the_public_address_holds_nothing_that_is_not_for_everybody(tmp_path: Path, url: str) -> None:
    (fault,) = refusals(tmp_path, f"server: {{public_url: '{url}'}}\n")
    assert "public_url: must" in fault


def test_rates_are_read_with_their_units_and_bound_only_what_is_rejected(tmp_path: Path) -> None:
    source = load(tmp_path, GOOD).settings.sources["osc"]
    assert (source.rate, source.refused_rate) == (None, Rate(600, 60.0))
    text = GOOD.replace("allow: [", "rate: 5000/h, refused_rate: 5 / s, allow: [")
    source = load(tmp_path, text).settings.sources["osc"]
    assert (source.rate, source.refused_rate) == (Rate(5000, 3600.0), Rate(5, 1.0))


@pytest.mark.parametrize(("old", "kind"), [("OSChina", "Gitee"), ("GitCafe", "Coding")])
def test_a_source_goes_by_its_host_s_old_name_too(tmp_path: Path, old: str, kind: str) -> None:
    config = load(tmp_path, GOOD.replace("OSChina", old))
    assert config.settings.sources["osc"].kind == kind


def test_a_user_name_stands_before_each_password_and_is_not_needed(tmp_path: Path) -> None:
    text = "sources: {{x: {{kind: AzureDevOps, secrets: [a, {{env: HOOK}}]{more}}}}}\n"
    assert load(tmp_path, text.format(more="")).settings.sources["x"].credentials == [
        b"a",
        b"hook-secret-of-us",
    ]
    named = load(tmp_path, text.format(more=", username: bücher")).settings.sources["x"].credentials
    assert named == ["bücher:a".encode(), "bücher:hook-secret-of-us".encode()]


def test_a_default_notice_names_channel_and_type(tmp_path: Path) -> None:
    (notice,) = load(tmp_path, GOOD).default_notices
    assert (notice.channel, notice.notice_type, notice.only) == ("team", "DING_TALK", "changes")
    subscription = notice.subscription
    assert (subscription.channel, subscription.only) == ("team", "changes")
    assert subscription.events == {EventName.SUCCESS, EventName.FAIL}


def test_a_channel_has_its_own_language_and_events(tmp_path: Path) -> None:
    own = "language: zh-CN, enabled_event_type_names: [buildJobStart, buildJobStop]"
    one = GOOD.replace(
        "{env: ROBOT}}", f"{{env: ROBOT}}, {own}}}\n  other: {{kind: DING_TALK, url: {{env: ROBOT}}}}"
    )
    named = "[{channel: team}, {channel: other}, {channel: team, enabled_event_type_names: [deleteJob]}]"
    config = load(tmp_path, one.replace("[{notice_type: DING_TALK, only: changes}]", named))
    assert [config.language_of(name) for name in ("team", "other", "message")] == ["zh-CN", "en", "en"]
    assert [[*notice.events] for notice in config.default_notices] == [
        [EventName.START, EventName.STOP],
        [EventName.SUCCESS, EventName.FAIL],
        [EventName.DELETE],
    ]
    assert config.channel_events == {"team": (EventName.START, EventName.STOP)}


def test_an_event_that_a_channel_cannot_have_is_one_fault(tmp_path: Path) -> None:
    text = GOOD.replace("{env: ROBOT}}", "{env: ROBOT}, enabled_event_type_names: [buildJobBegin]}")
    (refusal,) = refusals(tmp_path, text)
    assert "channels.team.enabled_event_type_names[0]" in refusal


@pytest.mark.parametrize("ttl", ["59s", "31d"])
def test_a_notice_lives_for_a_minute_to_a_month(tmp_path: Path, ttl: str) -> None:
    text = GOOD.replace("{env: ROBOT}}", f"{{env: ROBOT}}, ttl: {ttl}}}")
    (refusal,) = refusals(tmp_path, text)
    assert refusal.endswith("channels.team.ttl: is from 1m to 30d")


@pytest.mark.parametrize(
    ("hours", "fault"),
    [
        ('from: 9:00, to: "08:00", timezone: UTC', "quiet_hours.from"),
        ('from: "25:00", to: "08:00", timezone: UTC', "is a time of the day, such as 22:00"),
        ('from: "08:00", to: "08:00", timezone: UTC', "from and to are the same"),
        ('from: "22:00", to: "08:00", timezone: Mars', "there is no time zone Mars"),
        ('from: "22:00", to: "08:00"', "timezone"),
        ('from: "22:00", to: "08:00", timezone: UTC, days: []', "days"),
    ],
)
def test_quiet_hours_say_what_is_wrong_with_them(tmp_path: Path, hours: str, fault: str) -> None:
    (refusal,) = refusals(
        tmp_path, GOOD.replace("{env: ROBOT}}", f"{{env: ROBOT}}, quiet_hours: {{{hours}}}}}")
    )
    assert fault in refusal


def test_the_channel_of_messages_always_exists(tmp_path: Path) -> None:
    assert load(tmp_path, "language: en\n").channels["message"].kind == "MESSAGE"
    assert load(tmp_path, "channels: {message: {kind: MESSAGE}}\n").channels["message"].kind == "MESSAGE"


def test_everything_has_a_default_and_no_source_is_warned_about(tmp_path: Path) -> None:
    config = load(tmp_path, "language: zh-CN\n")
    assert config.store_url == "sqlite:///var/lib/buildbridge/bridge.db"
    assert config.rule_paths == (tmp_path / "rules",)
    server, retention = config.settings.server, config.settings.retention
    assert (server.host, server.port, server.max_body) == ("127.0.0.1", 8088, 25 * 1024 * 1024)
    assert (server.header_timeout, server.body_timeout) == (timedelta(seconds=10), timedelta(seconds=15))
    assert (retention.deliveries, retention.builds) == (timedelta(days=30), timedelta(days=365))
    assert [fault.problem for fault in config.warnings] == [
        "no sources are configured: no host can send deliveries"
    ]


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///var/lib/x.db", "/var/lib/x.db"),
        ("sqlite:////var/lib/x.db", "/var/lib/x.db"),
        ("sqlite:///./x.db", "{folder}/x.db"),
        ("sqlite:///../x.db", "{folder}/../x.db"),
    ],
)
def test_the_store_is_where_its_address_says(tmp_path: Path, url: str, path: str) -> None:
    found = load(tmp_path, f"store: {{url: '{url}'}}\n").store_url
    assert found.removeprefix("sqlite://").replace("//", "/") == path.format(folder=tmp_path)


def test_all_secrets_are_known_and_none_is_shown(tmp_path: Path) -> None:
    config = load(tmp_path, GOOD)
    assert config.secrets == {
        "hook-secret-of-us",
        "from-a-file-of-us",
        "ci-secret",
        ENVIRON["ROBOT"],
    }
    assert not [secret for secret in config.secrets if secret in repr(config)]


def test_a_secret_comes_from_the_credentials_of_systemd(tmp_path: Path) -> None:
    (tmp_path / "hook").write_text("credential-secret", encoding="utf-8")
    text = "sources: {x: {kind: GitHub, secrets: [{credential: hook}]}}\n"
    config = load(tmp_path, text, {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert config.secrets == {"credential-secret"}


@pytest.mark.parametrize("name", ["../outside", "a/b", "..", ".", ""])
def test_a_credential_is_in_the_folder_of_credentials(tmp_path: Path, name: str) -> None:
    (tmp_path / "outside").write_text("something", encoding="utf-8")
    (tmp_path / "in").mkdir()
    text = f"sources: {{x: {{kind: GitHub, secrets: [{{credential: '{name}'}}]}}}}\n"
    with pytest.raises(ConfigError, match="there is no credential"):
        load(tmp_path, text, {"CREDENTIALS_DIRECTORY": str(tmp_path / "in")})


def test_only_the_line_end_of_a_file_is_no_part_of_its_secret(tmp_path: Path) -> None:
    (tmp_path / "padded").write_bytes(b" a \r\n\n")
    config = load(tmp_path, "sources: {x: {kind: GitHub, secrets: [{file: padded}]}}\n")
    assert config.secrets == {" a "}
    assert config.settings.sources["x"].secrets != (Secret("a"),)


def test_a_secret_of_64_kib_is_read_and_a_longer_one_is_a_fault(tmp_path: Path) -> None:
    text = "sources: {x: {kind: GitHub, secrets: [{file: long}]}}\n"
    (tmp_path / "long").write_bytes(b"x" * 65536)
    assert load(tmp_path, text).secrets == {"x" * 65536}
    (tmp_path / "long").write_bytes(b"x" * 65537)
    (fault,) = refusals(tmp_path, text)
    assert "is over 64 KiB" in fault


def test_no_load_waits_for_a_secret_that_is_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    read, write = os.pipe()
    os.close(write)
    for name in ("pipe", f"/dev/fd/{read}", "."):
        (fault,) = refusals(tmp_path, f"sources: {{x: {{kind: GitHub, secrets: [{{file: {name}}}]}}}}\n")
        assert "is not a regular file: a pipe, such as /dev/fd/N, cannot be read again by a reload" in fault
    os.close(read)


def test_a_secret_in_plain_text_is_warned_about_with_its_place(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        "sources:\n  x:\n    kind: GitHub\n    secrets:\n      - {env: HOOK}\n      - plain\n"
        "channels:\n  team:\n    kind: DING_TALK\n    url: https://robot.example.com\n"
        "api:\n  tokens: [abc]\n",
    )
    plain = [fault for fault in config.warnings if "plain" in fault.problem]
    assert [f"{fault.place}: {fault.path}".replace(f"{tmp_path}/", "") for fault in plain] == [
        "bridge.yaml:6:9: sources.x.secrets[1]",
        "bridge.yaml:12:12: api.tokens[0]",
        "bridge.yaml:10:5: channels.team.url",
    ]
    assert all(fault.warning for fault in config.warnings)


def test_no_fault_repeats_a_secret(tmp_path: Path) -> None:
    fault = refusals(
        tmp_path,
        "sources: {x: {kind: hunter2x, secrets: hunter2a}}\n"
        "builders: {ci: {kind: jenkins, url: [hunter2b], token: {hunter2c: hunter2d}}}\n"
        "channels: {team: {kind: DING_TALK, url: {env: HOOK}, secret: hunter2e, retries: hunter2f}}\n"
        "server: {public_url: 'https://u:hunter2g@example.com'}\n"
        "store: {url: 'postgresql://u:hunter2h@db/x'}\n",
    )
    assert len(fault) == 8
    assert [line for line in fault if "hunter2" in line and "hunter2x" not in line] == []


def test_a_builder_on_the_server_of_another_has_its_settings_but_for_its_own(tmp_path: Path) -> None:
    text = GOOD.replace(
        "builders:\n", "builders:\n  docs: {server: alpha, workers: 1}\n  more: {server: alpha}\n"
    )
    builders = load(tmp_path, text).builders
    assert [*builders] == ["docs", "more", "zeta", "alpha"]
    assert [one.server for one in builders.values()] == ["alpha", "alpha", None, None]
    shared = JenkinsLike(url="https://ci2.example.com", token=Secret("ci-secret"), workers=5)
    assert (builders["docs"].kind, builders["docs"].settings) == (
        "jenkins",
        shared.model_copy(update={"workers": 1}),
    )
    assert builders["more"].settings == shared


def test_a_builder_is_of_a_kind_or_on_the_server_of_one_that_is(tmp_path: Path) -> None:
    found = refusals(
        tmp_path,
        "builders:\n"
        "  ci: {kind: jenkins, url: 'https://ci.example.com', token: {env: CI}}\n"
        "  a: {server: cii}\n"
        "  b: {server: a}\n"
        "  c: {server: ci, kind: jenkins}\n"
        "  d: {url: 'https://ci.example.com'}\n"
        "  e: {server: ci, wrkers: 1}\n"
        "  f: {server: 3}\n",
    )
    assert found == [
        "bridge.yaml:3:7: builders.a.server: there is no builder cii with a kind; did you mean ci?",
        "bridge.yaml:4:7: builders.b.server: there is no builder a with a kind; known are ci",
        "bridge.yaml:5:3: builders.c: has the kind of its server: leave out kind or server",
        "bridge.yaml:6:3: builders.d: give its kind, or with server the name of a builder on the same server",
        "bridge.yaml:7:19: builders.e.wrkers: is not known; did you mean workers?",
        "bridge.yaml:8:7: builders.f.server: must be text, but is a number: put it in quotes",
    ]
    broken = refusals(tmp_path, "builders:\n  ci: {kind: jenkins, token: {env: CI}}\n  a: {server: ci}\n")
    assert broken == ["bridge.yaml:2:3: builders.ci.url: is missing"], "one mistake is one fault"


def test_all_faults_are_reported_at_once_in_the_order_of_their_places(tmp_path: Path) -> None:
    fault = refusals(
        tmp_path,
        "server: {port: x, hots: y}\nlanguage: de\n"
        "sources:\n  a: {kind: Githup, secrets: []}\n  b: 3\n"
        "builders: {ci: {kind: jenkins}}\nchannels: {team: {kind: ding_tal}}\n"
        "notices: {default: [{channel: tema}]}\nlanguage: en\n",
    )
    assert fault == [
        "bridge.yaml:1:10: server.port: must be a whole number, but is text: write digits only",
        "bridge.yaml:1:19: server.hots: is not known; did you mean host?",
        "bridge.yaml:2:1: language: de is not zh-CN or en",
        "bridge.yaml:4:7: sources.a.kind: there is no kind Githup of sources; did you mean GitHub?",
        "bridge.yaml:4:21: sources.a.secrets: needs at least 1 entry",
        (
            "bridge.yaml:5:3: sources.b: must be a mapping, but is a number: its keys, such as kind, "
            "secrets, username, stand below it"
        ),
        "bridge.yaml:6:12: builders.ci.token: is missing",
        "bridge.yaml:6:12: builders.ci.url: is missing",
        (
            "bridge.yaml:7:19: channels.team.kind: there is no kind ding_tal of channels; "
            "did you mean DING_TALK?"
        ),
        "bridge.yaml:8:22: notices.default[0].channel: there is no channel tema; did you mean team?",
        "bridge.yaml:9:1: language: is given twice; the first is at bridge.yaml:2:1",
    ]


def test_a_configuration_never_changes(tmp_path: Path) -> None:
    config = load(tmp_path, GOOD)
    with pytest.raises((AttributeError, ValueError)):
        config.settings.language = "en"  # type: ignore[misc]


class TestFindConfig:
    def test_the_option_wins(self) -> None:
        assert find_config("a.yaml", {"BRIDGE_CONFIG": "b.yaml"}) == Path("a.yaml")

    def test_then_the_environment(self) -> None:
        assert find_config(None, {"BRIDGE_CONFIG": "b.yaml"}) == Path("b.yaml")

    def test_then_the_folder_one_is_in(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "bridge.yaml").write_text("language: en\n", encoding="utf-8")
        assert find_config(None, {"BRIDGE_CONFIG": ""}) == Path("bridge.yaml")

    def test_else_it_says_what_to_do(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        with pytest.raises(ConfigError, match="--config or \\$BRIDGE_CONFIG"):
            find_config(None, {})


def test_relative_paths_of_settings_count_from_the_folder_of_the_file(tmp_path: Path) -> None:
    class Spool(Strict):
        folder: ConfigPath
        ca_file: ConfigPath | None = None

    file = tmp_path / "bridge.yaml"
    file.write_text("builders: {one: {kind: spool, folder: jobs, ca_file: /etc/ca.pem}}\n", encoding="utf-8")
    config = load_config(file, replace(KINDS, builders={"spool": Spool}), {})
    assert config.builders["one"].settings == Spool(folder=tmp_path / "jobs", ca_file=Path("/etc/ca.pem"))
