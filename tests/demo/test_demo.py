# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""The demo as a newcomer runs it: a process of its own, by what it prints and leaves."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.needs import needs

PROGRAMS = ("git", "curl", "openssl")
SECONDS = 60


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the demo may write; the blank stands for all that a shell would split."""
    for program in PROGRAMS:
        needs(program)
    folder = tmp_path / "temporary files"
    folder.mkdir()
    return folder


def environment(folder: Path, changes: Mapping[str, str]) -> dict[str, str]:
    """Ours, without a home, so that nothing of the user's configuration can help."""
    kept = {name: value for name, value in os.environ.items() if name not in {"HOME", "NO_COLOR"}}
    return kept | {"TMPDIR": str(folder), **changes}


def run(folder: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bridge", "demo", "--once"],
        env=environment(folder, changes),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=SECONDS,
        check=False,
        encoding="utf-8",
    )


@contextmanager
def running(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """The demo that stays until it is asked to leave."""
    with subprocess.Popen(
        [sys.executable, "-m", "bridge", "demo"],
        env=environment(folder, {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def read_until(process: subprocess.Popen[str], pattern: str) -> re.Match[str]:
    """The match in the first line that has one."""
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(pattern, line):
            return found
    raise AssertionError(f"the demo ended before it printed {pattern}")


def test_the_demo_shows_three_pushes_three_builds_and_three_notices(folder: Path) -> None:
    done = run(folder)
    assert (done.returncode, done.stderr) == (0, "")
    printed = done.stdout
    assert len(re.findall(r"✔ stored +delivery …[0-9a-f]{8}: signature verified", printed)) == 3
    assert re.search(r"✔ matched +demo/shop: branch main → latest, v\d{8}\.\d{6}$", printed, re.MULTILINE)
    assert re.search(r"✔ matched +demo/shop: tag v\* → 1\.0\.0, 1\.0, [0-9a-f]{40}$", printed, re.MULTILINE)
    assert re.search(r"✔ matched +demo/shop: branch feature/\* → feature-night$", printed, re.MULTILINE)
    assert re.findall(r"build +#(\d) (succeeded|failed)", printed) == [
        ("1", "succeeded"),
        ("2", "succeeded"),
        ("3", "failed"),
    ]
    assert re.findall(r"robot took (\[\w+\] \S+ \S+ #\d), signature verified", printed) == [
        "[OK] demo/shop main #1",
        "[OK] demo/shop v1.0.0 #2",
        "[FAILED] demo/shop feature/night #3",
    ]
    assert "pages/hours.html is cut off" in printed, "the chat should say why the build failed"
    assert [letter for letter in printed if not letter.isprintable() and letter != "\n"] == []
    assert list(folder.iterdir()) == [], "the folder should be removed"


def test_the_demo_speaks_chinese_to_who_reads_it(folder: Path) -> None:
    done = run(folder, LANG="zh_CN.UTF-8", PYTHONIOENCODING="utf-8")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(re.findall(r"✔ 已保存 +接收记录 …[0-9a-f]{8}：签名正确，已写入磁盘", done.stdout)) == 3
    assert "钉钉机器人收下 [失败] demo/shop feature/night #3，签名正确" in done.stdout
    assert "❌ 构建失败 · demo/shop" in done.stdout
    assert "全部符合预期：3 次推送" in done.stdout
    assert not re.search(r"\b(matched|taken by|verified)\b", done.stdout)


def test_the_demo_works_in_a_locale_without_its_letters(folder: Path) -> None:
    done = run(folder, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert "All as expected" in done.stdout


def test_a_missing_program_is_named_in_one_line(folder: Path, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for program in ("git", "curl"):
        (programs / program).symlink_to(str(shutil.which(program)))
    done = run(folder, PATH=str(programs))
    assert done.returncode == 1
    assert re.fullmatch(r"[^\n]*needs openssl[^\n]*\n", done.stderr)
    assert list(folder.iterdir()) == []


def test_what_did_not_happen_is_named_and_the_folder_is_kept(folder: Path, tmp_path: Path) -> None:
    """An openssl that computes nonsense: the daemon must refuse the signature, and the demo must say so."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "openssl").write_text("#!/bin/sh\necho nonsense\n")
    (programs / "openssl").chmod(0o755)
    done = run(folder, PATH=f"{programs}:{os.environ['PATH']}")
    assert done.returncode == 1
    assert "the bridge rejected the push of refs/heads/main (HTTP 401)" in done.stdout
    assert "main: the daemon processed no delivery" in done.stdout
    kept = re.search(r"^folder +(/.*)$", done.stdout, re.MULTILINE)
    assert kept is not None
    assert (Path(kept[1]) / "bridge.log").stat().st_size > 0


def test_a_further_push_is_reported_and_ctrl_c_removes_everything(folder: Path) -> None:
    with running(folder) as process:
        clone = Path(read_until(process, r"^go there +cd '(.*)'$")[1])
        push = ["git", "-C", str(clone), "push", "--quiet", "origin", "main:feature/mine"]
        subprocess.run(push, check=True, timeout=SECONDS)
        read_until(process, r"robot took \[OK\] demo/shop feature/mine #4")
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 0
    assert list(folder.iterdir()) == []


def test_sigterm_in_the_middle_of_the_story_removes_everything(folder: Path) -> None:
    with running(folder) as process:
        read_until(process, "#1 running")
        process.terminate()
        assert process.wait(SECONDS) == 1
    assert list(folder.iterdir()) == []
