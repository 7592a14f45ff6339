"""The job for Jenkins that comes with the program: its parameters are ours, and its script builds."""

import base64
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from support.builder_contract import request
from support.fake_http import FakeServer, Reply, served
from support.fake_jenkins_config import DECLARATION, parameters
from support.git import git, serve_http

FOLDER = Path(__file__).parents[2] / "deploy" / "jenkins"
CONFIG = (FOLDER / "config.xml").read_bytes()
PIPELINE = (FOLDER / "Jenkinsfile").read_text()
DOCKER = """#!/bin/sh
echo "docker $*" >> "$CALLS"
"""


def test_the_job_declares_what_a_build_has() -> None:
    names = list(request().variables())
    assert [parameter.name for parameter in parameters(CONFIG)] == names
    assert re.findall(r"string\(name: '(\w+)'", PIPELINE) == names


def freestyle() -> str:
    return ET.fromstring(CONFIG.removeprefix(DECLARATION)).findtext("./builders/*/command", "")


def pipeline() -> str:
    return "".join(f"({script})\n" for script in re.findall(r"sh '''(.*?)'''", PIPELINE, re.DOTALL))


@pytest.mark.parametrize("script", [freestyle(), pipeline()], ids=["config.xml", "Jenkinsfile"])
@pytest.mark.parametrize(
    ("context", "dockerfile", "found"),
    [("/", "/", "./Dockerfile"), ("/web", "/web/", "./web/Dockerfile"), ("/", "/web/Other", "./web/Other")],
)
def test_the_script_builds_the_commit_under_all_its_tags(
    tmp_path: Path, script: str, context: str, dockerfile: str, found: str
) -> None:
    origin, work, programs = (tmp_path / name for name in ("origin", "work", "bin"))
    for folder in (origin / "web", work, programs):
        folder.mkdir(parents=True)
    (programs / "docker").write_text(DOCKER)
    (programs / "docker").chmod(0o755)
    git(origin, "init", "-q")
    for name in ("Dockerfile", "web/Dockerfile", "web/Other"):
        (origin / name).write_text("FROM scratch\n")
    git(origin, "add", ".")
    git(origin, "commit", "-qm", "the one that is built")
    commit = git(origin, "rev-parse", "HEAD").strip()
    (origin / "Dockerfile").unlink()
    git(origin, "commit", "-qam", "a newer one")
    (work / "left-over").touch()
    values = {"REPO_URL": str(origin), "COMMIT": commit, "IMAGE": "registry.example.com/acme/shop"}
    values |= {"TAGS": "latest,v1", "CONTEXT": context, "DOCKERFILE": dockerfile}
    path = f"{programs}:{os.environ['PATH']}"
    calls = tmp_path / "calls"
    for _ in range(2):
        calls.write_text("")
        subprocess.run(
            ["/bin/sh", "-xe"],
            input=script,
            text=True,
            cwd=work,
            env={**os.environ, **values, "PATH": path, "CALLS": str(calls)},
            check=True,
            capture_output=True,
        )
    image = values["IMAGE"]
    assert calls.read_text().splitlines() == [
        f"docker build -t {image}:latest -t {image}:v1 -f {found} .{context}",
        f"docker push {image}:latest",
        f"docker push {image}:v1",
    ]
    assert git(work, "rev-parse", "HEAD").strip() == commit
    assert not (work / "left-over").exists()


USER, SECRET, REGISTRY_SECRET = "git-bot", "canary-of-git-5c1", "canary-of-registry-9e2"
SIGNED = """#!/bin/sh
echo "$DOCKER_CONFIG docker $*" >> "$CALLS"
if [ "$1" = login ]; then cat > "$DOCKER_CONFIG/config.json"; cp -r "$DOCKER_CONFIG" "$KEPT"; fi
if [ "$1" = push ] && [ -n "$FAILS" ]; then exit 7; fi
"""
WATCHED = """#!/bin/sh
echo "git $*" >> "$CALLS"
exec "$GIT" "$@"
"""


@pytest.mark.parametrize("fails", ["", "push"])
def test_the_credentials_that_jenkins_binds_are_used_and_neither_logged_nor_given_as_arguments(
    tmp_path: Path, fails: str
) -> None:
    origin, work, programs, temporary = (tmp_path / name for name in ("shop", "work", "bin", "tmp"))
    for folder in (origin, work, programs, temporary):
        folder.mkdir()
    for name, text in (("docker", SIGNED), ("git", WATCHED)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    git(origin, "init", "-q")
    (origin / "Dockerfile").write_text("FROM scratch\n")
    git(origin, "add", ".")
    git(origin, "commit", "-qm", "the one that is built")
    calls, kept, heard = tmp_path / "calls", tmp_path / "kept", list[str]()
    with serve_http(tmp_path, user=USER, password=SECRET, heard=heard) as url:
        values = {
            "REPO_URL": f"{url}/shop/.git",
            "COMMIT": git(origin, "rev-parse", "HEAD").strip(),
            "IMAGE": "registry.example.com:5000/acme/shop",
            "TAGS": "latest",
            "CONTEXT": "/",
            "DOCKERFILE": "/",
            "GIT_USERNAME": USER,
            "GIT_PASSWORD": SECRET,
            "REGISTRY_USERNAME": "registry-bot",
            "REGISTRY_PASSWORD": REGISTRY_SECRET,
            "TMPDIR": str(temporary),
            "HOME": str(tmp_path),
            "GIT": str(shutil.which("git")),
            "CALLS": str(calls),
            "KEPT": str(kept),
            "FAILS": fails,
        }
        done = subprocess.run(
            ["/bin/sh", "-xe"],
            input=freestyle(),
            text=True,
            cwd=work,
            env={**os.environ, **values, "PATH": f"{programs}:{os.environ['PATH']}"},
            capture_output=True,
            check=False,
        )
    assert done.returncode == (7 if fails else 0), done.stderr
    assert base64.b64encode(f"{USER}:{SECRET}".encode()).decode() in " ".join(heard)
    assert (kept / "config.json").read_text().strip() == REGISTRY_SECRET
    lines = calls.read_text().splitlines()
    (place,) = {line.partition(" docker ")[0] for line in lines if " docker " in line}
    assert Path(place).parent == temporary
    assert list(temporary.iterdir()) == [], "nothing of it stays"
    (login,) = (line.partition(" docker ")[2] for line in lines if " docker login" in line)
    assert login == "login -u registry-bot --password-stdin registry.example.com:5000"
    everything = done.stdout + done.stderr + calls.read_text()
    for secret in (SECRET, REGISTRY_SECRET):
        assert secret not in everything
        assert base64.b64encode(secret.encode()).decode().rstrip("=")[:-1] not in everything
    assert not (work / ".git" / "config").read_text().count(SECRET)


class Elsewhere(FakeServer):
    """A server that leads on to another one."""

    to = ""

    def handle(
        self, method: str, target: str, body: bytes, headers: Mapping[str, str]
    ) -> Reply:  # of the base
        return Reply(302, {"Location": self.to + target})


def test_no_other_host_gets_the_credentials_of_the_repository(tmp_path: Path) -> None:
    heard: list[str] = []
    with serve_http(tmp_path, user=USER, password=SECRET, heard=heard) as url, served(Elsewhere()) as first:
        first.to = url
        values = {"REPO_URL": f"{first.url}shop", "COMMIT": "1" * 40, "IMAGE": "acme/shop", "TAGS": "latest"}
        bound = {"GIT_USERNAME": USER, "GIT_PASSWORD": SECRET, "GIT_TERMINAL_PROMPT": "0"}
        done = subprocess.run(
            ["/bin/sh", "-xe"],
            input=freestyle(),
            text=True,
            cwd=tmp_path,
            env={**os.environ, **values, **bound, "HOME": str(tmp_path)},
            capture_output=True,
            check=False,
        )
    assert first.requests
    assert done.returncode
    assert "could not read Username" in done.stderr, "the other server asked for it"
    assert heard == []
