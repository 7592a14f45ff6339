"""The import contracts hold, and each of them turns red when it is broken."""

import ast
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Breach:
    """An import that breaks the contract with this id."""

    contract: str
    file: str
    line: str


BREACHES = {
    "a lower package imports a higher one": Breach("layers", "rules/match.py", "import bridge.store"),
    "the store imports a plan": Breach("layers", "store/sqlite/database.py", "import bridge.planning"),
    "the configuration imports the web": Breach("layers", "config/settings.py", "import bridge.web.clients"),
    "the model imports the runtime": Breach("layers", "model/build.py", "import bridge.runtime.clock"),
    "the web imports a service": Breach("layers", "web/receiver.py", "import bridge.services.poller"),
    "a builder imports a channel": Breach("layers", "builders/base.py", "import bridge.channels.base"),
    "a package that has no place": Breach("layers", "attic/__init__.py", ""),
    "a service imports a forge": Breach(
        "adapters-behind-bases", "services/scheduler.py", "import bridge.forges.adapters.github.forge"
    ),
    "a service imports a builder": Breach(
        "adapters-behind-bases", "services/poller.py", "import bridge.builders.jenkins.client"
    ),
    "the web imports a forge's adapter": Breach(
        "adapters-behind-bases", "web/receiver.py", "import bridge.forges.adapters.github.forge"
    ),
    "a command imports a channel": Breach(
        "adapters-behind-bases", "cli/check.py", "import bridge.channels.adapters.mail.channel"
    ),
    "a service imports an engine of the store": Breach(
        "engine-behind-ports", "services/poller.py", "import bridge.store.sqlite.backup"
    ),
    "a service imports statements of the store": Breach(
        "statements-behind-ports", "services/poller.py", "import bridge.store.sql.builds"
    ),
    "a plan imports the store": Breach(
        "planning-is-pure", "planning/builds.py", "import bridge.store.values"
    ),
    "a plan imports a database": Breach("planning-is-pure", "planning/tag_names.py", "import sqlalchemy"),
    "a forge imports another": Breach(
        "forges-independent", "forges/adapters/gitea/forge.py", "import bridge.forges.adapters.github.forge"
    ),
    "a builder imports another": Breach(
        "builders-independent", "builders/local/builder.py", "import bridge.builders.jenkins.client"
    ),
    "a channel imports another": Breach(
        "channels-independent",
        "channels/adapters/wecom/channel.py",
        "import bridge.channels.adapters.mail.channel",
    ),
    "a service imports another": Breach(
        "services-independent", "services/poller.py", "import bridge.services.triggerer"
    ),
}


@pytest.mark.parametrize("name", BREACHES)
def test_a_planted_breach_turns_its_contract_red(name: str, tmp_path: Path) -> None:
    breach = BREACHES[name]
    shutil.copytree(ROOT / "bridge", tmp_path / "bridge", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    file = tmp_path / "bridge" / breach.file
    file.parent.mkdir(exist_ok=True)
    before = file.read_text() if file.exists() else ""
    file.write_text(f"{before}\n{breach.line}\n")
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("lint-imports")),
            *("--contract", breach.contract),
            *("--no-cache", "--no-logo"),
        ],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 broken" in done.stdout


def test_every_contract_has_a_planted_breach() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert {contract["id"] for contract in contracts} == {breach.contract for breach in BREACHES.values()}


def imported(source: str) -> Iterator[str]:
    """The top-level packages that a module imports."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def test_the_model_needs_the_standard_library_only() -> None:
    files = [*(ROOT / "bridge" / "model").glob("*.py"), ROOT / "bridge" / "errors.py"]
    used = {name for file in files for name in imported(file.read_text())}
    assert {"dataclasses", "bridge"} <= used
    assert used <= sys.stdlib_module_names | {"bridge"}
    assert not set(imported("import requests.sessions")) <= sys.stdlib_module_names
