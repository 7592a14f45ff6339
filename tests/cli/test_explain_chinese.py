# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""`explain` speaks to people in their language, and to programs as ever."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.commands import Done, command

GITEE: Mapping[str, Any] = {
    "code_repo_client": "Gitee",
    "code_repo_namespace": "acme",
    "code_repo_name": "shop",
}
CONFIGS = [
    {
        "code_repo_type": "branch",
        "code_repo_type_value": "main",
        "docker_repo_tag": "latest",
        "version_tagging": 1,
    },
    {
        "code_repo_type": "branch",
        "code_repo_type_value": "dev",
        "docker_repo_tag": "dev",
        "paths": ["web/**"],
    },
    {"code_repo_type": "tag", "code_repo_type_value": "v*", "docker_repo_tag": "{major}", "is_active": False},
]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "rules").mkdir()
    rule = {"namespace": "acme", "repo_name": "shop", "build_config": {**GITEE, "tag_configs": CONFIGS}}
    (tmp_path / "rules/shop.yaml").write_text(yaml.safe_dump(rule))
    file = tmp_path / "bridge.yaml"
    source = {"gitee": {"kind": "Gitee", "secrets": [{"env": "SECRET"}]}}
    file.write_text(yaml.safe_dump({"sources": source, "builders": {"here": {"kind": "dummy"}}}))
    return file


def explained(config: Path, push: str, *options: str) -> Done:
    return command("--config", config, "explain", "--push", push, *options)


@pytest.mark.parametrize(
    ("push", "options", "said"),
    [
        ("gitee:acme/shop@main", (), "构建 latest, 时间标签，构建器 here"),
        ("gitee:acme/shop@main", (), "不构建：main 不匹配 dev"),
        ("gitee:acme/shop@main", (), "不构建：需要标签，main 是分支"),
        ("gitee:acme/shop@dev", ("--changed", "a.md"), "不构建：改动的 a.md 不算在内（paths：web/**）"),
        (
            "gitee:acme/shop@dev",
            (),
            "构建 dev，构建器 here；不检查 `paths`，直接构建：平台没有说明改动了哪些文件",
        ),
        ("gitee:acme/shop@refs/tags/v1.0.0", (), "gitee acme/shop：推送标签 v1.0.0"),
        ("gitee:acme/shop@refs/tags/v1.0.0", (), "不构建：未启用"),
        ("gitee:acme/shop@main", ("--message", "x [skip ci]"), "不构建：提交说明里有 [skip ci]"),
        ("gitee:acme/shp@main", (), "没有规则对应 Gitee acme/shp；最接近的：acme/shop ("),
        ("gitee:acme/shp@main", (), "rules/shop.yaml:20:1) 的代码是 Gitee acme/shop"),
    ],
)
def test_what_the_rules_decide_is_said_in_chinese(
    push: str, options: tuple[str, ...], said: str, config: Path
) -> None:
    done = explained(config, push, "--language", "zh-CN", *options)
    assert (done.status, done.stderr) == (0, "")
    assert said in done.stdout


def test_programs_get_the_same_in_every_language(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    english = explained(config, "gitee:acme/shop@dev", "--json").stdout
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert explained(config, "gitee:acme/shop@dev", "--json").stdout == english
    assert "推送分支 dev" in explained(config, "gitee:acme/shop@dev").stdout
