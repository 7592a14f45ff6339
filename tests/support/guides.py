# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""What a guide in Markdown holds."""

import re
from typing import Final

_COMMENT: Final = re.compile(r"(?:^|(?<=\s)) *# .*$", re.MULTILINE)
RULE: Final = """
namespace: acme
repo_name: shop
build_config:
  code_repo_client: Simple
  code_repo_clone_url: https://git.example.com/acme/shop.git
  image: registry.example.com/acme/shop
  tag_configs: [{code_repo_type: branch, code_repo_type_value: main, docker_repo_tag: latest}]
"""
"""A rule for the configurations that guides show."""


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of this language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def headings(text: str) -> list[str]:
    without_blocks = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"^## (.*)$", without_blocks, re.MULTILINE)


def section(text: str, title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def tables(text: str) -> list[list[str]]:
    """The sentences in the tables of mistakes: of the test, and of orders."""
    found: list[list[str]] = []
    for table in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        rows = [row.strip("| ").split(" | ") for row in table.splitlines()[2:]]
        assert {len(row) for row in rows} == {3}
        found.append([row[1].strip() for row in rows])
    return found


def shows(sentence: str, said: str) -> bool:
    """Whether this was said, where `…` stands for anything."""
    return re.search(".*".join(map(re.escape, sentence.split("…"))), said) is not None


def outline_of(text: str) -> tuple[list[str], list[str], list[int]]:
    """What does not depend on the language: levels of headings, code without comments, rows of tables.

    What a test answers does: it is compared with what is said.
    """
    fenced = re.findall(r"^```(?!text\n(?:ok: |正常：))(?:.|\n)*?^```$|^ {4}\S.*$", text, re.MULTILINE)
    bare = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    levels = re.findall(r"^(#+) ", bare, re.MULTILINE)
    rows = [table.count("\n") for table in re.findall(r"(?:^\|.*\|\n)+", bare, re.MULTILINE)]
    return levels, [_COMMENT.sub("", block) for block in fenced], rows


def prose(text: str) -> str:
    """The sentences: without blocks, addresses of links, and what is quoted from elsewhere."""
    bare = re.sub(r"^```(?:.|\n)*?^```$|^ {4}\S.*$", "", text, flags=re.MULTILINE)
    bare = re.sub(r"`[^`\n]+`", "`x`", bare)
    bare = re.sub(r"“[^”\n]*”", "“x”", bare)
    bare = re.sub(r"\]\([^)]*\)", "]", bare)
    return re.sub(r"[*\[\]]", "", bare)
