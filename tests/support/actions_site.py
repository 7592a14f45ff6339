"""What the contract sites of servers with workflows have in common."""

from typing import Any, ClassVar

from support.builder_contract import Failure, RemoteSite
from support.fake_actions import FakeActions


class ActionsSite(RemoteSite):
    """A fake server with one repository."""

    STAGES = ("500", "503")
    ENDS = ("success", "failure")
    TRIGGER: ClassVar[str] = "/dispatches"
    server: Any

    @property
    def fake(self) -> FakeActions:
        found: FakeActions = self.server
        return found

    async def start(self, build_id: str) -> None:
        self.fake.start(self.fake.run(build_id), self.logs[build_id])

    async def finish(self, build_id: str) -> None:
        self.fake.finish(self.fake.run(build_id), self.ends[build_id])

    def count(self, build_id: str) -> int:
        return sum(self.fake.is_ours(run, build_id) for run in list(self.fake.runs))

    def restart(self, stage: str) -> None:
        self.fail(Failure(status=int(stage)))

    def take_over(self, build_id: str) -> None:
        self.fake.runs.clear()
        self.fake.numbers -= 1
        self.fake.finish(self.fake.add({}))
