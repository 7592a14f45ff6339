"""The job for Jenkins that comes with the program: its parameters are ours, and its script builds."""

import os
import re
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from support.builder_contract import request
from support.fake_jenkins_config import DECLARATION, parameters
from support.git import git

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
