"""The log of a fake Jenkins' build, in which annotations are hidden."""

import re
from typing import Final

from support.fake_http import Reply
from support.fake_jenkins_state import Build

_ANNOTATION: Final = re.compile(rb"\x1b\[8mha:.*?\x1b\[0m", re.DOTALL)


def log_from(build: Build, start: int) -> Reply:
    if start > len(build.raw):
        start = 0
    headers = {"Content-Type": "text/plain;charset=utf-8", "X-Text-Size": str(len(build.raw))}
    if build.result is None:
        headers["X-More-Data"] = "true"
    return Reply(200, headers, _ANNOTATION.sub(b"", build.raw[start:]))
