"""What the repositories of a run push, by a seed: what no rule builds, refs built once, and moving ones."""

import hashlib
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from support.sending import push_body

HOST: Final = "https://git.example.com/acme"
BUILDERS: Final = ("ci-a", "ci-b")
"""Two builders, so that one's trouble can be seen not to be the other's."""
ROBOTS: Final = ("team-a", "team-b")
_SEEN: Final = 50
"""So many repositories have no rule."""
_LINES: Final = 3
"""So many refs of each repository move again and again."""
_ZERO: Final = "0" * 40


@dataclass(frozen=True, slots=True)
class Repository:
    """One that a rule builds.

    `on_newer` is what a newer push does to older builds of its ref; "" where each ref is pushed once.
    """

    name: str
    builder: str
    robot: str
    on_newer: str = ""

    @property
    def rule(self) -> str:
        newer = f"\n  on_newer: {self.on_newer}" if self.on_newer else ""
        return f"""
namespace: acme
repo_name: {self.name}
build_config:
  code_repo_client: Simple
  code_repo_clone_url: {HOST}/{self.name}.git
  builder: {self.builder}{newer}
  tag_configs:
    - {{code_repo_type: branch, code_repo_type_value: "**", docker_repo_tag: "{{branch}}"}}
notices:
  - channel: {self.robot}
    notice_type: DING_TALK
    enabled_event_type_names: [buildJobSuccess, buildJobFail, buildJobStop]
    only: always
"""


REPOSITORIES: Final[Mapping[str, Repository]] = {
    one.name: one
    for one in (
        Repository("once", "ci-a", "team-a"),
        Repository("cancel", "ci-a", "team-b", "cancel"),
        Repository("skip", "ci-b", "team-a", "skip_waiting"),
        Repository("queue", "ci-b", "team-b", "queue"),
    )
}


@dataclass(frozen=True, slots=True)
class Push:
    """One push; `number` counts all of the run, so that of one ref's pushes the highest is the newest."""

    number: int
    key: str
    repository: str
    ref: str
    before: str
    sha: str

    @property
    def is_built(self) -> bool:
        return self.repository in REPOSITORIES

    @property
    def body(self) -> bytes:
        url = f"{HOST}/{self.repository}.git"
        named = {"full_name": f"acme/{self.repository}", "clone_url": url}
        return push_body(url, self.ref, self.sha, before=self.before, repository=named)


def pushes(seed: int, built_share: float) -> Iterator[Push]:
    """Pushes without end; such a share of them is built."""
    chance = random.Random(seed)
    tips: dict[tuple[str, str], str] = {}
    number = 0
    while True:
        number += 1
        if chance.random() >= built_share:
            name, branch = f"seen-{chance.randrange(_SEEN)}", f"b-{number}"
        else:
            found = chance.choice(tuple(REPOSITORIES.values()))
            name = found.name
            branch = f"line-{chance.randrange(_LINES)}" if found.on_newer else f"b-{number}"
        place = name, f"refs/heads/{branch}"
        sha = hashlib.sha1(f"{seed}-{number}".encode(), usedforsecurity=False).hexdigest()
        yield Push(number, f"push-{seed}-{number}", *place, tips.get(place, _ZERO), sha)
        if name in REPOSITORIES and REPOSITORIES[name].on_newer:
            tips[place] = sha
