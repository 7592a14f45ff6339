"""Builds on this machine for the contract suite of builders: real Git, a real shell."""

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest
from support.builder_contract import Case, Site
from support.git import Origin
from support.local_site import LocalSite, cancel_all, pushed, request

from bridge.builders.base import Ambiguous, Builder, Rejected, Retry, Sent
from bridge.builders.local import builder as local
from bridge.model.build import BuildRequest

_SCRIPT = """
    cd {gates}; env; echo run >>$BRIDGE_BUILD_ID.runs; cat $BRIDGE_BUILD_ID.log
    until test -e $BRIDGE_BUILD_ID.end; do sleep 0.02; done
    exit $(cat $BRIDGE_BUILD_ID.code)
"""


class LocalContractSite(Site):
    """One state folder; a build's script prints, waits for a file and ends as another one says."""

    CASES: ClassVar[Mapping[str, Case]] = {
        "accepted": Case(Sent),
        "a tag that no registry takes": Case(Rejected, changes={"tags": ("-x",)}),
        "no runner can be started": Case(
            Retry, lambda site: site.patch.setattr(sys, "executable", "/nonexistent/python")
        ),
        "the runner does not answer": Case(
            Ambiguous, lambda site: site.patch.setattr(local, "_START_SECONDS", 0.001)
        ),
    }

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, stack: ExitStack) -> None:
        """What is on the `stack` is closed with the site."""
        self.patch = patch
        self.stack = stack
        self.folder = folder
        self.secret = "canary-of-the-daemons-environment"
        patch.setenv("CANARY", self.secret)
        self._local = LocalSite(folder / "state")
        self._gates = folder / "gates"
        self._gates.mkdir()
        self._origin = Origin(folder / "origin")
        self._commit = pushed(self._origin)

    @classmethod
    @asynccontextmanager
    async def open(cls, folder: Path) -> AsyncIterator["LocalContractSite"]:
        with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
            site = cls(folder, patch, stack)
            yield site
            site.recover()
        await cancel_all(site._local)

    def make(self, **settings: Any) -> Builder:
        """Settings say themselves what builds."""
        return self._local.builder(None if settings else _SCRIPT.format(gates=self._gates), **settings)

    def request(self, build_id: str, *, log: str = "", succeeds: bool = True, **changes: Any) -> BuildRequest:
        (self._gates / f"{build_id}.log").write_text(log)
        (self._gates / f"{build_id}.code").write_text("0" if succeeds else "3")
        return request(self._origin, self._commit, **{"build_id": build_id, **changes})

    async def start(self, build_id: str) -> None:
        """It runs as soon as it is triggered."""

    async def finish(self, build_id: str) -> None:
        (self._gates / f"{build_id}.end").touch()

    def count(self, build_id: str) -> int:
        runs = self._gates / f"{build_id}.runs"
        return runs.read_text().count("run") if runs.exists() else 0

    def untouched(self) -> bool:
        return not self._local.state.exists()

    def recover(self) -> None:
        self.patch.undo()
        self.patch.setenv("CANARY", self.secret)


SITE = LocalContractSite
