"""The rules and the configuration that ship must load, together and without a warning."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict
from support.rules import AT, push

from bridge import registry
from bridge.config.kinds import Kinds
from bridge.config.loader import Config, load_config
from bridge.model.event import Repo
from bridge.registry import BUILDERS, CHANNELS
from bridge.rules.checking import Names
from bridge.rules.loader import load_rules
from bridge.rules.match import RuleSet, match_repository

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "deploy/bridge.example.yaml"


class Anything(BaseModel):
    """Adapters check their own settings; here only the names count."""

    model_config = ConfigDict(extra="allow")


KINDS = Kinds(
    forges=registry.KINDS.forges,
    builders=dict.fromkeys(BUILDERS, Anything),
    channels=dict.fromkeys(CHANNELS, Anything),
    contacts=registry.KINDS.contacts,
    template_faults=registry.KINDS.template_faults,
    targets=dict.fromkeys(CHANNELS, lambda _settings: None),
)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """The example with the secrets that it names; those of files are in the environment's place."""
    text = EXAMPLE.read_text(encoding="utf-8").replace("/run/secrets/gitea-webhook", str(tmp_path / "gitea"))
    for name in ("gitea", *re.findall(r"credential: ([a-z-]+)", text)):
        (tmp_path / name).write_text(f"the secret of {name}", encoding="utf-8")
    (tmp_path / "bridge.yaml").write_text(text, encoding="utf-8")
    environ = {
        "CREDENTIALS_DIRECTORY": str(tmp_path),
        "GITEE_WEBHOOK_SECRET": "a-secret-of-the-tests",
        "WECOM_URL": "x",
    }
    return load_config(tmp_path / "bridge.yaml", KINDS, environ)


@pytest.fixture
def shipped(config: Config) -> RuleSet:
    return load_rules([ROOT / "rules"], Names.of(config, KINDS))


def test_the_example_configuration_loads_without_a_warning(config: Config) -> None:
    assert config.warnings == ()
    assert {builder.kind for builder in config.builders.values()} <= set(KINDS.builders)
    assert {channel.kind for channel in config.channels.values()} <= set(KINDS.channels)
    assert {source.kind for source in config.settings.sources.values()} <= set(KINDS.forges)


def test_the_shipped_rules_load_without_a_warning_and_use_several_git_hosts(shipped: RuleSet) -> None:
    assert shipped.warnings == ()
    used = {repository.build_config.code_repo_client for repository in shipped.repositories.values()}
    assert used == {"GitHub", "GitLab", "Gitee", "Gitea", "Simple"}


@pytest.mark.parametrize("file", sorted((ROOT / "rules").iterdir()), ids=lambda file: file.stem)
def test_every_shipped_rule_file_begins_with_what_it_is_for(file: Path) -> None:
    first, second = file.read_text(encoding="utf-8").splitlines()[:2]
    assert file.suffix == ".yaml"
    assert first.startswith("# ")
    assert second.startswith("#")


def images(shipped: RuleSet, host: str, repo: str, name: str, kind: str = "branch") -> list[str]:
    url = "https://git.example.com/tools/backup"
    event = push(name, kind, repo=Repo(full_name=repo, clone_url=url))
    return [f"{match.image}:{tag}" for match in shipped.match(host, event, AT).matches for tag in match.tags]


def test_the_shipped_rules_build_what_their_comments_say(shipped: RuleSet) -> None:
    acme = "registry.example.com/acme"
    assert images(shipped, "Gitee", "acme/shop-web", "feature/login") == [f"{acme}/shop:feature-login"]
    assert images(shipped, "GitHub", "acme/api", "v1.4.2", "tag") == [
        f"{acme}/api:{tag}" for tag in ("1.4.2", "1.4", "1")
    ]
    assert images(shipped, "GitHub", "acme/api", "v2.0.0-rc.1", "tag") == [f"{acme}/api:v2.0.0-rc.1"]
    assert images(shipped, "GitLab", "acme/backend/worker", "release/2024.1") == [
        f"{acme}/worker:2024.1-stable",
        f"{acme}/worker-debug:2024.1-0123456",
    ]
    assert images(shipped, "Simple", "x", "main") == ["tools/backup:latest"]
    assert images(shipped, "Gitea", "lab/notebook", "main") == []


def test_the_nightly_build_is_made_by_its_schedule_and_by_no_push(shipped: RuleSet) -> None:
    docs = shipped.repositories["acme", "docs"]
    (schedule,) = docs.build_config.schedule
    event = push(schedule.branch)
    assert match_repository(docs, event, AT).matches == ()
    (match,) = match_repository(docs, event, AT, by_hand=True).matches
    assert (match.tags, match.version_tagging) == (("nightly",), 1)


@pytest.mark.parametrize(
    ("changed", "built"),
    [
        (("services/cart/main.go",), {"cart"}),
        (("services/mail/main.go", "README.md"), {"mail"}),
        (("libs/money/money.go",), {"cart", "mail"}),
        (("services/cart/README.md", "docs/a.txt"), set()),
        (None, {"cart", "mail"}),
    ],
)
def test_the_shipped_monorepo_builds_what_was_changed(
    shipped: RuleSet, changed: tuple[str, ...] | None, built: set[str]
) -> None:
    event = push("main", repo=Repo(full_name="acme/platform"), changed=changed)
    assert {match.repository.repo_name for match in shipped.match("GitHub", event, AT).matches} == built
