"""What a person is called in a channel reaches that kind of channel, and no other."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from support.fake_robots import Turnable
from support.notices import Messages

from bridge.channels.robot import Robot
from bridge.config.kinds import Kinds
from bridge.config.loader import load_config, load_outline
from bridge.errors import ConfigError
from bridge.registry import KINDS, open_adapters

CONFIG = """
channels:
  team: {kind: DING_TALK, url: "https://oapi.dingtalk.com/robot/send?access_token=0123456789"}
  ops: {kind: WECOM, url: "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=0123456789"}
people:
  Alice@example.com: {dingtalk_mobile: "13800000000", wecom_userid: alice, wecom_mobile: "13800000000"}
  bob@example.com: {wecom_userid: bob, dingtalk_mobile: null}
  carol@example.com:
    emails: [Carol@home.example, 123+carol@users.noreply.github.com]
    logins: [Carol]
    wecom_userid: carol
  dan@example.com: {wecom_mobile: "13900000000"}
"""


async def test_each_channel_gets_only_its_own_contacts(tmp_path: Path) -> None:
    file = tmp_path / "bridge.yaml"
    file.write_text(CONFIG)
    config = load_config(file, KINDS, {})
    async with open_adapters(config, Messages(), Turnable()) as adapters:
        given = {
            name: channel.context.contacts
            for name, channel in adapters.channels.items()
            if isinstance(channel, Robot)
        }
        shown = repr(
            [channel.context for channel in adapters.channels.values() if isinstance(channel, Robot)]
        )
    assert given == {
        "team": {"alice@example.com": "13800000000"},
        "ops": {"alice@example.com": "alice", "bob@example.com": "bob", "dan@example.com": "tel:13900000000"}
        | dict.fromkeys(
            ("carol@example.com", "carol@home.example", "carol@users.noreply.github.com", "carol"), "carol"
        ),
    }
    assert "alice" not in shown


@pytest.mark.parametrize(
    ("contact", "imported"), [("dingtalk_mobile: '13800000000'", False), ("wecom_userid: alice", True)]
)
def test_a_person_with_the_contact_of_a_configured_channel_imports_no_other_kind(
    contact: str, imported: bool, tmp_path: Path
) -> None:
    file = tmp_path / "bridge.yaml"
    channels = CONFIG.partition("  ops:")[0]
    file.write_text(f"{channels}people: {{alice@example.com: {{{contact}}}}}\n")
    code = f"""
import sys
from pathlib import Path
from bridge.config.loader import load_config, load_outline
from bridge.registry import KINDS

load_outline(Path({str(file)!r}), KINDS, {{}})
load_config(Path({str(file)!r}), KINDS, {{}})
print("bridge.channels.adapters.mail.channel" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(imported)]


@pytest.mark.parametrize("load", [load_config, load_outline])
def test_a_contact_that_no_kind_knows_is_a_fault_also_where_no_secret_is_read(
    load: Callable[[Path, Kinds, Mapping[str, str]], object], tmp_path: Path
) -> None:
    file = tmp_path / "bridge.yaml"
    file.write_text(CONFIG.replace("wecom_userid: alice", "wecom_user: alice"))
    with pytest.raises(ConfigError) as caught:
        load(file, KINDS, {})
    (fault,) = caught.value.faults
    assert "people.Alice@example.com.wecom_user" in str(fault)
    assert "did you mean wecom_userid" in str(fault)


@pytest.mark.parametrize(
    ("contact", "problem"),
    [
        ("dingtalk_mobile: alice", "is no mobile number"),
        ("wecom_userid: '@all'", "is no user id"),
        ("wecom_mobile: 138 0000 0000", "is no mobile number"),
        ("discord_id: alice", "is no user ID"),
        ("feishu_open_id: all", "is no open_id"),
        ("slack_id: '@alice'", "is no member ID"),
        ("telegram_username: Alice Example", "is no username"),
        ("teams_id: alice", "is no user principal name"),
    ],
)
def test_a_contact_that_is_not_of_its_form_is_a_fault_with_its_place(
    contact: str, problem: str, tmp_path: Path
) -> None:
    file = tmp_path / "bridge.yaml"
    file.write_text(f"{CONFIG}  eve@example.com: {{{contact}}}\n")
    with pytest.raises(ConfigError) as caught:
        load_config(file, KINDS, {})
    (fault,) = caught.value.faults
    assert fault.path == f"people.eve@example.com.{contact.partition(':')[0]}"
    assert f"bridge.yaml:{CONFIG.count(chr(10)) + 1}:" in str(fault)
    assert problem in fault.problem


@pytest.mark.parametrize("load", [load_config, load_outline])
@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("{emails: [ALICE@example.com]}", "people.fay@example.com.emails[0]"),
        ("{emails: [dan@home.example, carol@users.noreply.github.com]}", "people.fay@example.com.emails[1]"),
        ("{logins: [carol]}", "people.fay@example.com.logins[0]"),
    ],
)
def test_an_address_of_two_people_is_a_fault_that_names_both(
    load: Callable[[Path, Kinds, Mapping[str, str]], object], given: str, path: str, tmp_path: Path
) -> None:
    file = tmp_path / "bridge.yaml"
    file.write_text(f"{CONFIG}  fay@example.com: {given}\n")
    with pytest.raises(ConfigError) as caught:
        load(file, KINDS, {})
    (fault,) = caught.value.faults
    assert fault.path == path
    owner = "Alice" if "ALICE" in given else "carol"
    assert f"is of {owner}@example.com, too" in fault.problem


def test_the_same_address_in_capitals_is_no_second_person(tmp_path: Path) -> None:
    file = tmp_path / "bridge.yaml"
    file.write_text(f"{CONFIG}  BOB@example.com: {{wecom_userid: rob}}\n")
    with pytest.raises(ConfigError, match=r"is of bob@example\.com, too"):
        load_config(file, KINDS, {})
