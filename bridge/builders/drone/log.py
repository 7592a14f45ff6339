"""One text of the logs of all steps, with offsets of our own.

The servers keep a log for each step. The text has the steps in the order of their numbers, each with a line
that names it, and goes on with the next one only when a step has ended: so what was returned once stays as it
is. An offset is a stage, a step and a place in the text of that step, in bytes: 8, 10 and 34 bits.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bridge.builders.base import LogChunk
from bridge.builders.drone.dialect import Dialect
from bridge.builders.drone.model import DroneRef, RemoteBuild, Stage, Step
from bridge.builders.log_text import PIECE, boundary, one_line

_BYTES: Final = 34
_STEPS: Final = 10
_MAX_STAGE: Final = (1 << 8) - 1
_MAX_STEP: Final = (1 << _STEPS) - 2
_MAX_CALLS: Final = 20


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """The place in a log before which everything was returned."""

    stage: int = 0
    step: int = 0
    byte: int = 0

    @classmethod
    def of(cls, offset: int) -> "Position":
        rest, byte = divmod(offset, 1 << _BYTES)
        return cls(*divmod(rest, 1 << _STEPS), byte)

    @property
    def offset(self) -> int:
        return (self.stage << _STEPS | self.step) << _BYTES | self.byte


class DroneLog:
    """The logs of the builds of one server; the text of one ended step is kept while it is read in pieces."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._kept: tuple[DroneRef, int, int, bytes] | None = None

    async def read(self, ref: DroneRef, build: RemoteBuild, offset: int) -> LogChunk:
        """The text from `offset` on; from the beginning where there is no such place. Raises RemoteError."""
        chunk = await self._read(ref, build, Position.of(offset))
        if chunk is None:
            again = await self._read(ref, build, Position())
            assert again is not None
            return LogChunk(text=again.text, next=again.next, more=again.more, restarted=True)
        return chunk

    async def _read(self, ref: DroneRef, build: RemoteBuild, place: Position) -> LogChunk | None:
        """None when `place` is not in the log."""
        text = bytearray()
        for calls, (stage, step) in enumerate(_steps(build, place)):
            if calls == _MAX_CALLS or len(text) >= PIECE:
                return _chunk(text, place, more=True)
            here = Position(stage.number, step.number)
            byte = place.byte if (place.stage, place.step) == (here.stage, here.step) else 0
            if place.byte and not byte:
                return None
            data = await self._text(ref, stage, step, over=build.ended)
            if data is None:
                break
            if byte > len(data):
                return None
            end = boundary(data, byte + PIECE - len(text))
            text += data[byte:end]
            place = Position(here.stage, here.step, end)
            if end < len(data):
                return _chunk(text, place, more=True)
            if not (step.ended or build.ended):
                break
            place = Position(here.stage, here.step + 1)
        else:
            if place.byte and build.stages:
                return None
        return _chunk(text, place, more=False)

    async def _text(self, ref: DroneRef, stage: Stage, step: Step, *, over: bool) -> bytes | None:
        """The text of a step; None while its log is still to come."""
        key = (ref, stage.number, step.number)
        if self._kept and self._kept[:3] == key:
            return self._kept[3]
        lines = await self._dialect.lines(ref.repository, ref.number, stage, step) if step.begun else None
        if lines is None:
            return b"" if over or step.word == "skipped" else None
        names = " / ".join(filter(None, (one_line(stage.name), one_line(step.name))))
        head = f"== {names} ==\n" if lines else ""
        data = (head + "".join(f"{_line(line)}\n" for line in lines)).encode(errors="replace")
        self._kept = (*key, data) if step.ended and len(data) > PIECE else None
        return data


def _steps(build: RemoteBuild, place: Position) -> Iterator[tuple[Stage, Step]]:
    """The steps from `place` on, up to the end of the first stage that goes on."""
    for stage in sorted(build.stages, key=lambda stage: stage.number):
        if not place.stage <= stage.number <= _MAX_STAGE:
            continue
        for step in sorted(stage.steps, key=lambda step: step.number):
            if (stage.number, step.number) >= (place.stage, place.step) and step.number <= _MAX_STEP:
                yield stage, step
        if not (stage.ended or build.ended):
            return


def _chunk(text: bytearray, place: Position, *, more: bool) -> LogChunk:
    return LogChunk(text=text.decode(errors="replace"), next=place.offset, more=more)


def _line(text: str) -> str:
    return text.replace("\r\n", "\n").removesuffix("\n")
