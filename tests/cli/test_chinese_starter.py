# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""What `init` writes for who reads Chinese: the same values, and every comment in Chinese."""

import re
from pathlib import Path

import pytest
import yaml
from support.chinese import HAN
from support.commands import command

import bridge
from bridge.cli.chinese_starter import COMMENTS
from bridge.registry import BUILDERS, CHANNELS, FORGES

WRITTEN = [
    *(("--host", kind) for kind in FORGES),
    *(("--builder", kind) for kind in BUILDERS),
    *(("--channel", kind) for kind in CHANNELS),
]
COMMENT = re.compile(r"# (?!\w+: )(.+)$", re.MULTILINE)
"""What is no setting that is left out."""


def written(folder: Path, *options: str) -> dict[str, str]:
    done = command("init", folder, *options)
    assert done.status == 0, done
    files = [folder / "bridge.yaml", *(folder / "rules").iterdir()]
    return {file.name: file.read_text("utf-8") for file in files}


@pytest.mark.parametrize(("option", "kind"), WRITTEN, ids=[kind for _, kind in WRITTEN])
def test_the_comments_are_chinese_and_the_values_the_same(
    option: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    chinese = written(tmp_path / "zh", option, kind)
    english = written(tmp_path / "en", option, kind, "--language", "en")
    for name, text in chinese.items():
        for line in text.splitlines():
            said = COMMENT.search(line)
            assert not said or HAN.search(said[1]) or said[1] == "CHANGE", line
        assert text.count("CHANGE") == english[name].count("CHANGE")
        values = [
            yaml.safe_load(one.replace("language: en", "language: zh-CN")) for one in (text, english[name])
        ]
        assert values[0] == values[1]


def test_each_comment_that_has_a_chinese_form_is_really_written() -> None:
    folder = Path(bridge.__file__).parent
    files = [*folder.rglob("starter.yaml"), *folder.rglob("guide*.md"), *folder.glob("cli/s*/*.yaml")]
    texts = "\n".join(file.read_text("utf-8") for file in [*files, folder / "cli" / "scaffold.py"])
    assert [english for english in COMMENTS if f"# {english}\n" not in texts.replace('\\n"', "\n")] == []


def test_check_finds_in_the_chinese_file_what_is_still_to_be_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    monkeypatch.chdir(tmp_path)
    written(tmp_path)
    said = command("check").stdout
    assert "bridge.yaml:10:3: 警告：public_url：是编造的值：请换成自己的；" in said
    assert re.search(
        r"警告：rules/github\.yaml:3:1: 仓库的名字是编造的：请写自己仓库的名字。改好后请去掉", said
    )
