"""What a person is called in a channel reaches that kind of channel, and no other."""

from pathlib import Path

from support.fake_robots import Turnable
from support.notices import Messages

from bridge.channels.robot import Robot
from bridge.config.loader import load_config
from bridge.registry import KINDS, open_adapters

CONFIG = """
channels:
  team: {kind: DING_TALK, url: "https://oapi.dingtalk.com/robot/send?access_token=0123456789"}
  ops: {kind: WECOM, url: "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=0123456789"}
people:
  Alice@example.com: {dingtalk_mobile: "13800000000", wecom_userid: alice}
  bob@example.com: {wecom_userid: bob, dingtalk_mobile: null}
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
        "ops": {"alice@example.com": "alice", "bob@example.com": "bob"},
    }
    assert "alice" not in shown
