"""Facts and notices to send."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from support.fake_robots import START, Turnable

from bridge.channels.base import ChannelContext
from bridge.model.event import Person
from bridge.model.notice import BuildFacts, EventName, Notice, ServiceFacts

AUTHOR = "zhang.san@example.com"
CONTACT = "zhangsan"

FACTS = BuildFacts(
    build_id="0192f0c1-0000-7000-8000-000000000128",
    namespace="acme",
    repo_name="shop",
    number=128,
    state="failed",
    detail="docker build",
    ref_kind="branch",
    ref_name="main",
    sha="1a2b3c4d" * 5,
    commit_url="https://git.example.com/acme/shop/commit/1a2b3c4d",
    subject="修复登录超时",
    author=Person("张三", "Zhang.San@example.com"),
    images=("registry.example.com/acme/shop:1.4.2", "registry.example.com/acme/shop:latest"),
    builder="jenkins",
    duration=192.4,
    build_url="https://ci.example.com/job/shop/128/",
    cause="push",
    streak=1,
    log_tail="step 3/9\nerror: no such file\n",
    code_host="GitHub",
    code_path="acme/shop",
)
SERVICE = ServiceFacts(subject="jenkins", detail="no answer for five minutes")


def notice(event: EventName = EventName.FAIL, facts: ServiceFacts | None = None, **changes: Any) -> Notice:
    """A notice made now; `changes` are those of the build's facts."""
    given = facts or replace(FACTS, **changes)
    return Notice(
        id="0192f0c1-1111-7000-8000-00000000abcd", channel="team", event=event, facts=given, created_at=START
    )


@dataclass
class Messages:
    """A place for in-app messages; `failing` is raised instead of keeping one."""

    kept: list[Notice] = field(default_factory=list)
    failing: Exception | None = None

    async def add_message(self, notice: Notice) -> None:
        if self.failing:
            raise self.failing
        self.kept.append(notice)


@asynccontextmanager
async def kept_messages() -> AsyncIterator[Messages]:
    yield Messages()


def context(clock: Turnable | None = None, **changes: Any) -> ChannelContext:
    """What a channel gets: Chinese, one known person, a clock that stands."""
    given = ChannelContext(
        language="zh-CN", contacts={AUTHOR: CONTACT}, clock=clock or Turnable(), messages=Messages()
    )
    return replace(given, **changes)
