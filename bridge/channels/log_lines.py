"""The lines of a log that say why a build failed."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from bridge.channels.text import clipped, plain, without_control

MAX_LINES: Final = 20
_WINDOW: Final = 16 * 1024
_FAILING_END: Final = 80
"""Among so many last lines the first error is looked for; an earlier one did not stop the build."""
_LOOKED_AT: Final = 400
"""So many characters of a line say whether it is an error: to look at more takes longer than it helps."""
_BEFORE: Final = 1
_AFTER: Final = 6

_ECHO: Final = re.compile(r"(?:\++|\$) \S.*")
"""A command, as shells repeat it; what is indented is rather a difference that a test shows."""
# What BuildKit, Maven, Go and git put before a line about progress.
_PREFIX: Final = re.compile(r"\s*(?:#\d+ (?:\d+\.\d+ )?|\[INFO\]|go: |remote: )?\s*")
_NOISE: Final = re.compile(
    r"""
    [-=_.+~\#\s]*
  | (?:fetching|downloading|downloaded|extracting|unpacking|pulling|receiving|resolving|counting|compressing
      |enumerating|writing|transferring|preparing|waiting|collecting)\b.*
  | progress\s\(\d+\):.*
  | npm\s(?:http|timing|info)\b.*
  | total\s\d+\s\(delta.*
  | (?:done|cached)(?:\s[\d.]+s)?
  | sha256:[0-9a-f]{12,}\b.*
  | [0-9a-f]{12}:\s(?:pulling|waiting|download|verifying|pull\s|already|extracting|pushed|preparing|layer).*
  | >\stask\s\S+(?:\s(?:up-to-date|no-source|from-cache))?
  | .{0,60}?\b\d{1,3}(?:\.\d+)?%(?:[\s|\[(].{0,80})?[=\#>|].*
  | \.*\d{1,3}(?:\.\d+)?%.*
  | \[pipeline\].*|finished:\s\w+|cleaning\sup\sproject\sdirectory.*|\#\#\[(?:end)?group\].*
    """,
    re.IGNORECASE | re.VERBOSE,
)
_ERROR: Final = re.compile(
    r"""
    \b(?:error|fatal|panic)\b\s?[:!\]] | \[error\]\s | ^error\b | npm\s(?:ERR!|error)
  | \bFAILED\b | ^FAIL\b | ---\sFAIL: | Traceback\s\(most\srecent | \w(?:Error|Exception)\b
  | \bexit(?:ed)?\s(?:status|code)\b | What\swent\swrong
    """,
    re.VERBOSE | re.IGNORECASE,
)
_CODE: Final = re.compile(
    r"(?:^failed:.{0,80}?)?(?:\bfailed\swith\s)?\bexit(?:ed)?\s(?:status|code)\b", re.IGNORECASE
)
_REFUSED: Final = re.compile(r"\b(?:denied|unknown|not found|no space|timed out|refused)\b", re.IGNORECASE)
_HARMLESS: Final = re.compile(
    r"(?<![\w.])0\s+(?:failed|failures?|errors?)\b|\berrors?:\s*(?:false|none|null|0)\b"
    r"|\bexit(?:ed)?\s(?:status|code):?\s+0\b",
    re.IGNORECASE,
)
"""Words of an error where there is none."""


def log_tail(log: str, limit: int, left_out: Callable[[int], str]) -> tuple[str, ...]:
    """The last useful lines of a log in its order, and those around the first error of its end.

    As a terminal shows them, without secrets, at most 20 and `limit` bytes in UTF-8. Progress and the echo of
    commands are left out, unless there is nothing else. Where more is missing between two lines, `left_out`
    makes the line that says how many.
    """
    useful = _useful(without_control(log[-_WINDOW:]).split("\n"))
    lines = [(place, line) for place, text in useful.items() if (line := plain(text, 200))]
    kept: dict[int, str] = {}
    found: list[str] = []
    for place in _by_worth([line for _, line in lines]):
        line = lines[place][1] if kept else clipped(lines[place][1], max(limit - 1, 4))
        more = list(_with_gaps({**kept, place: line}, [place for place, _ in lines], left_out))
        if sum(len(one.encode()) + 1 for one in more) > limit or len(more) > MAX_LINES:
            break
        kept[place], found = line, more
    return tuple(found)


def failing_line(lines: Sequence[str]) -> int | None:
    """The place of the line that says why a build failed: the first one of the errors in the end.

    Where the end has none, it is the first of the last errors before it; what only says with which code a
    program ended counts if nothing else does. Without any error it is the last line that is no progress, and
    None where there is no line. The beginning of a line counts.
    """
    begins = [_drawn(without_control(line))[:_LOOKED_AT] for line in lines]
    useful = [(place, text) for place, text in _useful(begins).items() if text.strip()]
    if not useful:
        return None
    texts = [text for _, text in useful]
    for said in (list(map(_without_code, texts)), texts):
        for look in (_first_error, _last_errors):
            if (found := look(said)) is not None:
                return useful[found][0]
    return useful[-1][0]


def _without_code(line: str) -> str:
    """The line without the words that say with which code a program ended."""
    return _CODE.sub("", line)


def _useful(lines: Sequence[str]) -> Mapping[int, str]:
    """The lines as they are drawn in the end, by their places, but for progress and commands."""
    drawn = dict(enumerate(map(_drawn, lines)))
    return {place: line for place, line in drawn.items() if not _is_noise(line)} or drawn


def _drawn(line: str) -> str:
    """What a terminal shows of a line that went back to its beginning."""
    return line.rstrip("\r").rpartition("\r")[2]


def _with_gaps(
    kept: Mapping[int, str], places: Sequence[int], left_out: Callable[[int], str]
) -> Iterator[str]:
    """The lines in their order; `places` are those of all useful ones in the log."""
    before: int | None = None
    for place in sorted(kept):
        if before is not None and place - before > 1:
            yield left_out(places[place] - places[before] - 1)
        yield kept[place]
        before = place


def _is_noise(line: str) -> bool:
    if _ECHO.match(line):
        return True
    words = _PREFIX.sub("", line, count=1).rstrip()
    return bool(_NOISE.fullmatch(words)) and not (_is_error(line) or _REFUSED.search(line))


def _by_worth(lines: list[str]) -> list[int]:
    """The places of the lines: what says the error, then the end from its last line upwards."""
    end, first = _end(lines), _first_error(lines)
    near = [] if first is None else [*range(first, first + _AFTER), *range(first - _BEFORE, first)]
    near = [place for place in near if place in end]
    last = reversed(range(len(lines)))
    return list(dict.fromkeys([*near[:1], *end[-1:], *near, *last]))


def _end(lines: Sequence[str]) -> range:
    return range(max(0, len(lines) - _FAILING_END), len(lines))


def _first_error(lines: Sequence[str]) -> int | None:
    return next((place for place in _end(lines) if _is_error(lines[place])), None)


def _last_errors(lines: Sequence[str]) -> int | None:
    """Where the last errors begin that stand close together."""
    errors = [place for place, line in enumerate(lines) if _is_error(line)]
    begin = len(errors) - 1
    while begin > 0 and errors[begin] - errors[begin - 1] <= _AFTER:
        begin -= 1
    return errors[begin] if errors else None


def _is_error(line: str) -> bool:
    return _ERROR.search(_HARMLESS.sub("", line)) is not None
