"""The demo: three real pushes through a real daemon, told as they happen.

A temporary folder gets a bare Git repository with our hook, a clone of it and a configuration; the daemon
runs as a process of its own, builds on this machine and tells a DingTalk robot that checks what the vendor's
checks. Nothing else is needed: no network, no Docker, no rights.
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
from bridge.demo.narrator import Narrator
from bridge.demo.pushes import PUSHES, Push, missing
from bridge.demo.robot import robot_app
from bridge.demo.screen import Screen
from bridge.demo.watch import Chat, Course, Watch
from bridge.demo.workspace import DemoError, Workspace, make_folder, require_programs
from bridge.registry import KINDS
from bridge.rules.loader import Names, load_rules
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
    """Not everything that was expected has been seen."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that runs while the story is told."""

    place: Workspace
    narrator: Narrator
    screen: Screen
    port: int

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


async def tell(*, once: bool) -> bool:
    """Run the demo, without `once` until Ctrl-C; whether everything expected was seen.

    Raises DemoError, alone or in a group, where it cannot go on.
    """
    require_programs()
    screen = Screen()
    complete = False
    with anyio.open_signal_receiver(*_SIGNALS) as signals:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_leave_on, signals, tasks, screen)
            try:
                async with _scene(screen, tasks) as scene:
                    await _perform(scene)
                    complete = True
                    await _farewell(scene, once=once)
            except Incomplete as error:
                screen.say(str(error), "red")
            tasks.cancel_scope.cancel()
    return complete


async def _leave_on(signals: AsyncIterator[signal.Signals], tasks: TaskGroup, screen: Screen) -> None:
    async for _ in signals:
        screen.say("Stopping the daemon and removing the folder.")
        tasks.cancel_scope.cancel()


@asynccontextmanager
async def _scene(screen: Screen, tasks: TaskGroup) -> AsyncIterator[Scene]:
    """Set up, and taken down in reverse. Raises DemoError."""
    chat = Chat(system_clock)
    with _folder(screen) as place, reserved_port() as port:
        screen.say("Buildbridge: from a push to a build to a notice", "bold")
        with screen.working("setting up a Git server, a daemon and a chat robot"):
            await _furnish(place, port, chat, tasks)
            config = load_config(place.config, KINDS, environ)
            rules = load_rules(config.rule_paths, Names.of(config, KINDS))
        log.configure(config.secrets, level="WARNING")
        async with (
            running(place, config, port) as daemon,
            open_store(config.store_url, exclusive=False) as store,
        ):
            narrator = Narrator(Watch(store, chat), rules, screen, lambda: check_alive(daemon))
            yield Scene(place, narrator, screen, port)


async def _furnish(place: Workspace, port: int, chat: Chat, tasks: TaskGroup) -> None:
    """The folder, and the robot that its configuration names."""
    made = {name: secrets.token_hex(32) for name in ("hook", "robot-sign", "api-token")}
    token = secrets.token_hex(32)
    app = robot_app(token=token, secret=made["robot-sign"], clock=system_clock, on_message=chat.take)
    listener = socket.create_server(("127.0.0.1", 0))
    tasks.start_soon(_serve_robot, app, listener)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/robot/send?access_token={token}"
    await place.furnish(port=port, robot_url=url, secrets=made)


async def _serve_robot(app: ASGIApp, listener: socket.socket) -> None:
    with listener:
        await make_server(app, ServerSettings(), grace_seconds=1).serve([listener])


@contextmanager
def _folder(screen: Screen) -> Iterator[Workspace]:
    """A folder that is gone at the end, unless something went wrong."""
    place = make_folder()
    keep = False
    try:
        yield place
    except Exception:
        keep = True
        _show_log(place.log, screen)
        screen.heading("The folder is kept for you to look into")
        screen.facts([("folder", str(place.folder))])
        screen.say()
        raise
    finally:
        if not keep:
            shutil.rmtree(place.folder, ignore_errors=True)


def _show_log(path: Path, screen: Screen) -> None:
    if not path.exists():
        return
    lines = path.read_bytes()[-_MAX_LOG:].decode(errors="replace").splitlines()[-_LOG_LINES:]
    screen.heading("The end of the daemon's log")
    screen.quote(lines)


async def _perform(scene: Scene) -> None:
    """Raises Incomplete with all that was missing."""
    lacking: list[str] = []
    rows = []
    for number, push in enumerate(PUSHES, 1):
        begun, commit, course = await _make(scene, number, push)
        lacking += missing(push, commit, course)
        rows.append(_row(push, begun, course))
        if lacking:
            break
    scene.screen.summary(rows)
    if lacking:
        raise Incomplete("\n".join(("Not everything happened as it should:", *lacking)))
    scene.screen.say("All as it should be: 3 pushes, 3 builds (one failed on purpose), 3 notices.", "green")


async def _make(scene: Scene, number: int, push: Push) -> tuple[float, str, Course | None]:
    """Push, and tell what becomes of it: when it began, its commit, and the end."""
    scene.screen.heading(f"{number}. {push.what}")
    commit, subject = (await scene.place.git("log", "-1", "--format=%H %s", push.ref)).split(" ", 1)
    scene.screen.command(f"git push origin {push.ref}", f"{commit[:8]} {subject}")
    with scene.screen.working(f"following {push.ref}"):
        begun = system_clock()
        said = await scene.place.git("push", "origin", push.ref)
        complaints = [line for line in said.splitlines() if "buildbridge:" in line]
        scene.screen.quote(complaints, "red")
        # What the hook could not tell will not arrive either.
        course = await scene.narrator.follow(begun, _LOST_SECONDS if complaints else PUSH_SECONDS)
    return begun, commit, course


def _row(push: Push, begun: float, course: Course | None) -> tuple[str, ...]:
    builds = course.builds if course else ()
    told = [one for one in (course.told if course else ()) if one.accepted]
    tags = ", ".join(tag for build in builds for tag in build.request.tags)
    return (
        push.ref,
        _LONG_SHA.sub(r"\1…", tags),
        ", ".join(f"#{build.number} {build.state}" for build in builds) or "none",
        ", ".join(one.row.notice.event for one in told) or "nothing",
        ", ".join(f"{(one.accepted.at - begun) * 1000:.0f} ms" for one in told if one.accepted),
    )


async def _farewell(scene: Scene, *, once: bool) -> None:
    """What to do next; without `once` everything stays, and further pushes are told."""
    screen, command = scene.screen, _command()
    if once:
        screen.say(f"Run `{command} demo` without --once to look around in it, and to push yourself.")
        return
    config = shlex.quote(str(scene.place.config))
    screen.heading("It goes on: push yourself, in another terminal, and watch it here")
    screen.facts(
        (
            ("go there", f"cd {shlex.quote(str(scene.place.clone))}"),
            ("a branch", "git commit --allow-empty -m 'Once more' && git push origin main"),
            ("a tag", "git tag -a v1.0.1 -m v1.0.1 && git push origin v1.0.1"),
            ("nothing", "git push origin main:nobody-builds-this"),
        )
    )
    screen.heading("Look around")
    screen.facts(
        (
            ("folder", f"{scene.place.folder}   (bridge.yaml, rules/shop.yaml, bridge.log)"),
            ("health", f"{scene.address}/healthz"),
            ("builds", f"{scene.address}/v1/builds"),
            ("metrics", f"{scene.address}/metrics"),
            ("deliveries", f"{command} --config {config} deliveries list"),
            ("a log", f"{command} --config {config} builds log demo/shop#3"),
        )
    )
    screen.heading("Then your own")
    screen.say("Copy bridge.yaml and rules/ from the folder, change them, and run `buildbridge check`.")
    screen.say()
    with screen.working("waiting for your pushes; Ctrl-C ends the demo and removes its folder"):
        await scene.narrator.listen()


def _command() -> str:
    """How to call us again."""
    called = Path(sys.argv[0])
    return f"{shlex.quote(sys.executable)} -m bridge" if called.name == "__main__.py" else "buildbridge"
