"""One text of the logs of all jobs, with offsets of our own.

Each job has a log; some servers show it only once the job has ended. The text has the jobs in the order in
which they were made, each with a line that names it, and goes on with the next one only when a job has ended:
so what was returned once stays as it is. An offset is an attempt, the place of a job and a place in its log,
in bytes: 8, 12 and 34 bits.
"""

import re
from codecs import getincrementaldecoder
from contextlib import suppress
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final

from bridge.builders.actions.model import Job, Run
from bridge.builders.actions.server import ActionsServer
from bridge.builders.base import LogChunk
from bridge.builders.log_text import PIECE
from bridge.builders.server import Answer
from bridge.errors import Transient
from bridge.runtime.clock import Clock
from bridge.runtime.web_page import is_web_page

_HEAD: Final = 1 << 10
"""How much of a piece is kept for the line that names a job."""
_LEAST: Final = 4 * _HEAD
"""The least of a piece for which a log is asked."""
_BYTES: Final = 34
_JOBS: Final = 12
_MAX_ATTEMPT: Final = (1 << 8) - 1
_MAX_JOBS: Final = (1 << _JOBS) - 2
_MAX_CALLS: Final = 20
_STORED_AFTER: Final = 120.0
"""Seconds after the end of a job in which its log may still be on its way."""
_NO_LOG: Final = frozenset({404, 410})
_RANGE: Final = re.compile(r"bytes ([0-9]{1,15})-[0-9]{1,15}/([0-9]{1,15})")
_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Position:
    """The place in a log before which everything was returned."""

    attempt: int
    job: int = 0
    byte: int = 0

    @classmethod
    def of(cls, offset: int) -> "Position":
        rest, byte = divmod(offset, 1 << _BYTES)
        return cls(*divmod(rest, 1 << _JOBS), byte)

    @property
    def offset(self) -> int:
        return (self.attempt << _JOBS | self.job) << _BYTES | self.byte


class _NoSuchPlace(Exception):
    """The log of the job is shorter."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """Bytes of the log of a job from a place on; `more` says that others follow them."""

    data: bytes
    more: bool


class ActionsLog:
    """The logs of the runs of one server."""

    def __init__(self, server: ActionsServer, clock: Clock) -> None:
        self._server = server
        self._clock = clock

    async def read(self, repository: str, run: Run, offset: int) -> LogChunk:
        """The text from `offset` on; from the beginning where there is no such place. Raises RemoteError."""
        jobs = await self._server.jobs(repository, run)
        begin = Position(min(run.attempt, _MAX_ATTEMPT))
        place = Position.of(offset) if offset else begin
        if place.attempt == begin.attempt and place.job <= len(jobs):
            with suppress(_NoSuchPlace):
                return await self._from(repository, run, jobs, place)
        again = await self._from(repository, run, jobs, begin)
        return LogChunk(text=again.text, next=again.next, more=again.more, restarted=True)

    async def _from(self, repository: str, run: Run, jobs: list[Job], place: Position) -> LogChunk:
        """Raises _NoSuchPlace."""
        text, room, calls = "", PIECE, 0
        for job in jobs[place.job : _MAX_JOBS]:
            if calls == _MAX_CALLS or room < _LEAST:
                return LogChunk(text=text, next=place.offset, more=True)
            ended = job.ended or run.ended
            if not (ended or (self._server.live_logs and job.begun)):
                break
            piece = _Piece(b"", more=False)
            if job.conclusion != "skipped":
                calls += 1
                piece = await self._piece(repository, job, place.byte, room - _HEAD, grows=not ended)
            if piece.data and not place.byte:
                text += f"== {job.title} ==\n"
            # Some logs begin with a mark of their encoding.
            text += piece.data.removeprefix(b"" if place.byte else _BOM).decode(errors="replace")
            room = PIECE - len(text.encode())
            place = replace(place, byte=place.byte + len(piece.data))
            if piece.more:
                return LogChunk(text=text, next=place.offset, more=True)
            if not ended:
                break
            place = replace(place, job=place.job + 1, byte=0)
        return LogChunk(text=text, next=place.offset, more=False)

    async def _piece(self, repository: str, job: Job, start: int, room: int, *, grows: bool) -> _Piece:
        """At most `room` bytes of a log, also once they are text. Raises RemoteError or _NoSuchPlace."""
        answer = await self._server.job_log(repository, job.id, start, room)
        if answer.status in _NO_LOG and not answer.sign_in:
            if start:
                raise _NoSuchPlace
            if self._is_fresh(job):
                raise Transient(
                    f"{self._server.name} has not stored the log of the job yet ({answer.status})"
                )
            return _Piece(b"", more=False)
        if answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            if start and answer.headers.get("Content-Range") != f"bytes */{start}":
                raise _NoSuchPlace
            return _Piece(b"", more=False)
        if not answer.good or answer.sign_in or is_web_page(answer.body):
            raise self._server.error_of(answer)
        return _cut(answer, start, room, grows=grows)

    def _is_fresh(self, job: Job) -> bool:
        return job.ended_at is not None and self._clock() - job.ended_at.timestamp() < _STORED_AFTER


def _cut(answer: Answer, start: int, room: int, *, grows: bool) -> _Piece:
    """The piece in an answer that begins at `start` or at the beginning."""
    if answer.status == HTTPStatus.PARTIAL_CONTENT:
        found = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        if not found or int(found[1]) != start:
            raise Transient("the store of the log answered with another part of it")
        rest, more = answer.body, int(found[2]) > start + len(answer.body)
    else:
        rest, more = answer.body[start:], answer.truncated
        if start > len(answer.body) and not answer.truncated:
            raise _NoSuchPlace
        # What is beyond the most that is read is left out.
        more = more and bool(rest)
    data = rest[:room]
    if len(data.decode(errors="replace").encode()) > room:
        data = rest[: room // 3]
    more = more or len(data) < len(rest)
    if more or grows:
        decoder = getincrementaldecoder("utf-8")("replace")
        decoder.decode(data)
        # Not inside of a character.
        data = data.removesuffix(decoder.getstate()[0])
    if more and not data:
        raise Transient("the store of the log answered with nothing of it")
    return _Piece(data, more)
