"""One text of the logs of all jobs, with offsets of our own.

GitLab keeps a log for each job. The text has the jobs in the order of their numbers, those that were tried
again too, each with a line that names it. It goes on with the next one only when a job has ended: so what was
returned once stays as it is. Marks of foldable sections are left out, and so a piece ends with a line. An
offset is the place of a job among all, and a place in its log in bytes: 12 and 36 bits.
"""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

from bridge.builders.base import LogChunk
from bridge.builders.gitlab_ci.client import GitLabServer, pipelines_path, project_path
from bridge.builders.gitlab_ci.model import JOBS, GitLabRef, Job
from bridge.builders.log_text import PIECE, boundary, one_line
from bridge.builders.server import MAX_ANSWER
from bridge.errors import Transient

_BYTES: Final = 36
_MAX_JOBS: Final = 4000
_PAGE: Final = 100
_MAX_CALLS: Final = 10
_AHEAD: Final = 4 << 20
"""How much of the log of a job that has ended is fetched at once, and kept while it is read in pieces."""
_MARK: Final = re.compile(rb"(?:\x1b\[0K)?section_(?:start|end):\d{1,12}:[^\r\n]{0,500}\r(?:\x1b\[0K)?")
_RANGE: Final = re.compile(r"bytes (\d{1,16})-")


class GitLabLog:
    """The logs of the pipelines of one server."""

    def __init__(self, server: GitLabServer) -> None:
        self._server = server
        self._kept: tuple[int, int, bytes, bool] | None = None

    async def read(self, ref: GitLabRef, offset: int, *, over: bool) -> LogChunk:
        """The text from `offset` on; from the beginning where there is no such place. Raises RemoteError.

        `over` says that the pipeline has ended.
        """
        jobs = await self._jobs(ref)
        chunk = await self._read(ref, jobs, offset, over=over)
        if chunk is None:
            again = await self._read(ref, jobs, 0, over=over)
            assert again is not None
            return LogChunk(text=again.text, next=again.next, more=again.more, restarted=True)
        return chunk

    async def _jobs(self, ref: GitLabRef) -> Sequence[Job]:
        """All jobs, in the order in which they were made."""
        found: dict[int, Job] = {}
        for page in range(1, _MAX_JOBS // _PAGE + 1):
            query: Mapping[str, str | int] = {"include_retried": "true", "per_page": _PAGE, "page": page}
            jobs = await self._server.read(f"{pipelines_path(ref.project)}/{ref.id}/jobs", JOBS, query=query)
            if jobs is None:
                raise Transient("GitLab does not show the jobs of the pipeline now (404)")
            found |= {job.id: job for job in jobs}
            if len(jobs) < _PAGE:
                break
        return [found[number] for number in sorted(found)]

    async def _read(self, ref: GitLabRef, jobs: Sequence[Job], offset: int, *, over: bool) -> LogChunk | None:
        """None when `offset` is not in the log."""
        place, byte = divmod(offset, 1 << _BYTES)
        if place > len(jobs) or (byte and place == len(jobs)):
            return None
        text = b""
        calls = 0
        while place < len(jobs) and len(text) < PIECE and calls < _MAX_CALLS:
            job = jobs[place]
            if not job.begun:
                if not over and not _passed_over(jobs, place):
                    return _chunk(text, place, byte, more=False)
                if byte:
                    return None
                place += 1
                continue
            calls += 1
            ended = over or job.ended
            data, whole = await self._trace(ref, job, byte, ended=ended)
            if data is None:
                return None
            head = _head(job) if data and not byte else b""
            end = _end(data, PIECE - len(text) - len(head), whole=whole and ended)
            if data and not end and text:
                break
            text += head + _MARK.sub(b"", data[:end]).replace(b"\r\n", b"\n") if end else b""
            byte += end
            if end < len(data) or not (whole and ended):
                return _chunk(text, place, byte, more=end > 0 and (end < len(data) or not whole))
            if text and not text.endswith(b"\n"):
                text += b"\n"
            place, byte = place + 1, 0
        return _chunk(text, place, byte, more=place < len(jobs))

    async def _trace(self, ref: GitLabRef, job: Job, byte: int, *, ended: bool) -> tuple[bytes | None, bool]:
        """The log of a job from `byte` on, None where it is shorter; and whether it has no more now."""
        if self._kept and self._kept[0] == job.id and byte >= self._kept[1]:
            _, start, kept, whole = self._kept
            if (rest := kept[byte - start :]) and (whole or len(rest) > PIECE):
                return rest, whole
        data, whole = await self._fetched(ref, job, byte, _AHEAD if ended else PIECE)
        self._kept = (job.id, byte, data, whole) if ended and data else None
        return data, whole

    async def _fetched(self, ref: GitLabRef, job: Job, byte: int, length: int) -> tuple[bytes | None, bool]:
        """From the byte before on, which is there: most servers send the whole log, whatever is asked for."""
        first = max(byte - 1, 0)
        path = f"{project_path(ref.project)}/jobs/{job.id}/trace"
        headers = {"Range": f"bytes={first}-"} if first else None
        limit = min(byte + length, MAX_ANSWER)
        answer = await self._server.call("GET", path, headers=headers, limit=limit)
        if answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return None, True
        if answer.status == HTTPStatus.NOT_FOUND and not answer.sign_in:
            return (None if byte else b""), True
        if not answer.good or answer.sign_in:
            raise self._server.error_of(answer)
        start = 0
        if answer.status == HTTPStatus.PARTIAL_CONTENT:
            found = _RANGE.match(answer.headers.get("Content-Range", ""))
            if not found or int(found[1]) != first:
                raise Transient("GitLab answered with another part of the log than it was asked for")
            start = first
        rest = answer.body[byte - start :]
        if byte > start + len(answer.body) and not answer.truncated:
            return None, True
        # What is beyond the most that is read is left out.
        return rest, not (answer.truncated and rest)


def _passed_over(jobs: Sequence[Job], place: int) -> bool:
    """Whether a job that has not begun may never do so, while one after it has."""
    return jobs[place].word in {"manual", "skipped"} and any(job.begun for job in jobs[place + 1 :])


def _head(job: Job) -> bytes:
    names = " / ".join(filter(None, (one_line(job.stage), one_line(job.name))))
    return f"== {names} ==\n".encode(errors="replace")


def _end(data: bytes, most: int, *, whole: bool) -> int:
    """Where a piece of at most so many bytes ends: after a line, or where there is no more to come."""
    if whole and len(data) <= most:
        return len(data)
    if most <= 0:
        return 0
    after_line = data.rfind(b"\n", 0, most) + 1
    return after_line or (boundary(data, most) if len(data) > most else 0)


def _chunk(text: bytes, place: int, byte: int, *, more: bool) -> LogChunk:
    shown = text.decode(errors="replace")
    return LogChunk(text=shown, next=place << _BYTES | byte, more=more)
