"""Builders, channels and Git hosts: whether they can be reached from here. Nothing is sent to people."""

from collections.abc import Sequence

from bridge.builders.base import BuilderContext
from bridge.cli import show
from bridge.cli.doctor.endpoints import Answer, Endpoint, Servers, Unreachable
from bridge.cli.doctor.finding import AS_DAEMON, Finding, State
from bridge.config.loader import Config, ConfiguredAdapter
from bridge.errors import RemoteError
from bridge.registry import BUILDERS
from bridge.runtime.clock import system_clock
from bridge.runtime.redaction import masked


async def reach(servers: Servers, kind: str, name: str, endpoint: Endpoint | None) -> Sequence[Finding]:
    """Whether the server of a channel or a source answers; its name, a connection and TLS are looked at."""
    if endpoint is None:
        what = "it has no server of its own" if kind == "channel" else "its address is only known from pushes"
        return [Finding(check=kind, about=name, state=State.SKIPPED, what=what)]
    try:
        answer = await servers.ask(endpoint)
    except Unreachable as error:
        return [Finding(check=kind, about=name, state=State.FAIL, what=error.what, cure=error.cure)]
    return [Finding(check=kind, about=name, state=State.OK, what=answers(endpoint, answer))]


def answers(endpoint: Endpoint, answer: Answer) -> str:
    by = "by TLS" if endpoint.tls else "without TLS"
    return f"{endpoint.name} answers {by} after {answer.seconds * 1000:.0f} ms"


async def builder(
    servers: Servers, config: Config, name: str, adapter: ConfiguredAdapter, endpoint: Endpoint | None
) -> Sequence[Finding]:
    """Whether the server of a builder answers, and what `builders test` says, which builds nothing."""
    if endpoint is not None:
        try:
            await servers.ask(endpoint)
        except Unreachable as error:
            return [Finding(check="builder", about=name, state=State.FAIL, what=error.what, cure=error.cure)]
    context = BuilderContext(state=config.state_path / name, clock=system_clock)
    opened = BUILDERS[adapter.kind](name, adapter.settings, context)
    try:
        said = await opened.test()
    except RemoteError as error:
        cure = f"`buildbridge builders test {name}` once more, when that is mended"
        found = Finding(check="builder", about=name, state=State.FAIL, what=_foreign(str(error)), cure=cure)
    else:
        found = Finding(check="builder", about=name, state=State.OK, what=_foreign(said))
    finally:
        await opened.aclose()
    return [found]


def _foreign(said: str) -> str:
    return masked(show.plain(said))


async def unread(kind: str, name: str) -> Sequence[Finding]:
    """One that was left out, since its secrets cannot be read here."""
    what = "its settings cannot be read by this user"
    return [
        Finding(
            check=kind, about=name, state=State.SKIPPED, what=what, cure=f"{AS_DAEMON}, while the daemon runs"
        )
    ]
