"""Logs of CodeArts: part by part while it shows them so, else whole, from the file of the record.

The two count in units of their own: an offset into the file has the bit `WHOLE`, and counts bytes.
"""

from typing import Final
from urllib.parse import quote

from bridge.builders.base import LogChunk
from bridge.builders.codearts.client import CodeArtsServer
from bridge.builders.codearts.model import LOG_PART, CodeArtsRef, LogPart
from bridge.builders.log_text import PIECE, boundary
from bridge.errors import Permanent, Transient

LENGTH: Final = 64 << 10
"""How much of a log is asked for: bytes or characters, which is not documented."""
WHOLE: Final = 1 << 48
_MARGIN: Final = 4
_CUT: Final = "\n(the rest of this part is left out: CodeArts sent more than it was asked for)\n"


async def log_chunk(server: CodeArtsServer, ref: CodeArtsRef, offset: int) -> LogChunk:
    """Raises RemoteError."""
    if offset >= WHOLE:
        return await _of_file(server, ref, offset - WHOLE, restarted=False)
    part = await _part(server, ref, offset)
    if part is None:
        return await _of_file(server, ref, 0, restarted=offset > 0)
    restarted = part.offset < offset
    if restarted:
        part = await _part(server, ref, 0)
        if part is None:
            raise Transient("CodeArts no longer shows the log that it has just shown")
    text = (part.content or "").replace("\r\n", "\n")
    if len(text.encode()) > PIECE:
        text = text.encode()[: PIECE - len(_CUT)].decode(errors="ignore") + _CUT
    begin = 0 if restarted else offset
    more = part.has_more_data and part.offset > begin
    return LogChunk(text=text, next=part.offset, more=more, restarted=restarted)


async def _part(server: CodeArtsServer, ref: CodeArtsRef, offset: int) -> LogPart | None:
    """The part at an offset; None where there is none."""
    path = f"v3/jobs/{ref.job}/{ref.number}/real-time-log"
    found = await server.found([path], LOG_PART, {"offset": offset, "length": LENGTH})
    return found.result if found else None


async def _of_file(server: CodeArtsServer, ref: CodeArtsRef, start: int, *, restarted: bool) -> LogChunk:
    if ref.record is None:
        return LogChunk(text="", next=0, more=False)
    record = quote(ref.record, safe="")
    paths = [f"v4/{record}/download-log", f"v1/log/{record}/download-log"]
    answer = await server.first("GET", paths, limit=start + PIECE + _MARGIN)
    if answer.status == 404 and not answer.sign_in:  # noqa: PLR2004  # an HTTP status
        raise Permanent("the log is no longer in CodeArts (404)")
    if not answer.good or answer.sign_in:
        raise server.error_of(answer)
    if start > len(answer.body):
        start, restarted = 0, True
    end = boundary(answer.body, start + PIECE)
    text = answer.body[start:end].decode(errors="replace").replace("\r\n", "\n")
    more = end < len(answer.body)
    return LogChunk(text=text, next=WHOLE + end, more=more, restarted=restarted)
