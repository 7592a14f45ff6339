"""What a build may take of the machine: a scope or a control group limits it, or it says that none does."""

import os
import shlex
from pathlib import Path

import pytest
from support.fake_docker import IMAGE, Docker
from support.git import Origin
from support.local_site import LocalSite, built, pushed, request

from bridge.builders.local.limits import Limits, make_fence
from bridge.errors import Permanent
from bridge.model.build import BuildState

NO_EFFECT = "`limits` have no effect"
LIMITS = {"memory": "512MiB", "cpus": 1.5, "pids": 100}
HOLD = {"memory.max": "536870912", "cpu.max": "150000 100000", "pids.max": "100"}
OWN = next(
    (line[3:] for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::")), "/"
).strip("/")


class Manager:
    """A stand-in for systemd-run: `calls` has the arguments of each call, `group` what its scopes hold."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "calls"
        self.group = folder / "groups" / OWN
        self.group.mkdir(parents=True)
        for name, value in HOLD.items():
            (self.group / name).write_text(f"{value}\n")
        program = folder / "bin" / "systemd-run"
        program.parent.mkdir()
        program.write_text(
            f"""#!/bin/sh
            echo "$*" >>{shlex.quote(str(self._log))}
            test ! -e {folder}/refuses || exit 1
            until test "$1" = --; do shift; done; shift
            for each; do
                shift; test "$each" != /sys/fs/cgroup || each={folder}/groups; set -- "$@" "$each"
            done
            exec "$@"
            """
        )
        program.chmod(0o755)
        self.path = f"{program.parent}:{os.environ['PATH']}"
        self._refuses = folder / "refuses"

    def refuse(self) -> None:
        self._refuses.touch()

    def calls(self) -> list[str]:
        return self._log.read_text().splitlines()


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Manager:
    (tmp_path / "manager").mkdir()
    made = Manager(tmp_path / "manager")
    monkeypatch.setenv("PATH", made.path)
    return made


async def test_a_build_is_limited_or_says_that_it_is_not(site: LocalSite, origin: Origin) -> None:
    own = "cat /sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)/pids.max || true"
    now = await built(site.builder(own, limits={"pids": 64}), request(origin, pushed(origin)))
    assert now.state is BuildState.SUCCEEDED
    is_limited = "\n64\n" in site.text()
    assert is_limited == (NO_EFFECT not in site.text())
    assert is_limited == (NO_EFFECT not in now.detail)


async def test_the_command_runs_in_a_scope_with_the_limits_and_its_own_environment(
    site: LocalSite, origin: Origin, manager: Manager
) -> None:
    builder = site.builder("pwd; env; echo '${HOME}' $0; exit 3", limits=LIMITS)
    now = await built(builder, request(origin, pushed(origin)))
    assert (now.state, now.detail) == (BuildState.FAILED, "/bin/sh failed with exit code 3")
    *_, call = manager.calls()
    assert "--scope --quiet --collect" in call
    for limit in ("MemoryMax=536870912", "MemorySwapMax=0", "CPUQuota=150%", "TasksMax=100"):
        assert f" --property={limit} " in call
    assert f"\n{site.state / 'b1' / 'tree'}\n" in site.text()
    assert "XDG_RUNTIME_DIR" not in site.text()
    assert "\n$ /bin/sh -c" in site.text(), "the log shows the command as it is set"


async def test_git_needs_no_scope(site: LocalSite, origin: Origin, manager: Manager) -> None:
    assert (await built(site.builder("true", limits=LIMITS), request(origin, pushed(origin)))).detail == ""
    assert len(manager.calls()) == 2, "one to see whether it works, one for the command"


async def test_what_a_manager_does_not_really_limit_is_told(
    site: LocalSite, origin: Origin, manager: Manager
) -> None:
    (manager.group / "cpu.max").write_text("max 100000\n")
    now = await built(site.builder("true", limits=LIMITS), request(origin, pushed(origin)))
    assert now.state is BuildState.SUCCEEDED
    assert now.detail.startswith(NO_EFFECT)
    assert site.text().count(NO_EFFECT) == 2, "beforehand, and with the result"


async def test_the_test_of_the_builder_says_what_limits_builds(site: LocalSite, manager: Manager) -> None:
    assert (await site.builder("true", limits=LIMITS).test()).endswith("`limits` hold by a scope of systemd")
    manager.refuse()
    assert NO_EFFECT in await site.builder("true", limits=LIMITS).test()
    assert "limits" not in await site.builder("true").test()


async def test_the_daemon_of_docker_has_limits_of_its_own(
    site: LocalSite, origin: Origin, docker: Docker, manager: Manager
) -> None:
    docker.does()
    builder = site.builder(engine="docker", limits=LIMITS)
    now = await built(builder, request(origin, pushed(origin, {"Dockerfile": ""}), image=IMAGE))
    assert now.state is BuildState.SUCCEEDED
    assert now.detail == f"{NO_EFFECT} (the steps run in the daemon of docker: limit that one)"


async def test_a_missing_engine_is_named_before_its_limits(
    site: LocalSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Permanent, match="no program that builds images is installed"):
        await site.builder(engine="podman", limits=LIMITS).test()


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders like those of control groups, the parent of ours delegated; there is no systemd."""
    monkeypatch.setenv("PATH", str(tmp_path))
    root = tmp_path / "groups"
    (root / OWN).mkdir(parents=True)
    (root / "cgroup.controllers").touch()
    (parent(root) / "cgroup.subtree_control").write_text("memory")
    return root


def parent(root: Path) -> Path:
    return (root / OWN).parent if OWN else root


def test_a_delegated_group_gets_the_limits(groups: Path, tmp_path: Path) -> None:
    limits = Limits(memory=512 << 20, cpus=1.5, pids=100)
    fence = make_fence(limits, tmp_path / "b1", None, groups)
    assert fence.folder
    assert fence.folder.parent == parent(groups)
    assert {name: (fence.folder / name).read_text() for name in HOLD} == HOLD
    assert (parent(groups) / "cgroup.subtree_control").read_text() == "+cpu +pids"
    assert make_fence(limits, tmp_path / "b1", None, groups) == fence, (
        "a build that begins again has the same"
    )
    assert make_fence(limits, tmp_path / "b2", None, groups).folder != fence.folder
    swap = fence.folder / "memory.swap.max"
    swap.write_text("max")
    make_fence(limits, tmp_path / "b1", None, groups)
    assert swap.read_text() == "0"
    fence.enter()
    assert (fence.folder / "cgroup.procs").read_text() == "0"


@pytest.mark.parametrize("engine", ["docker", "buildctl"])
def test_what_a_daemon_builds_is_not_said_to_be_limited(groups: Path, tmp_path: Path, engine: str) -> None:
    fence = make_fence(Limits(pids=100), tmp_path / "b1", engine, groups)
    assert (fence.folder, fence.prefix) == (None, ())
    assert fence.means == f"{NO_EFFECT} (the steps run in the daemon of {engine}: limit that one)"


def test_without_a_delegated_group_nothing_is_promised(groups: Path, tmp_path: Path) -> None:
    (parent(groups) / "cgroup.subtree_control").unlink()
    fence = make_fence(Limits(pids=100), tmp_path / "b1", None, groups)
    assert fence.folder is None
    assert "`Delegate` and `DelegateSubgroup`" in fence.missing
    (groups / "cgroup.controllers").unlink()
    assert make_fence(Limits(pids=100), tmp_path, None, groups).missing == (
        f"{NO_EFFECT} (this machine has no control groups of version 2)"
    )
