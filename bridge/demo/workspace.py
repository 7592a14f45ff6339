"""The folder of the demo: a repository of a Git server with our hook, a clone, and a configuration."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from subprocess import DEVNULL, STDOUT
from typing import Final

import anyio

from bridge.errors import BridgeError
from bridge.model.language import Language
from bridge.runtime.shipped import shipped

PROGRAMS: Final = ("git", "curl", "openssl")
GIT_SECONDS: Final = 40
_FIRST_COMMIT: Final = 1_750_000_000
_OWNER: Final = {
    # The user's own settings must not change what a later push from this clone does.
    "user.name": "Ada Example",
    "user.email": "ada@example.com",
    "commit.gpgSign": "false",
    "tag.gpgSign": "false",
    "core.hooksPath": os.devnull,
    "advice.detachedHead": "false",
}

_CONFIG: Final = Template("""\
# The configuration of this demo. One for your team looks the same, with its own sources, builders and
# channels; `buildbridge check` reports its faults, and where they are.
server:
  host: 127.0.0.1
  port: $port
  public_url: http://127.0.0.1:$port
store:
  url: sqlite:///./bridge.db                # beside this file
rules: [rules/]
language: $language

sources:                                    # Git hosts that send webhooks to /hooks/<name>
  plain:
    kind: Simple                            # a plain Git server with our post-receive hook
    secrets: [{file: secrets/hook}]

builders:                                   # build systems
  here:
    kind: local                             # on this machine: a program in a fresh checkout
    command: [sh, build.sh]
    protocols: [file]

channels:                                   # where notices go
  team:
    kind: DING_TALK                         # the robot that the demo runs on this machine
    url: {file: secrets/robot-url}
    secret: {file: secrets/robot-sign}
    allow_private: true                     # only because that robot is not on the Internet

api:
  tokens: [{file: secrets/api-token}]
log:
  format: json
""")

_RULES: Final = Template("""\
# What pushes to the shop build. One YAML document is one build repository.
namespace: demo
repo_name: shop
description: the shop of the demo
is_public: true
build_config:
  code_repo_client: Simple
  code_repo_clone_url: "$clone_url"
  builder: here
  image: registry.example.com/demo/shop
  tag_configs:
    - code_repo_type: branch                # main builds :latest, and a version made of the time
      code_repo_type_value: main
      docker_repo_tag: latest
      version_tagging: 1
    - code_repo_type: tag                   # v1.2.3 builds :1.2.3 and :1.2, and the commit id
      code_repo_type_value: "v*"
      docker_repo_tag: "{major}.{minor}.{patch}"
      version_tagging: 2
    - code_repo_type: tag
      code_repo_type_value: "v*"
      docker_repo_tag: "{major}.{minor}"
    - code_repo_type: branch                # feature/x builds :feature-x
      code_repo_type_value: "feature/*"
      docker_repo_tag: "{branch}"
notices:
  - channel: team
    enabled_event_type_names: [buildJobSuccess, buildJobFail]
""")

_BUILD: Final = """\
#!/bin/sh
# The build of the shop: checks its pages and packs them. A real one would make an image.
set -eu
echo "building $IMAGE:${TAGS%%,*} from ${BRANCH:-$TAG}"
for page in pages/*.html; do
    if ! grep -q '</html>' "$page"; then
        echo "error: $page is cut off: it has no </html>"
        exit 1
    fi
    echo "checked $page"
done
cat pages/*.html >shop.html
echo "packed shop.html"
"""
_HISTORY: Final[tuple[tuple[str, str, str], ...]] = (
    ("Check and pack the pages", "build.sh", _BUILD),
    ("Open the shop", "pages/index.html", "<html><h1>The shop</h1></html>\n"),
    ("Tell the opening hours", "pages/hours.html", "<html><p>From 9 to 17</p></html>\n"),
)
_BROKEN: Final = ("Open at night", "pages/hours.html", "<html><p>From 9 to 17, and from 22 to 6</p>\n")
RELEASE: Final = "v1.0.0"
BROKEN_BRANCH: Final = "feature/night"


class DemoError(BridgeError):
    """The demo cannot go on; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """The paths of the demo, all below `folder`, and Git in its clone."""

    folder: Path

    @property
    def remote(self) -> Path:
        """The bare repository that is pushed to."""
        return self.folder / "server" / "shop.git"

    @property
    def clone(self) -> Path:
        return self.folder / "shop"

    @property
    def config(self) -> Path:
        return self.folder / "bridge.yaml"

    @property
    def log(self) -> Path:
        """What the daemon writes to its standard output."""
        return self.folder / "bridge.log"

    def write(self, name: str, text: str, mode: int = 0o644) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode)
        path.write_text(text, "utf-8")

    async def git(self, *arguments: str, at: int | None = None) -> str:
        """Run git in the clone; its output, both streams. `at` dates a commit or tag. Raises DemoError."""
        return await self._git(self.clone, *arguments, at=at)

    async def _git(self, folder: Path, *arguments: str, at: int | None = None) -> str:
        dates = {} if at is None else {"GIT_AUTHOR_DATE": f"{at} +0000", "GIT_COMMITTER_DATE": f"{at} +0000"}
        try:
            with anyio.fail_after(GIT_SECONDS):
                done = await anyio.run_process(
                    ["git", *arguments],
                    cwd=folder,
                    env=self._environment() | dates,
                    stdin=DEVNULL,
                    stderr=STDOUT,
                    check=False,
                )
        except TimeoutError:
            raise DemoError(f"git {arguments[0]} did not end within {GIT_SECONDS} s") from None
        said = done.stdout.decode(errors="replace").strip()
        if done.returncode:
            raise DemoError(f"git {' '.join(arguments)} failed: {said}")
        return said

    def _environment(self) -> dict[str, str]:
        """Nothing of the user's Git configuration, and no proxy between the hook and this machine."""
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder),
            "LC_ALL": "C.UTF-8",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
        }

    async def prepare(
        self, *, language: Language, port: int, robot_url: str, secrets: Mapping[str, str]
    ) -> None:
        """Create all that a daemon on `port` needs. `secrets` has `hook`, `robot-sign` and `api-token`.

        Raises DemoError.
        """
        for name, secret in {**secrets, "robot-url": robot_url}.items():
            self.write(f"secrets/{name}", secret, 0o600)
        self.write("bridge.yaml", _CONFIG.substitute(port=port, language=language))
        self.write("rules/shop.yaml", _RULES.substitute(clone_url=self.remote.as_uri()))
        await self._make_remote(port)
        await self._make_clone()

    async def _make_remote(self, port: int) -> None:
        self.remote.parent.mkdir()
        await self._init(self.remote, "--bare")
        hook = self.remote / "hooks" / "post-receive"
        hook.parent.mkdir(exist_ok=True)
        hook.write_bytes(post_receive())
        hook.chmod(0o755)
        if not os.access(hook, os.X_OK):
            raise DemoError(f"no program may be run in {self.folder}: set TMPDIR to a folder that allows it")
        settings = {
            "bridge.url": f"http://127.0.0.1:{port}/hooks/plain",
            "bridge.secretFile": str(self.folder / "secrets" / "hook"),
            "bridge.fullName": "demo/shop",
            "bridge.cloneUrl": self.remote.as_uri(),
            "core.hooksPath": str(hook.parent),
        }
        await self._configure(self.remote, settings)

    async def _make_clone(self) -> None:
        """The history on main, the tag of the release, and the branch whose build fails; pushes nothing."""
        await self._init(self.clone)
        await self._configure(self.clone, _OWNER)
        await self.git("remote", "add", "origin", str(self.remote))
        for day, commit in enumerate(_HISTORY):
            await self._commit(*commit, at=_FIRST_COMMIT + day * 86400)
        at = _FIRST_COMMIT + len(_HISTORY) * 86400
        await self.git("tag", "--annotate", f"--message=The first release, {RELEASE}", RELEASE, at=at)
        await self.git("checkout", "-q", "-b", BROKEN_BRANCH)
        await self._commit(*_BROKEN, at=at)
        await self.git("checkout", "-q", "main")

    async def _init(self, folder: Path, *options: str) -> None:
        await self._git(
            self.folder, "init", "--quiet", "--template=", "--initial-branch=main", *options, str(folder)
        )

    async def _configure(self, folder: Path, settings: Mapping[str, str]) -> None:
        for name, value in settings.items():
            await self._git(folder, "config", name, value)

    async def _commit(self, message: str, name: str, text: str, *, at: int) -> None:
        self.write(f"shop/{name}", text)
        await self.git("add", "--all")
        await self.git("commit", "--quiet", f"--message={message}", at=at)


def require_programs() -> None:
    """Raises DemoError, in one line that names what is missing."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        names = " and ".join(missing)
        raise DemoError(f"the demo needs {names}: install it, or add it to the PATH")


def make_folder() -> Workspace:
    """A new, private folder. Raises DemoError."""
    try:
        return Workspace(Path(tempfile.mkdtemp(prefix="buildbridge-demo-")).resolve())
    except OSError as error:
        raise DemoError(f"no temporary folder can be made ({error.strerror}): set TMPDIR") from error


def post_receive() -> bytes:
    """Our hook. Raises DemoError."""
    try:
        return shipped("git-hooks/post-receive")
    except FileNotFoundError:
        raise DemoError(
            "the post-receive hook is not part of this installation: install buildbridge again"
        ) from None
