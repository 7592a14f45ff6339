"""The container: its file is built by the real buildah."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from support.commands import command
from support.daemon import DUMMY, running
from support.engines import taken
from support.needs import needs

ROOT = Path(__file__).parents[2]
CONTAINERFILE = ROOT / "deploy" / "Containerfile"
TEXT = CONTAINERFILE.read_text()
COMPOSE = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
STAND_IN = """#!/bin/busybox sh
/bin/busybox mkdir -p /opt/buildbridge/bin /var/lib/apt/lists /var/lib/buildbridge
/bin/busybox ln -sf /bin/python /opt/buildbridge/bin/pip
"""
"""Of a base image that cannot be fetched here: the programs that RUN calls."""


def test_everything_copied_is_there() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", TEXT, re.MULTILINE)
    paths = [path for line in copied for path in line.split()]
    assert "bridge" in paths
    assert not [path for path in paths if not (ROOT / path).exists()]


def test_what_the_package_is_made_of_is_copied() -> None:
    packaging = (ROOT / "pyproject.toml").read_text()
    included = re.findall(r'^"(deploy/[^"]+)" =', packaging, re.MULTILINE)
    assert included
    assert all(str(Path(path).parent) in TEXT for path in included)


@pytest.fixture
def buildah(tmp_path: Path) -> Iterator[list[str]]:
    """The program, with a storage of its own that has the base image."""
    stores = [
        "--root",
        str(tmp_path / "images"),
        "--runroot",
        str(tmp_path / "run"),
        "--storage-driver",
        "vfs",
    ]
    start = [needs("buildah"), *stores]
    busybox = needs("busybox")
    base = tmp_path / "base"
    for folder in ("bin", "etc", "tmp", "usr/bin"):
        (base / folder).mkdir(parents=True)
    (base / "bin/busybox").write_bytes(Path(busybox).read_bytes())
    (base / "bin/busybox").chmod(0o755)
    for name in ("sh", "rm"):
        (base / "bin" / name).symlink_to("busybox")
    for name in ("python", "apt-get", "useradd", "install"):
        (base / "bin" / name).write_text(STAND_IN)
        (base / "bin" / name).chmod(0o755)
    (base / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    (tmp_path / "Base").write_text("FROM scratch\nCOPY base /\n")
    run([*start, "build", "-q", "-f", str(tmp_path / "Base"), "-t", "localhost/base", str(tmp_path)])
    yield start
    run([*start, "rm", "--all"])
    run([*start, "rmi", "--all", "--force"])


def run(arguments: list[str]) -> str:
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_buildah_builds_it_with_its_health_check(buildah: list[str]) -> None:
    words = re.search(r"^# Build:  buildah (build .*?) -t buildbridge \.", TEXT, re.MULTILINE)
    assert words
    of_base = ["--isolation", "chroot", "--build-arg", "BASE=localhost/base", "-q"]
    asked = words[1].replace("deploy/Containerfile", str(CONTAINERFILE)).split()
    run([*buildah, *asked, *of_base, "-t", "buildbridge", str(ROOT)])
    made = json.loads(run([*buildah, "inspect", "--type", "image", "buildbridge"]))["Docker"]["config"]
    assert made["Healthcheck"]["Test"] == ["CMD", "buildbridge", "health"]
    assert (made["Entrypoint"], made["Cmd"]) == (["buildbridge"], ["serve"])
    assert made["User"] == "8088:0"
    assert list(made["Volumes"]) == ["/var/lib/buildbridge"]
    assert "BRIDGE_CONFIG=/etc/buildbridge/bridge.yaml" in made["Env"]


def test_compose_asks_for_what_the_image_has() -> None:
    (service,) = COMPOSE["services"].values()
    assert (ROOT / "deploy" / service["build"]["context"] / service["build"]["dockerfile"]).samefile(
        CONTAINERFILE
    )
    (exposed,) = re.findall(r"^EXPOSE (\d+)$", TEXT, re.MULTILINE)
    assert service["ports"] == [f"127.0.0.1:{exposed}:{exposed}"]
    mounted = [volume.split(":")[1] for volume in service["volumes"]]
    assert mounted == ["/etc/buildbridge", *re.findall(r"^VOLUME (\S+)$", TEXT, re.MULTILINE)]
    assert set(service["secrets"]) == set(COMPOSE["secrets"])
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]


def test_health_says_whether_the_daemon_takes_deliveries(tmp_path: Path) -> None:
    with running(tmp_path, DUMMY, {}) as daemon:
        with taken(daemon.database, seconds=5):
            held_up = daemon.command("health")
        assert (held_up.status, held_up.stdout) == (1, "degraded (store down)\n")
        asked = daemon.command("health")
        assert (asked.status, asked.stdout) == (0, "ok\n")
        daemon.stop()
        gone = daemon.command("health")
    assert gone.status == 1
    assert "no daemon has the store" in gone.stderr
    assert command("--config", tmp_path / "gone.yaml", "health").status == 1
