"""What the guide shows works: its pipeline builds what was pushed, and its inputs go with ours."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import yaml
from support.builder_contract import request
from support.git import Origin

from bridge.builders.gitlab_ci.declared import DeclaredPipeline
from bridge.builders.gitlab_ci.order import OURS
from bridge.registry import BUILDERS

GUIDE = BUILDERS.text("gitlab-ci", "guide.en.md")
PIPELINE, WITH_INPUTS, INPUTS, _ = re.findall(r"^```yaml\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


def run(folder: Path, script: str, **environ: str) -> str:
    path = f"{folder.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-euc", script],
        cwd=folder,
        env={**os.environ, **environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_its_pipeline_builds_and_pushes_the_images_of_the_pushed_commit(tmp_path: Path) -> None:
    origin = Origin(tmp_path / "origin")
    pushed = origin.commit({"app/Dockerfile": "FROM scratch\n"})
    origin.commit({"app/Dockerfile": "FROM later\n"})
    origin.push()
    docker = tmp_path / "docker"
    docker.write_text('#!/bin/sh\necho "$@" >> ../calls\n')
    docker.chmod(0o755)
    run(tmp_path, f"git clone -q {origin.url} checkout")
    variables = request(commit=pushed, tags=("latest", "v1"), context="/app", dockerfile="/app").variables()
    job: dict[str, Any] = yaml.safe_load(PIPELINE)["build"]
    run(tmp_path / "checkout", "\n".join(job["script"]), **variables)
    image = "registry.example.com/acme/shop"
    assert (tmp_path / "calls").read_text().splitlines() == [
        f"build -t {image}:latest -t {image}:v1 -f ./app/Dockerfile ./app",
        f"push {image}:latest",
        f"push {image}:v1",
    ]
    assert (tmp_path / "checkout/app/Dockerfile").read_text() == "FROM scratch\n"


def test_its_inputs_go_with_its_pipeline() -> None:
    given = yaml.safe_load(INPUTS)["inputs"]
    declared = DeclaredPipeline.parse(WITH_INPUTS.encode())
    assert declared is not None
    assert list(declared.mistakes(given)) == []
    assert set(declared.inputs) == set(given.values())


def test_it_names_each_variable() -> None:
    assert {name for name in OURS if f"`{name}`" in GUIDE} == OURS
    used = set(re.findall(r"\$\{?([A-Z_]+)", PIPELINE))
    assert used <= OURS | {"CI_PIPELINE_SOURCE"}
