"""What `init` says at its end: what it wrote, what to enter where, and the next steps in order."""

import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
import yaml

from bridge.cli.addition import Addition
from bridge.cli.guides import Code, Guide, preparation
from bridge.cli.questions import is_taken, other_port
from bridge.cli.scaffold import Scaffold, Wanted
from bridge.cli.service_layout import CREDENTIALS, start_commands
from bridge.cli.speech import tell
from bridge.registry import KINDS

_RULE: str = "-" * 72


def report(folder: Path, made: Scaffold, wanted: Wanted, now: int) -> None:
    """Print all of it; the steps come last, where a terminal shows them."""
    _Report(folder, made, wanted, now).print()


class _Report:
    def __init__(self, folder: Path, made: Scaffold, wanted: Wanted, now: int) -> None:
        self._folder = folder
        self._made = made
        self._wanted = wanted
        self._now = now
        here = folder.resolve() == Path.cwd() and made.config == "bridge.yaml"
        self._config = "" if here else f" --config {shlex.quote(str(folder / made.config))}"
        self._service = made.secrets == CREDENTIALS

    def print(self) -> None:
        if self._service:
            click.echo(tell("Written:"))
        else:
            folder = self._folder.resolve()
            click.echo(tell("Written to {folder}, from which all paths here count:", folder=folder))
        for name in self._made.files:
            click.echo(f"  {self._shown(name)}")
        for warning in self._warnings():
            click.echo(warning)
        for page in self._pages():
            text = page.replace("secrets/", f"{self._secrets}/") if self._service else page
            click.echo(f"\n{_RULE}\n{text.strip()}")
        click.echo(f"\n{_RULE}\n{tell('Next, in this order:')}")
        for number, step in enumerate(self._steps(), 1):
            click.echo(f"{number}. {step}")

    @property
    def _secrets(self) -> Path:
        return self._folder / self._made.secrets

    def _shown(self, name: str) -> str:
        """The path of a file as a person reads it: whole, where files lie all over the machine."""
        return str(self._folder / name) if self._service else name

    def _pages(self) -> Iterator[str]:
        wanted = self._wanted
        for one, code in self._made.guides:
            yield one.instructions(wanted.public_url, code)
        prepared = (("builders", wanted.builder), ("channels", wanted.channel))
        for group, kind in prepared:
            if page := preparation(group, kind, wanted.public_url, wanted.language):  # type: ignore[arg-type]
                yield page

    def _warnings(self) -> Iterator[str]:
        host, port = self._wanted.listen
        if self._wanted.public_url.startswith("http://") and host == "127.0.0.1":
            yield tell(
                "Without a reverse proxy before it, set server.host and server.port: they are {host}, "
                "this machine only, and {port}.",
                host=host,
                port=port,
            )
        elif theirs := other_port(self._wanted.public_url, port):
            yield tell(
                "public_url has port {theirs}, and the daemon listens on {port}: that needs a reverse proxy, "
                "or the same server.port.",
                theirs=theirs,
                port=port,
            )
        if is_taken(port):
            yield tell(
                "Port {port} is taken on this machine: end what has it, or set another server.port.",
                port=port,
            )

    def _steps(self) -> Iterator[str]:
        if self._made.to_fill:
            files = tell(" and ").join(map(self._shown, self._made.to_fill))
            yield tell("Put the real values into {files}.", files=files)
        builders = yaml.safe_load(self._made.files[self._made.config].content)["builders"]
        checks = [*self._ours("check", *(f"builders test {name}" for name in builders))]
        if self._service:
            checks.insert(0, f"export CREDENTIALS_DIRECTORY={shlex.quote(str(self._secrets))}")
        yield self._commands("Change what is marked CHANGE, until all is good:", checks)
        yield self._commands("See what a push would do, then start:", [*self._explained(), *self._started()])
        for one, code in self._made.guides:
            yield self._hook(one, code)
        yield self._commands("Push something, and see it arrive:", [*self._ours("deliveries list")])
        look = tell("Look at it in a browser, {page}, and sign in with the token of:", page=self._site)
        yield self._commands(look, [*self._ours("token add me --role admin")])

    @property
    def _site(self) -> str:
        return f"{self._wanted.public_url}/"

    def _commands(self, sentence: str, commands: list[str]) -> str:
        return "\n".join([tell(sentence), *(f"  {command}" for command in commands)])

    def _ours(self, *commands: str) -> Iterator[str]:
        for command in commands:
            yield f"buildbridge {_with(command, self._config)}"

    def _explained(self) -> Iterator[str]:
        for path, sample in self._made.samples.items():
            at = f" --at {datetime.fromtimestamp(self._now, UTC):%Y-%m-%dT%H:%M:%SZ}" if sample.timed else ""
            yield from self._ours(f"explain{at} {shlex.quote(str(self._folder / path))}")

    def _started(self) -> Iterator[str]:
        if not self._service:
            yield from self._ours("serve")
            return
        yield from start_commands(self._folder, local=self._wanted.builder == "local")

    def _hook(self, one: Guide, code: Code) -> str:
        page = _page(one, code, self._wanted.repositories.get(one.kind, ""))
        url = f"{self._wanted.public_url}/hooks/{one.source_name}"
        secret = shlex.quote(str(self._secrets / one.source_name))
        if KINDS.forges[one.kind].by_clone_url:
            first = tell("In the bare repository, set up the hook as the guide above says.")
        elif page is None:
            first = tell(
                "At {kind}, open the webhooks of the repository, as the guide above says:", kind=one.kind
            )
        else:
            first = tell("Open {page}, and enter as the guide above says:", page=page)
        return f"{first}\n  {url}\n  {tell('and as its secret what this prints:')} cat {secret}"


def _page(one: Guide, code: Code, repository: str) -> str | None:
    """The page of the webhooks of a repository, as far as it is known."""
    pages = KINDS.forges[one.kind].pages
    if "://" in repository:
        return pages.of_hooks(pages.of_repository(None, repository.rstrip("/")))
    return pages.of_hooks(pages.of_rule(code.full_name, None))


def _with(command: str, config: str) -> str:
    """The command with the option for the configuration, behind its words."""
    words = command.split(" ")
    count = 2 if words[0] in {"builders", "deliveries", "token"} else 1
    return " ".join(words[:count]) + config + "".join(f" {word}" for word in words[count:])


def report_addition(config: Path, made: Addition) -> None:
    """Print what was added, what to enter where, and what to do next."""
    click.echo(tell("Added to {file}: {name}", file=config, name=made.name))
    for name in made.files:
        click.echo(f"  {config.parent / name}")
    if made.page:
        click.echo(f"\n{_RULE}\n{made.page.strip()}")
    click.echo(f"\n{_RULE}\n{tell('Next, in this order:')}")
    steps = []
    if made.to_fill:
        files = tell(" and ").join(str(config.parent / path) for path in made.to_fill)
        steps.append(tell("Put the real values into {files}.", files=files))
    if made.credentials:
        lines = "".join(f"\n  {line}" for line in made.credentials)
        steps.append(tell("Add to the drop-in credentials.conf of the unit:") + lines)
    check = f"\n  buildbridge check --config {shlex.quote(str(config))}"
    steps.append(tell("Change what is marked CHANGE, until all is good:") + check)
    for number, step in enumerate(steps, 1):
        click.echo(f"{number}. {step}")
