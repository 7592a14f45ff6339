# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""What commands say in a Chinese terminal of a daemon that runs."""

import re
from pathlib import Path

import pytest
from support.daemon import SECRET, running
from support.rules import shop_rule
from support.scripted import SHA

URL = "https://git.example.com/shop.git"
CONFIG = {
    "sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}},
    "builders": {"here": {"kind": "dummy", "duration": "0s"}},
}


def test_a_daemon_is_asked_and_followed_in_chinese(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    with running(tmp_path, CONFIG, {"shop.yaml": shop_rule(URL)}) as daemon:
        assert daemon.command("health").stdout == "正常\n"
        nothing = "已重新加载：磁盘上的内容已经生效：守护进程会自己采用改动\n"
        assert daemon.command("reload").stdout == nothing
        tested = daemon.command("builders", "test", "here", "--through-daemon")
        assert tested.stdout == "正常：不会真的构建：一次构建用时 0 秒，结果是成功\n"
        unknown = daemon.command("builders", "test", "none", "--through-daemon")
        assert unknown.complaint == "没有这个名称的构建器：可用的构建器见 /v1/health"
        built = daemon.command(
            "builds", "trigger", "acme/shop", "--branch", "main", "--commit", SHA, "--wait"
        )
        first, second, *states = built.stdout.splitlines()
        assert re.fullmatch("接收记录 [0-9a-f-]{36}", first)
        assert re.fullmatch(r"构建 acme/shop #1  [0-9a-f-]{36}  here：\S+", second)
        assert states[-1].endswith("acme/shop #1  成功")
        assert built.status == 0
        ended = daemon.command("builds", "cancel", "acme/shop#1")
        assert ended.complaint == "acme/shop #1 已结束：成功"
        status = daemon.command("status").stdout
        assert re.search(r"^守护进程 +自 \S+ 起运行，版本 \S+，进程 \d+$", status, re.MULTILINE)
        assert status.splitlines()[-1] == "一切正常"

        rule = tmp_path / "rules" / "shop.yaml"
        rule.write_text(rule.read_text().replace("code_repo_client", "code_repo_cleint"))
        fault, why, *_ = daemon.command("reload").stderr.splitlines()
        assert re.match(rf"{re.escape(str(rule))}:\d+:\d+: build_config\.\w+：", fault)
        assert why.startswith("bridge.yaml 和规则中有")
