"""Whether what a channel says is said in Chinese, too."""

import re

from bridge.channels.base import Ok, Outcome
from bridge.channels.reasons import reasons
from bridge.registry import CHANNELS


def check_chinese(kind: str, outcome: Outcome) -> None:
    """What it says has a Chinese form; what it quotes of others may be in any language."""
    said = outcome.detail if isinstance(outcome, Ok) else outcome.why
    if said:
        found = reasons("zh-CN", CHANNELS[kind].chinese)(said)
        is_chinese = found != said and re.search(r"[\u4e00-\u9fff]", found)
        assert is_chinese, f"{kind} says {said!r} in English only: give it to `chinese` of its class"
