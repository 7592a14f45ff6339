"""What previews show of secrets."""

from pathlib import Path

from support.fake_robots import Turnable
from support.notices import Messages, notice

from bridge.config.loader import load_config
from bridge.registry import KINDS, previews

KEY = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----"


def test_a_key_of_several_lines_is_left_out_of_a_preview_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "bridge.yaml").write_text("channels: {}\n")
    config = load_config(tmp_path / "bridge.yaml", KINDS, {})
    shown = previews(config, Messages(), Turnable(), notice(log_tail=f"before\n{KEY}\nafter\n"))["message"]
    assert "MIIEvQIBADANBgkq" not in shown
    assert "hkiG9w0BAQEFAASC" not in shown
    assert "| before" in shown
    assert "| after" in shown
