"""The dummy builder for the contract suite of builders."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

from support.builder_contract import Case, Site, request
from support.scripted import Clock

from bridge.builders.base import Ambiguous, Builder, BuilderContext, Rejected, Retry, Sent
from bridge.builders.dummy.builder import DummyBuilder, DummySettings
from bridge.model.build import BuildRequest

_SECONDS = 60


class DummySite(Site):
    """A folder, and a clock that the test turns."""

    CASES: ClassVar[Mapping[str, Case]] = {
        "accepted": Case(Sent),
        "rejected": Case(Rejected, changes={"parameters": {"DUMMY_RESULT": "rejected"}}),
        "ambiguous": Case(Ambiguous, changes={"parameters": {"DUMMY_RESULT": "ambiguous"}}),
        "a folder that cannot be written": Case(
            Retry, lambda site: site.state.write_text("in the way") and None
        ),
    }

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self.secret = "canary-of-the-clone-address"
        self._clock = Clock()

    @classmethod
    @asynccontextmanager
    async def open(cls, folder: Path) -> AsyncIterator["DummySite"]:
        yield cls(folder)

    def make(self, **settings: Any) -> Builder:
        given = DummySettings.model_validate({"duration": f"{_SECONDS}s", **settings})
        return DummyBuilder("pretend", given, BuilderContext(state=self.state, clock=self._clock))

    def request(self, build_id: str, *, log: str = "", succeeds: bool = True, **changes: Any) -> BuildRequest:
        result = "succeeded" if succeeds else "failed"
        facts: dict[str, Any] = {
            "repo_url": f"https://bot:{self.secret}@git.example.com/acme/shop.git",
            "parameters": {"TEXT": log, "DUMMY_RESULT": result},
        }
        return request(build_id, **facts | changes)

    async def start(self, build_id: str) -> None:
        """It runs as soon as it is triggered."""

    async def finish(self, build_id: str) -> None:
        self._clock.advance(_SECONDS)

    def count(self, build_id: str) -> int:
        return len(list(self.state.glob(f"{build_id}.json")))

    def untouched(self) -> bool:
        return not self.state.exists()

    def recover(self) -> None:
        if self.state.is_file():
            self.state.unlink()


SITE = DummySite
