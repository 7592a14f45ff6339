"""What of a Chinese text is still English."""

# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation

import re
from typing import Final

# What is quoted from a file or to be written into one, and what a library says of it.
QUOTED: Final = re.compile(
    r"`[^`]*`|\[.*\]|\{.*\}|'[^']*'|My Project|RE2|Basic|known_hosts|(?<=可用的有 )[\w, ]+"
    r"|(?<=/)/.*|.*(?= 等键要)|0 \d \* \* \*|(?<=像是正则表达式：).*|(?<=请写成 ).*|(?<=只能是 )[\w, -]+"
)
HAN: Final = re.compile(r"[\u4e00-\u9fff]")


def english_of(text: str) -> list[str]:
    """What in the text is English, but for what is quoted."""
    bare = [QUOTED.sub("…", part) for part in re.split("[：；]", text)]
    return [part for part in bare if re.search(r"\b[a-z']{2,} [a-z']{2,}\b", part)]
