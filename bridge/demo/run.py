"""The demo: three real pushes through a real daemon, printed as they happen.

A temporary folder gets a bare Git repository with our hook, a clone of it and a configuration; the daemon
runs as a process of its own, builds on this machine and sends notices to a DingTalk robot that checks what
the vendor's checks. The demo needs nothing else: no network, no Docker, no privileges.
"""

import re
import secrets
import shlex
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from os import environ
from pathlib import Path
from typing import Final

import anyio
from anyio.abc import TaskGroup
from starlette.types import ASGIApp

from bridge.config.loader import load_config
from bridge.config.settings import ServerSettings
from bridge.demo.daemon import check_alive, reserved_port, running
from bridge.demo.printer import TimelinePrinter
from bridge.demo.progress import Chat, DeliveryProgress, ProgressReader
from bridge.demo.pushes import PUSHES, Push, problems_of
from bridge.demo.robot import robot_app
from bridge.demo.screen import Screen
from bridge.demo.workspace import DemoError, Workspace, make_folder, require_programs
from bridge.model.language import Language, Tell
from bridge.registry import KINDS
from bridge.rules.checking import Names
from bridge.rules.loader import load_rules
from bridge.runtime import log
from bridge.runtime.clock import system_clock
from bridge.store.open import open_store
from bridge.web.server import make_server

PUSH_SECONDS: Final = 15
_LOST_SECONDS: Final = 1
_LOG_LINES: Final = 15
_MAX_LOG: Final = 1 << 16
_LONG_SHA: Final = re.compile(r"\b([0-9a-f]{8})[0-9a-f]{32}\b")
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Incomplete(DemoError):
    """Not everything happened as expected."""


@dataclass(frozen=True, slots=True)
class RunningDemo:
    """Everything that runs during the demo."""

    workspace: Workspace
    printer: TimelinePrinter
    screen: Screen
    port: int

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


async def run(*, once: bool, language: Language) -> bool:
    """Run the demo, without `once` until Ctrl-C; whether everything happened as expected.

    Raises DemoError, alone or in a group, where it cannot go on.
    """
    require_programs()
    screen = Screen(language)
    complete = False
    with anyio.open_signal_receiver(*_SIGNALS) as signals:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_stop_on, signals, tasks, screen)
            try:
                async with _running_demo(screen, tasks) as demo:
                    await _run_pushes(demo)
                    complete = True
                    await _show_next_steps(demo, once=once)
            except Incomplete as error:
                screen.say(str(error), "red")
            tasks.cancel_scope.cancel()
    return complete


async def _stop_on(signals: AsyncIterator[signal.Signals], tasks: TaskGroup, screen: Screen) -> None:
    async for _ in signals:
        screen.say(screen.tell("Stopping the daemon and removing the folder."))
        tasks.cancel_scope.cancel()


@asynccontextmanager
async def _running_demo(screen: Screen, tasks: TaskGroup) -> AsyncIterator[RunningDemo]:
    """Set the demo up, and take it down at the end. Raises DemoError."""
    chat = Chat(system_clock)
    with _folder(screen) as workspace, reserved_port() as port:
        screen.say(screen.tell("Buildbridge: from a push to a build to a notice"), "bold")
        with screen.working(screen.tell("setting up a Git server, a daemon and a chat robot")):
            await _prepare(workspace, port, chat, tasks, screen.language)
            config = load_config(workspace.config, KINDS, environ)
            rules = load_rules(config.rule_paths, Names.of(config, KINDS))
        log.configure(config.secrets, level="WARNING")
        async with (
            running(workspace, config, port) as daemon,
            open_store(config.store_url, exclusive=False) as store,
        ):
            printer = TimelinePrinter(ProgressReader(store, chat), rules, screen, lambda: check_alive(daemon))
            yield RunningDemo(workspace, printer, screen, port)


async def _prepare(workspace: Workspace, port: int, chat: Chat, tasks: TaskGroup, language: Language) -> None:
    """The folder, and the robot that its configuration names."""
    made = {name: secrets.token_hex(32) for name in ("hook", "robot-sign", "api-token")}
    token = secrets.token_hex(32)
    app = robot_app(token=token, secret=made["robot-sign"], clock=system_clock, on_message=chat.take)
    listener = socket.create_server(("127.0.0.1", 0))
    tasks.start_soon(_serve_robot, app, listener)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/robot/send?access_token={token}"
    await workspace.prepare(language=language, port=port, robot_url=url, secrets=made)


async def _serve_robot(app: ASGIApp, listener: socket.socket) -> None:
    with listener:
        await make_server(app, ServerSettings(), grace_seconds=1).serve([listener])


@contextmanager
def _folder(screen: Screen) -> Iterator[Workspace]:
    """A folder that is removed at the end, unless something failed."""
    workspace = make_folder()
    keep = False
    try:
        yield workspace
    except Exception:
        keep = True
        _show_log(workspace.log, screen)
        screen.heading(screen.tell("The folder is kept for you to inspect"))
        screen.facts([(screen.tell("folder"), str(workspace.folder))])
        screen.say()
        raise
    finally:
        if not keep:
            shutil.rmtree(workspace.folder, ignore_errors=True)


def _show_log(path: Path, screen: Screen) -> None:
    if not path.exists():
        return
    lines = path.read_bytes()[-_MAX_LOG:].decode(errors="replace").splitlines()[-_LOG_LINES:]
    screen.heading(screen.tell("The end of the daemon's log"))
    screen.quote(lines)


async def _run_pushes(demo: RunningDemo) -> None:
    """Make every push. Raises Incomplete with all that differs from its expected end."""
    demo.screen.say(demo.screen.tell("The same as a page: {address}", address=f"{demo.address}/"))
    problems: list[str] = []
    rows = []
    for number, push in enumerate(PUSHES, 1):
        begun, commit, progress = await _push(demo, number, push)
        problems += problems_of(push, commit, progress)
        rows.append(_row(push, begun, progress, demo.screen.tell))
        if problems:
            break
    demo.screen.summary(rows)
    if problems:
        raise Incomplete("\n".join((demo.screen.tell("Not everything happened as expected:"), *problems)))
    said = demo.screen.tell("All as expected: 3 pushes, 3 builds (one failed on purpose), 3 notices.")
    demo.screen.say(said, "green")


async def _push(demo: RunningDemo, number: int, push: Push) -> tuple[float, str, DeliveryProgress | None]:
    """Push and print the timeline: when the push began, its commit, and its progress at the end."""
    demo.screen.heading(f"{number}. {demo.screen.tell(push.what)}")
    commit, subject = (await demo.workspace.git("log", "-1", "--format=%H %s", push.ref)).split(" ", 1)
    demo.screen.command(f"git push origin {push.ref}", f"{commit[:8]} {subject}")
    with demo.screen.working(demo.screen.tell("following {ref}", ref=push.ref)):
        begun = system_clock()
        said = await demo.workspace.git("push", "origin", push.ref)
        complaints = [line for line in said.splitlines() if "buildbridge:" in line]
        demo.screen.quote(complaints, "red")
        # A push that the hook could not report never arrives.
        progress = await demo.printer.follow(begun, _LOST_SECONDS if complaints else PUSH_SECONDS)
    return begun, commit, progress


def _row(push: Push, begun: float, progress: DeliveryProgress | None, tell: Tell) -> tuple[str, ...]:
    builds = progress.builds if progress else ()
    notices = [one for one in (progress.notices if progress else ()) if one.accepted]
    tags = ", ".join(tag for build in builds for tag in build.request.tags)
    return (
        push.ref,
        _LONG_SHA.sub(r"\1…", tags),
        ", ".join(f"#{build.number} {tell(build.state)}" for build in builds) or tell("none"),
        ", ".join(one.row.notice.event for one in notices) or tell("none"),
        ", ".join(f"{(one.accepted.at - begun) * 1000:.0f} ms" for one in notices if one.accepted),
    )


async def _show_next_steps(demo: RunningDemo, *, once: bool) -> None:
    """Say what to do next; without `once` the demo goes on and prints further pushes."""
    screen, tell, command = demo.screen, demo.screen.tell, _command()
    if once:
        how = tell(
            "Run `{command} demo` without --once to inspect it, and to push yourself.", command=command
        )
        screen.say(how)
        return
    config = shlex.quote(str(demo.workspace.config))
    screen.heading(tell("The demo goes on: push in another terminal, and follow the push here"))
    screen.facts(
        (
            (tell("go there"), f"cd {shlex.quote(str(demo.workspace.clone))}"),
            (tell("a branch"), "git commit --allow-empty -m 'Build again' && git push origin main"),
            (tell("a tag"), "git tag -a v1.0.1 -m v1.0.1 && git push origin v1.0.1"),
            (tell("nothing"), "git push origin main:no-rule-matches"),
        )
    )
    screen.heading(tell("Inspect the demo"))
    screen.facts(
        (
            (tell("folder"), f"{demo.workspace.folder}   (bridge.yaml, rules/shop.yaml, bridge.log)"),
            (tell("pages"), f"{demo.address}/"),
            (tell("to sign in"), f"cat {shlex.quote(str(demo.workspace.folder / 'secrets' / 'api-token'))}"),
            (tell("health"), f"{demo.address}/healthz"),
            (tell("builds"), f"{demo.address}/v1/builds"),
            (tell("metrics"), f"{demo.address}/metrics"),
            (tell("deliveries"), f"{command} --config {config} deliveries list"),
            (tell("a log"), f"{command} --config {config} builds log demo/shop#3"),
        )
    )
    screen.heading(tell("Your own configuration"))
    screen.say(
        tell("Copy bridge.yaml and rules/ before you end it, change them, and run `buildbridge check`.")
    )
    screen.say()
    with screen.working(tell("waiting for your pushes; Ctrl-C ends the demo and removes its folder")):
        await demo.printer.follow_all()


def _command() -> str:
    """The command that started this process."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m bridge"
    return "buildbridge" if shutil.which("buildbridge") else shlex.quote(str(called.absolute()))
