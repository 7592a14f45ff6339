"""Two servers of one kind: which pushes a rule builds, and what is said of the others."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.deliveries import samples
from support.needs import needs_corpus
from support.rules import AT, HEAD, NAMES, push, rules_of, tag_config
from support.stored import document, stored_rules

from bridge.errors import ConfigError
from bridge.forges.request import Request
from bridge.model.event import PushEvent, Repo
from bridge.planning.ref_moves import moves_of
from bridge.registry import FORGES, KINDS
from bridge.rules.explain import evaluate
from bridge.rules.lending import lending, repository_at
from bridge.rules.loader import load_rules
from bridge.rules.sources import SourceFacts, Sources

BOTH = replace(
    NAMES,
    sources=Sources(
        {
            "old": SourceFacts("Gitee"),
            "new": SourceFacts("Gitee", prefers_ssh=True),
            "p": SourceFacts("Simple"),
        }
    ),
)
BOUND = HEAD.replace("code_repo_client: Gitee\n", "code_repo_client: Gitee\n  code_repo_source: new\n")
EVENT = replace(
    push(),
    before="1" * 40,
    repo=Repo(
        full_name="acme/Shop-Web",
        clone_url="https://gitee.com/acme/shop-web.git",
        ssh_url="git@gitee.com:acme/shop-web.git",
    ),
)


def test_a_rule_that_names_a_source_builds_what_is_pushed_there_and_says_why_not_else(tmp_path: Path) -> None:
    found = rules_of(tmp_path, BOUND + tag_config(), BOTH)
    reasons = {
        source: evaluate("Gitee", [EVENT], found, AT, source)[0].reason for source in ("new", "old", None)
    }
    assert reasons == {
        "new": "",
        "old": "acme/shop: builds what is pushed to the source new, and this was pushed to old",
        None: "",
    }


def test_the_refs_of_two_servers_are_two_histories(tmp_path: Path) -> None:
    second = HEAD.replace("repo_name: shop\n", "repo_name: any\n", 1)
    found = rules_of(tmp_path, f"{BOUND}{tag_config()}---{second}{tag_config()}", BOTH)
    moved = {source: moves_of("Gitee", EVENT, found, source) for source in ("new", "old")}
    assert [(one.code, list(one.builders)) for one in moved["new"]] == [
        ("Gitee@new acme/shop-web", [("acme", "shop")]),
        ("Gitee acme/shop-web", [("acme", "any")]),
    ]
    assert [one.code for one in moved["old"]] == ["Gitee acme/shop-web"]
    assert {one.clone_url for one in moved["new"]} == {"git@gitee.com:acme/shop-web.git"}
    assert {one.clone_url for one in moved["old"]} == {"https://gitee.com/acme/shop-web.git"}


def test_a_build_without_a_push_is_of_the_named_source_or_of_the_only_one(tmp_path: Path) -> None:
    for names, head, expected in ((BOTH, BOUND, "new"), (BOTH, HEAD, None), (NAMES, HEAD, "gitee")):
        found = rules_of(tmp_path, head + tag_config(), names)
        (repository,) = found.repositories.values()
        assert found.source_of(repository) == expected


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("nwe", "there is no source nwe of the kind Gitee; did you mean new?"),
        ("p", "there is no source p of the kind Gitee; known are new, old"),
    ],
)
def test_a_source_that_is_none_of_this_kind_is_a_fault(tmp_path: Path, source: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        rules_of(tmp_path, BOUND.replace("source: new", f"source: {source}") + tag_config(), BOTH)
    (fault,) = caught.value.faults
    assert fault.path == "build_config.code_repo_source"
    assert fault.place.startswith(f"{tmp_path}/rules.yaml:6:")
    assert fault.problem == problem


def test_rules_that_leave_the_source_open_are_warned_of_once_for_each_file(tmp_path: Path) -> None:
    for number in range(2):
        documents = [HEAD.replace("repo_name: shop\n", f"repo_name: r{number}-{n}\n", 1) for n in range(3)]
        text = "---".join(
            f"{one}{tag_config()}" for one in (*documents, BOUND.replace("shop\n", f"b{number}\n", 1))
        )
        (tmp_path / f"{number}.yaml").write_text(text)
    found = load_rules([tmp_path], BOTH)
    said = [str(one) for one in found.warnings if "code_repo_source" in one.problem]
    assert [one.partition(": ")[0].removeprefix(f"{tmp_path}/") for one in said] == [
        "0.yaml:5:3",
        "1.yaml:5:3",
    ]
    assert said[0].endswith(
        "builds what is pushed to any of the sources old and new (so do 2 more rules of this file): "
        "name one with code_repo_source, so that pushes are looked for there, too"
    )


def test_the_clone_address_of_a_rule_names_no_other_code_where_its_host_has_names(tmp_path: Path) -> None:
    given = "  code_repo_clone_url: git@mirror.example.com:acme/shop.git\n"
    found = rules_of(tmp_path, HEAD.replace("  tag_configs:\n", f"{given}  tag_configs:\n") + tag_config())
    (match,) = evaluate("Gitee", [EVENT], found, AT, "gitee")[0].matching.matches
    assert match.repository.build_config.code_path == "Acme/shop-web"
    assert match.repository.build_config.code_repository == "Gitee acme/shop-web"


def lent(
    folder: Path, address: str, head: str = HEAD, kind: str = "Gitee", **facts: Any
) -> tuple[str | None, str]:
    """Which source lends for the rule of `head` at this address, and why none does."""
    facts = {"lends": True, "clone_path": FORGES[kind].traits.clone_path, **facts}
    names = replace(NAMES, forges=dict(KINDS.forges), sources=Sources({"hub": SourceFacts(kind, **facts)}))
    found = rules_of(folder, head.replace("Gitee", kind) + tag_config(), names)
    (rule,) = found.repositories.values()
    answer = lending(found, rule, "hub", address)
    return answer.source, answer.why


@pytest.mark.parametrize(
    ("address", "is_lent"),
    [
        ("https://gitee.com/acme/shop-web.git", True),
        ("https://bot@gitee.com/ACME/Shop-Web/", True),
        ("git@gitee.com:acme/shop-web.git", True),
        ("ssh://git@gitee.com:2222/acme/shop-web", True),
        ("https://gitee.com/finance/payroll.git", False),
        ("https://gitee.com/finance/acme/shop-web.git", False),
        ("https://gitee.com/acme/shop-web.wiki.git", False),
        ("https://gitee.com/acme/shop-web/../../finance/payroll.git", False),
        ("https://gitee.com/acme/shop-web%2f..%2f..%2ffinance/payroll.git", False),
        ("git@gitee.com:finance/payroll.git", False),
        ("/srv/git/acme/shop-web.git", False),
        ("", False),
    ],
)
def test_what_a_source_has_is_for_the_repository_of_the_rule_whatever_a_push_names(
    tmp_path: Path, address: str, is_lent: bool
) -> None:
    source, why = lent(tmp_path, address)
    assert (source, why == "") == (("hub", True) if is_lent else (None, False))
    assert lent(tmp_path, address, lends=False) == (source, ""), "there is nothing to be said of"


def test_the_timeline_names_the_other_repository(tmp_path: Path) -> None:
    assert lent(tmp_path, "https://gitee.com/finance/payroll.git")[1] == (
        "the push names another repository, finance/payroll; if it is the one of the rule, give the rule "
        "code_repo_clone_url: no credential of the source was used"
    )


def test_a_rule_in_a_file_may_say_itself_where_its_code_is(tmp_path: Path) -> None:
    url = "https://gitee.com/git/else/where.git"
    head = HEAD.replace("  tag_configs:", f"  code_repo_clone_url: {url}\n  tag_configs:")
    assert lent(tmp_path, url, head) == ("hub", "")
    assert lent(tmp_path, f"{url}/more", head)[0] is None


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("BitbucketServer", "https://git.example.com/scm/acme/shop-web.git"),
        ("BitbucketServer", "ssh://git@git.example.com:7999/acme/shop-web.git"),
        ("Harness", "https://git.example.com/git/acme/shop-web.git"),
        ("AzureDevOps", "https://dev.azure.com/any/Acme/_git/shop-web"),
        ("AzureDevOps", "https://any.visualstudio.com/Acme/_git/shop-web"),
        ("AzureDevOps", "https://git.example.com/tfs/any/Acme/_git/shop-web"),
        ("AzureDevOps", "git@ssh.dev.azure.com:v3/any/Acme/shop-web"),
    ],
)
def test_hosts_whose_addresses_hold_more_than_the_name(tmp_path: Path, kind: str, address: str) -> None:
    assert lent(tmp_path, address, kind=kind) == ("hub", "")
    for other in (address.replace("shop-web", "payroll"), address.replace("cme/", "cme/more/")):
        assert lent(tmp_path, other, kind=kind)[0] is None


def test_the_addresses_of_every_real_host_are_those_of_its_repositories() -> None:
    """But for one that is below a folder of its web server, and one without the colon of SSH."""
    away = set()
    for sample in samples(needs_corpus()):
        for event in sample.forge.parse(Request(sample.headers, sample.body)):
            if isinstance(event, PushEvent):
                urls = filter(None, (event.repo.clone_url, event.repo.ssh_url))
                name, form = event.repo.full_name.lower(), sample.forge.traits.clone_path
                away |= {url for url in urls if (repository_at(url, form) or "").lower() != name}
    assert away == {
        "http://localhost:7990/bitbucket/scm/amuniz/test-repos.git",
        "git@gogs-server/repo-test.git",
    }


def test_rules_that_were_made_by_api_use_it_only_in_the_namespaces_that_the_operator_named(
    tmp_path: Path,
) -> None:
    (tmp_path / "rules.yaml").write_text(HEAD + tag_config())
    own = document(code_repo_clone_url="https://gitee.com/finance/payroll.git")
    for lent_to, source in (
        (frozenset[str](), None),
        (frozenset({"other"}), None),
        (frozenset({"acme"}), "hub"),
    ):
        facts = SourceFacts("Gitee", lends=True, lent_to=lent_to)
        names = replace(NAMES, sources=Sources({"hub": facts}))
        found = load_rules([tmp_path / "rules.yaml"], names, stored_rules(own))
        made, filed = found.repositories["acme", "tool"], found.repositories["acme", "shop"]
        answer = lending(found, made, "hub", "https://gitee.com/finance/payroll.git")
        assert answer.source == source
        assert ("`sources.hub.clone.namespaces` does not name acme" in answer.why) == (source is None)
        assert lending(found, filed, "hub", "https://gitee.com/acme/shop-web.git").source == "hub"
