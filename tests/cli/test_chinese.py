# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""In a Chinese terminal all that a command says is Chinese, but for names."""

import ast
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.chinese import HAN, english_of
from support.commands import command
from support.faulty import faulty_files

import bridge
from bridge.cli.speech import Reader

TESTS = Path(__file__).parents[1]
GOOD = Path(__file__).with_name("mistakes")
FILES = {"in-bridge.yaml": "bridge.yaml", "in-rules.yaml": "rules/shop.yaml"}
MISTAKES: list[tuple[str, dict[str, Any]]] = [
    (file, one) for table, file in FILES.items() for one in yaml.safe_load((GOOD / table).read_text("utf-8"))
]


@pytest.fixture(autouse=True)
def chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A good configuration with a good rule."""
    monkeypatch.setenv("HOOK", "a-secret-of-the-hook-0123456789")
    monkeypatch.setenv("ROBOT", "https://oapi.dingtalk.com/robot/send?access_token=0123456789abcdef")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules").mkdir()
    for file in FILES.values():
        shutil.copy(GOOD / file, tmp_path / file)
    with (tmp_path / "bridge.yaml").open("a", encoding="utf-8") as config:
        # The daemon's own place for it is not for tests.
        config.write("\nstore: {url: sqlite:///./data/bridge.db}\n")
    return tmp_path


def check_chinese(text: str) -> None:
    assert text
    for line in text.splitlines():
        assert HAN.search(line), line
        assert english_of(line) == [], line


@pytest.mark.parametrize(("file", "mistake"), MISTAKES, ids=[one["mistake"] for _, one in MISTAKES])
def test_check_says_each_typical_mistake_in_chinese(file: str, mistake: dict[str, Any], folder: Path) -> None:
    good = (folder / file).read_text("utf-8")
    (folder / file).write_text(good.replace(mistake["old"], mistake["new"], 1), "utf-8")
    done = command("check")
    assert done.stdout.startswith(
        mistake["at"] if mistake["at"][0].isalpha() else f"{file}:{mistake['at']}: "
    )
    check_chinese(done.stdout + done.stderr)


@pytest.mark.parametrize(
    "file",
    [*faulty_files(TESTS / "rules" / "bad"), *faulty_files(TESTS / "config" / "bad")],
    ids=lambda file: f"{file.parents[1].name}-{file.stem}",
)
def test_check_says_each_fault_in_chinese(file: Path, folder: Path) -> None:
    if file.parents[1].name == "rules":
        shutil.copy(file, folder / "rules" / file.name)
        done = command("check")
    else:
        shutil.copy(file, folder / file.name)
        done = command("--config", folder / file.name, "check")
    assert done.status == 1
    check_chinese(done.stdout + done.stderr)


def test_check_says_that_all_is_good(folder: Path) -> None:
    done = command("check")
    assert (done.status, done.stderr) == (0, "")
    assert done.stdout == "bridge.yaml：检查通过，共 1 个构建仓库\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("frob", "没有命令 'frob'：见 `buildbridge --help`"),
        ("builds lits", "没有命令 'lits'，您要用的是不是 'list'？见 `buildbridge builds --help`"),
        ("builds show", "缺少参数 'BUILD_ID'：见 `buildbridge builds show --help`"),
        ("builds list --limit 0", "'--limit' 的值不对：0 不在 1<=x<=1000 的范围内："),
        ("builds list --since x", "'--since' 的值不对：x 既不是 2026-11-21T08:00:00+08:00 这样的时刻"),
        ("builds trigger acme/shop", "--branch 和 --tag 请写其中一个："),
        ("builds retry x --repository a/b", "--repository 要和 --failed-since 一起用："),
        ("silences add --until 1h --reason x", "repository、ref、events、channel 都没有给出"),
        ("token add ci --role admin --namespace a", "管理员"),
        ("status --config not/there.yaml", "not/there.yaml: 无法读取：没有这个文件或目录：请创建它"),
        ("channels test nowhere", "没有渠道 nowhere"),
    ],
)
def test_what_is_wrong_is_said_in_chinese(arguments: str, said: str, folder: Path) -> None:
    done = command(*arguments.split())
    assert said in done.complaint
    assert done.status in {1, 2}
    check_chinese(done.stderr)


@pytest.mark.parametrize("place", ["before", "after"])
def test_the_option_is_good_before_and_after_a_command(
    place: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    given = ["--language", "zh-CN"]
    done = command(*given, "check") if place == "before" else command("check", *given)
    check_chinese(done.stdout)
    assert ": valid, with " in command("check").stdout


def test_faults_of_a_chinese_configuration_are_said_in_chinese_without_a_locale(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container, which has none."""
    monkeypatch.setenv("LANG", "C.UTF-8")
    config = folder / "bridge.yaml"
    config.write_text(f"language: zh-CN\nsorces: {{}}\n{config.read_text('utf-8')}", "utf-8")
    done = command("check")
    assert done.status == 1
    check_chinese(done.stdout + done.stderr)


ERRORS = {
    "ClickException", "UsageError", "BadParameter",
    "StoreError", "StoreTooNew", "StoreReplaced", "StoreDied", "CannotRetry", "CannotReplay", "CannotList",
}  # fmt: skip
FOLDERS = [Path(bridge.__file__).parent / name for name in ("cli", "store")]


def written(node: ast.expr) -> str:
    """A literal with `x1` for each value in it, but for what may follow a word; "" for another expression."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            text = ""
            for part in parts:
                text += written(part) or ("" if text[-1:].isalpha() else "x1")
            return text
        case _:
            return ""


def errors_in(folder: Path) -> Iterator[str]:
    """The sentences of errors that the source has."""
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and node.args:
                name = (
                    node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                )
                if name in ERRORS and (text := written(node.args[0])).replace("x1", "").strip(": "):
                    yield " ".join(text.split())


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_each_error_of_commands_and_the_store_has_a_chinese_form(folder: Path) -> None:
    # What only says where the rest is from is made of values.
    found = {text for text in errors_in(folder) if "x1 x1" not in text}
    assert len(found) > 20
    reason = Reader(given="zh-CN").reason
    for text in sorted(found):
        said = reason(text)
        assert HAN.search(said), text
        assert english_of(said) == [], said
