"""Rules and pushes, made with as little as a test has to say."""

from pathlib import Path
from typing import Any, Final

from support.kinds import FORGES

from bridge.model.event import Commit, PushEvent, Ref, Repo
from bridge.rules.checking import Names
from bridge.rules.loader import load_rules
from bridge.rules.match import RuleSet
from bridge.rules.sources import SourceFacts, Sources

NAMES: Final = Names(
    builders=("jenkins", "here"),
    channels={"team": "DING_TALK", "mail": "MAIL", "mail2": "MAIL", "message": "MESSAGE"},
    forges=FORGES,
    sources=Sources({"gitee": SourceFacts("Gitee"), "plain": SourceFacts("Simple")}),
)
SHA: Final = "0123456789abcdef0123456789abcdef01234567"
AT: Final = 1735787045.0
"""2025-01-02 03:04:05 UTC."""

HEAD: Final = """
namespace: acme
repo_name: shop
build_config:
  code_repo_client: Gitee
  code_repo_namespace: Acme
  code_repo_name: shop-web
  tag_configs:
"""


def shop_rule(
    url: str,
    branch: str = "main",
    *,
    tag: str = "latest",
    name: str = "shop",
    public: bool = False,
    **more: str,
) -> str:
    """A rule that builds a branch of a plain Git server; `more` are lines of `build_config`."""
    lines = "".join(f"  {key}: {value}\n" for key, value in more.items())
    return f"""
namespace: acme
repo_name: {name}
is_public: {str(public).lower()}
build_config:
  code_repo_client: Simple
  code_repo_clone_url: "{url}"
{lines}  tag_configs:
    - {{code_repo_type: branch, code_repo_type_value: "{branch}", docker_repo_tag: "{tag}"}}
"""


def tag_config(value: str = "master", tag: str = "latest", kind: str = "branch", **more: object) -> str:
    """One line of `tag_configs`."""
    others = "".join(f", {key}: {word}" for key, word in more.items())
    return (
        f"  - {{code_repo_type: {kind}, code_repo_type_value: '{value}', docker_repo_tag: '{tag}'{others}}}\n"
    )


def rules(folder: Path, *tag_configs: str, head: str = HEAD, names: Names = NAMES) -> RuleSet:
    """The rule set of one file with one repository."""
    return rules_of(folder, head + "".join(tag_configs), names=names)


def rules_of(folder: Path, text: str, names: Names = NAMES) -> RuleSet:
    file = folder / "rules.yaml"
    file.write_text(text, encoding="utf-8")
    return load_rules([file], names)


def push(name: str = "master", kind: Any = "branch", **facts: Any) -> PushEvent:
    """A push of a branch or a tag of acme/shop-web."""
    message = facts.pop("message", "a change")
    repo = facts.pop("repo", Repo(full_name="acme/Shop-Web", clone_url="https://gitee.com/acme/shop-web.git"))
    commit = Commit(sha=SHA, message=message)
    return PushEvent(
        event="tag" if kind == "tag" else "push",
        repo=repo,
        ref=Ref(kind, name),
        sha=SHA,
        commit=commit,
        **facts,
    )
