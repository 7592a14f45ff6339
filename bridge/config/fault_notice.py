# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""Faults as a notice says them to a group: the first, without folders of the server."""

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from bridge.config.document import shown
from bridge.errors import Fault

KEPT: Final = "what was good stays in force: "
_PLACE: Final = re.compile(r"(.*?)(?::(\d+):\d+)?", re.DOTALL)
_SECRET_FILE: Final = re.compile(r"(the secret file )/(?:[^/ ]*/)*(?=[^/ ])")
_SAID: Final = re.compile(
    r"(?P<file>.*?)(?:, line (?P<line>\d+))?: (?:(?P<path>[^\s:]+): )?(?P<problem>.*?)"
    r"(?:; (?P<more>\d+) more: `buildbridge check` names them)?",
    re.DOTALL,
)
_LONGEST: Final = 600


def kept(faults: Sequence[Fault], folders: Iterable[Path]) -> str:
    """That what was good stays in force, and why: `sup.yaml, line 4: build_config.image: is missing`.

    Files are named from the first of the `folders` that holds them, others by their names alone.
    """
    fault = faults[0]
    found = _PLACE.fullmatch(fault.place)
    assert found is not None
    prefixes = [f"{shown(folder)}/" for folder in folders]
    where = _below(found[1], prefixes) + (f", line {found[2]}" if found[2] else "")
    problem = _SECRET_FILE.sub(r"\1", fault.problem)
    for prefix in prefixes:
        if prefix.startswith("/"):
            problem = problem.replace(prefix, "")
    text = f"{KEPT}{Fault(where, fault.path, problem[:_LONGEST])}"
    return f"{text}; {len(faults) - 1} more: `buildbridge check` names them" if faults[1:] else text


def _below(file: str, prefixes: Sequence[str]) -> str:
    for prefix in prefixes:
        if file.startswith(prefix):
            return file.removeprefix(prefix)
    return Path(file).name


def kept_in_chinese(text: str, translate: Callable[[str], str]) -> str:
    """The same of what `kept` has made, where `translate` knows the sentences of faults."""
    found = _SAID.fullmatch(text.removeprefix(KEPT))
    if found is None:
        return text
    file, path, problem = found["file"], found["path"], found["problem"]
    where = f"{file} 第 {found['line']} 行" if found["line"] else file
    said = f"{path}：{translate(problem)}" if path else translate(problem)
    if path and problem == "is missing":
        said = f"缺少 {path}"
    more = f"；另有 {found['more']} 处错误，可用 `buildbridge check` 查看" if found["more"] else ""
    what = "配置" if file == "bridge.yaml" else "规则"
    return f"{what}文件有错，继续使用上一版{what}。{where}：{said}{more}".replace("？；", "？")
