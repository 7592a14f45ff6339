"""What a browser says of itself (`User-Agent`), as people call it."""

from collections.abc import Mapping
from typing import Final

_BROWSERS: Final[Mapping[str, str]] = {
    "wxwork/": "WeCom",
    "MicroMessenger/": "WeChat",
    "DingTalk": "DingTalk",
    "Lark/": "Feishu",
    "Edg": "Edge",
    "OPR/": "Opera",
    "Firefox/": "Firefox",
    "FxiOS/": "Firefox",
    "Chrome/": "Chrome",
    "CriOS/": "Chrome",
    "Safari/": "Safari",
}
"""Names by what their browsers write; each writes also what stands below it."""
_SYSTEMS: Final[Mapping[str, str]] = {
    "HarmonyOS": "HarmonyOS",
    "Windows": "Windows",
    "Android": "Android",
    "iPhone": "iOS",
    "iPad": "iPadOS",
    "Mac OS X": "macOS",
    "Linux": "Linux",
}


def browser(agent: str) -> str:
    """The browser and its system, such as `Chrome · Linux`; a text that says neither as it is."""
    found = [
        next((name for word, name in names.items() if word in agent), "") for names in (_BROWSERS, _SYSTEMS)
    ]
    return " · ".join(filter(None, found)) or agent
