"""The others of a run: a Jenkins and two robots, which count what they get."""

import json
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from anyio.from_thread import start_blocking_portal
from chaos.checker import Message
from chaos.pushes import BUILDERS, ROBOTS
from starlette.types import Receive, Scope, Send
from support import fake_http
from support.daemon import SECRET
from support.fake_http import Reply
from support.fake_jenkins_core import FakeJenkins
from support.fake_jenkins_state import Build
from support.fake_robots import bound_listener, served
from support.jenkins_builds import DECLARED

from bridge.demo.robot import robot_app

_FAILS: Final = 7
"""One of so many builds fails."""
_TOKEN: Final = "0123456789abcdef" * 4
_NAME: Final = re.compile(r"\bN-(\S{8})")
"""What a message has of the id of its notice; the last one is ours, whatever a log says."""
_LASTS: Final = (0.3, 2.5)
"""How long builds last, in seconds."""


class CountingJenkins(FakeJenkins):
    """Counts the triggers that it took by BRIDGE_BUILD_ID."""

    def __init__(self) -> None:
        super().__init__("the-token-of-jenkins")
        self.triggers: Counter[str] = Counter()
        self.automatic = _fate
        for name in BUILDERS:
            self.job(f"chaos/{name}", *DECLARED, concurrent=True)

    def _trigger(self, job: Any, form: Mapping[str, str], *, with_parameters: bool) -> Reply:
        reply = super()._trigger(job, form, with_parameters=with_parameters)
        if reply.status < 400:
            self.triggers[form["BRIDGE_BUILD_ID"]] += 1
        return reply

    def ran(self) -> dict[str, list[Build]]:
        """The builds by BRIDGE_BUILD_ID."""
        found: defaultdict[str, list[Build]] = defaultdict(list)
        with self.lock:
            for job in self.jobs.values():
                for build in job.builds:
                    found[str(build.values["BRIDGE_BUILD_ID"])].append(build)
        return dict(found)


def _fate(build: Build) -> tuple[str, float]:
    """What a build ends with, and after how long: always the same for one id."""
    digest = sha256(str(build.values["BRIDGE_BUILD_ID"]).encode()).digest()
    least, most = _LASTS
    return "FAILURE" if digest[0] % _FAILS == 0 else "SUCCESS", least + (most - least) * digest[1] / 255


class Robot:
    """A robot that notes each message that it took, and each of its rejections."""

    def __init__(self) -> None:
        self.listener = bound_listener()
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/robot/send?access_token={_TOKEN}"
        self.taken: list[Message] = []
        self.rejections: list[str] = []
        self._app = robot_app(token=_TOKEN, secret=SECRET, clock=time.time, on_message=self._take)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def answer(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.body" and json.loads(message["body"])["errcode"]:
                self.rejections.append(message["body"].decode())
            await send(message)

        await self._app(scope, receive, answer)

    def _take(self, message: Mapping[str, Any]) -> None:
        named = _NAME.findall(message["markdown"]["text"])
        self.taken.append(Message(time.monotonic(), named[-1] if named else ""))


@dataclass(frozen=True, slots=True)
class Others:
    jenkins: CountingJenkins
    robots: Mapping[str, Robot]

    def config(self) -> dict[str, Any]:
        """The builders and channels that stand for them."""
        jenkins = self.jenkins
        login = {"kind": "jenkins", "url": jenkins.url, "username": "ci", "token": jenkins.token}
        pace = {"poll_interval": "1s", "timeout": "5s"}
        robot = {"kind": "DING_TALK", "secret": SECRET, "allow_private": True}
        return {
            "builders": {name: {**login, **pace, "job": f"chaos/{name}"} for name in BUILDERS},
            "channels": {name: {**robot, "url": one.url} for name, one in self.robots.items()},
        }


@contextmanager
def others() -> Iterator[Others]:
    robots = {name: Robot() for name in ROBOTS}
    with ExitStack() as ends:
        jenkins = ends.enter_context(fake_http.served(CountingJenkins()))
        portal = ends.enter_context(start_blocking_portal())
        for robot in robots.values():
            server = portal.wrap_async_context_manager(served(robot, robot.listener))
            server.__enter__()
            # It ends in its own way also where the run fails, whose error is not the server's.
            ends.callback(server.__exit__, None, None, None)
        yield Others(jenkins, robots)
