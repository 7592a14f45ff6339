"""A fault of the rules in a notice: in the reader's language, with its cure, without folders."""

# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation

import ast
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from support.chinese import english_of
from support.faulty import faulty_files
from support.kinds import KINDS as OTHER_KINDS
from support.notices import context, notice
from support.rules import NAMES

import bridge
from bridge.channels.content import DETAILS
from bridge.channels.reasons import reasons
from bridge.channels.rendering import compose
from bridge.config.fault_notice import kept
from bridge.config.loader import load_config
from bridge.errors import ConfigError, Fault
from bridge.model.notice import EventName, ServiceFacts
from bridge.registry import BUILDERS, CHANNELS, KINDS
from bridge.rules.disk import Disk
from bridge.rules.loader import load_rules

TESTS: Final = Path(__file__).parents[1]
GOOD: Final = TESTS / "cli" / "mistakes"
FILES: Final = {"in-bridge.yaml": "bridge.yaml", "in-rules.yaml": "rules/shop.yaml"}
MISTAKES: Final[list[tuple[str, dict[str, Any]]]] = [
    (file, one) for table, file in FILES.items() for one in yaml.safe_load((GOOD / table).read_text("utf-8"))
]
SENTENCES: Final = {
    english: chinese
    for spoken in (
        *(kind.chinese for kind in BUILDERS.values()),
        *(kind.chinese for kind in CHANNELS.values()),
    )
    for english, chinese in spoken.items()
}
IN_CHINESE: Final = reasons("zh-CN", SENTENCES)


def said(faults: tuple[Fault, ...], folder: Path) -> str:
    """The line of the notice after the file and the line, which has to be Chinese."""
    text = kept(faults[:1], [folder / "rules", folder])
    assert str(folder) not in text
    line = IN_CHINESE(text)
    assert re.match("(规则|配置)文件有错，继续使用上一版(规则|配置)。", line)
    return line.partition("。")[2]


def faults_in(load: Any) -> Iterator[tuple[Fault, ...]]:
    try:
        load()
    except ConfigError as error:
        yield error.faults


@pytest.mark.parametrize(("file", "mistake"), MISTAKES, ids=[one["mistake"] for _, one in MISTAKES])
def test_each_typical_mistake_is_said_in_chinese(
    file: str, mistake: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ: Mapping[str, str] = {
        "HOOK": "a-secret-of-the-hook-0123456789",
        "ROBOT": "https://oapi.dingtalk.com/robot/send?access_token=0123456789abcdef",
    }
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules").mkdir()
    for name in FILES.values():
        shutil.copy(GOOD / name, tmp_path / name)
    (tmp_path / file).write_text(
        (tmp_path / file).read_text("utf-8").replace(mistake["old"], mistake["new"], 1), "utf-8"
    )
    with (tmp_path / "bridge.yaml").open("a", encoding="utf-8") as config:
        # The daemon's own place for it, and for the key beside it, is not for tests.
        config.write("\nstore: {url: sqlite:///./data/bridge.db}\n")
    found = list(faults_in(Disk(tmp_path / "bridge.yaml", KINDS, environ).load))
    assert bool(found) != mistake["cause"].startswith("warning: ")
    for faults in found:
        line = said(faults, tmp_path)
        assert english_of(line.partition("：")[2]) == []
        assert re.search(r"[\u4e00-\u9fff]", line.partition("：")[2])


@pytest.mark.parametrize("file", faulty_files(TESTS / "rules" / "bad"), ids=lambda file: file.stem)
def test_each_fault_of_a_rule_is_said_in_chinese(file: Path) -> None:
    (faults,) = faults_in(lambda: load_rules([file], NAMES))
    line = said(faults, file.parent)
    assert line.startswith(file.name)
    assert english_of(line.partition("：")[2]) == []


@pytest.mark.parametrize("file", faulty_files(TESTS / "config" / "bad"), ids=lambda file: file.stem)
def test_each_fault_of_the_configuration_is_said_in_chinese(file: Path) -> None:
    (faults,) = faults_in(lambda: load_config(file, OTHER_KINDS, {"HOOK": "s3cret"}))
    assert english_of(said(faults, file.parent).partition("：")[2]) == []


MISSING = Fault("/srv/rules/team/sup.yaml:4:3", "build_config.tag_configs", "is missing")
TWICE = Fault(
    "/srv/rules/b.yaml:3:1", "repo_name", "a/b is defined twice; the first is at /srv/rules/a.yaml:3:1"
)
SECRET = Fault(
    "/etc/x/bridge.yaml:9:1", "sources.a.secrets[0]", "the secret file /run/keys/hook is over 64 KiB"
)
MORE = "2 more: `buildbridge check` names them"
TOO_LONG = "密钥文件 hook 超过 64 KiB"
FIRST = "第一次在 a.yaml:3:1；另有 2 处错误，可用 `buildbridge check` 查看"


@pytest.mark.parametrize(
    ("faults", "english", "chinese"),
    [
        (
            [MISSING],
            "team/sup.yaml, line 4: build_config.tag_configs: is missing",
            "规则文件有错，继续使用上一版规则。team/sup.yaml 第 4 行：缺少 build_config.tag_configs",
        ),
        (
            [TWICE, MISSING, SECRET],
            f"b.yaml, line 3: repo_name: {TWICE.problem.replace('/srv/rules/', '')}; {MORE}",
            f"规则文件有错，继续使用上一版规则。b.yaml 第 3 行：repo_name：a/b 定义了两次；{FIRST}",
        ),
        (
            [SECRET],
            "bridge.yaml, line 9: sources.a.secrets[0]: the secret file hook is over 64 KiB",
            f"配置文件有错，继续使用上一版配置。bridge.yaml 第 9 行：{SECRET.path}：{TOO_LONG}",
        ),
    ],
)
def test_a_group_reads_the_first_fault_without_folders(
    faults: list[Fault], english: str, chinese: str
) -> None:
    detail = kept(faults, [Path("/srv/rules"), Path("/etc/x")])
    facts = ServiceFacts(subject="rules", detail=detail)
    for language, shown in {"en": f"what was good stays in force: {english}", "zh-CN": chinese}.items():
        content = compose(notice(EventName.DEGRADED, facts), context(language=language), DETAILS[0])
        assert content.lines == ((shown,),)


CALLS = {"wrong", "Shape", "BadPattern", "BadCron", "BadTemplate", "TemplateFault", "Fault"}
WARNINGS = {"no rules here: nothing will be built"}
FOLDERS = [Path(bridge.__file__).parent / name for name in ("config", "rules", "builders", "channels")]


def sentences_in(folder: Path) -> Iterator[str]:
    """What the source gives word for word to what makes faults."""
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS:
                texts = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
                yield from (text for text in texts if isinstance(text, str) and " " in text.strip())


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_each_sentence_that_a_fault_is_made_of_has_a_chinese_form(folder: Path) -> None:
    found = {text for text in sentences_in(folder) if not re.search(r"[\\^(]", text)} - WARNINGS
    assert found or folder.name == "builders"
    for text in sorted(found):
        line = IN_CHINESE(f"what was good stays in force: a.yaml, line 1: x: {text}")
        assert line.partition("x：")[2] != text, text
