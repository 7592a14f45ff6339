"""The markdown that WeCom renders in messages of robots and of applications.

Source: "Group robot configuration", https://developer.work.weixin.qq.com/document/path/91770, and
"Send application messages", https://developer.work.weixin.qq.com/document/path/90236.
"""

from collections.abc import Sequence
from typing import Final

from bridge.channels.content import Content
from bridge.channels.robot import markdown
from bridge.channels.text import neutral, neutral_line
from bridge.channels.words import Tone

_COLOURS: Final[dict[Tone, str]] = {"good": "info", "bad": "warning", "neutral": "comment"}


def coloured(content: Content, userids: Sequence[str] = ()) -> str:
    """Markdown of headings, quotes, links and three colours, but no lists."""
    colour = _COLOURS[content.tone]
    heading = content.heading(neutral, status=lambda status: f'<font color="{colour}">{status}</font>')
    lines = [f"### {heading}"]
    lines.extend(f"> {markdown(line)}" for line in content.lines)
    lines.extend(f'> <font color="comment">{neutral_line(line)}</font>' for line in content.tail)
    lines.append(markdown(content.footer))
    if userids:
        lines.append(" ".join(f"<@{userid}>" for userid in userids))
    return "\n".join(lines)
