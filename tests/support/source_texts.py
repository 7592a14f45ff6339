"""The sentences of the source: its string literals, with `…` for what expressions put into them."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import bridge

_VALUE = re.compile(r"\{\w+\}")
"""In a sentence that `tell` is given."""


@cache
def source_texts() -> frozenset[str]:
    """All of them, but for those that only translate others."""
    files = [
        file for file in Path(bridge.__file__).parent.rglob("*.py") if not file.name.startswith("chinese")
    ]
    return frozenset(_bare(text) for file in files for text in _texts(ast.parse(file.read_text())))


def is_said(sentence: str) -> bool:
    """Whether the source can say this; `…` stands for any words."""
    return any(_bare(sentence) in text for text in source_texts())


def _bare(text: str) -> str:
    """The text with one mark where several expressions stand side by side."""
    return re.sub("…(?: …)+", "…", text)


def _texts(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        match node:
            case ast.JoinedStr(values=parts):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in parts)
            case ast.Constant(value=str(text)):
                yield text
                yield _VALUE.sub("…", text)
