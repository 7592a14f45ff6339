"""Where each kind of Git host shows a repository, a commit, a branch and a tag to people."""

import pytest

from bridge.registry import FORGES

SHA = "0123456789abcdef0123456789abcdef01234567"
PAGES = {
    "GitHub": ("commit/{sha}", "tree/feature/x", "tree/v1"),
    "GitLab": ("-/commit/{sha}", "-/tree/feature/x", "-/tree/v1"),
    "Gitee": ("commit/{sha}", "tree/feature/x", "tree/v1"),
    "Gitea": ("commit/{sha}", "src/branch/feature/x", "src/tag/v1"),
    "Forgejo": ("commit/{sha}", "src/branch/feature/x", "src/tag/v1"),
    "Gogs": ("commit/{sha}", "src/feature/x", "src/v1"),
    "TGit": ("commits/{sha}", "tree/feature/x", "tree/v1"),
    "GitCode": ("commit/{sha}", "tree/feature/x", "tree/v1"),
    "Codeup": ("commits/{sha}", "tree/feature/x", "tree/v1"),
    "CodeArts": ("-/commit/{sha}", None, None),
    "Coding": ("commit/{sha}", "tree/feature/x", "tree/v1"),
    "Harness": ("commit/{sha}", None, None),
    "Pagure": ("c/{sha}", "tree/feature/x", "tree/v1"),
    "Bitbucket": ("commits/{sha}", "branch/feature/x", "commits/tag/v1"),
    "BitbucketServer": (
        "commits/{sha}",
        "browse?at=refs/heads/feature/x",
        "browse?at=refs/tags/v1",
    ),
    "AzureDevOps": ("commit/{sha}", "?version=GBfeature/x", "?version=GTv1"),
    "Simple": (None, None, None),
}


@pytest.mark.parametrize("kind", PAGES)
def test_a_push_leads_to_the_pages_of_its_commit_and_its_ref(kind: str) -> None:
    pages = FORGES[kind].traits.pages
    base = "https://git.example.com/acme/shop"
    first = base + pages.front
    made = (
        pages.of_commit(first, SHA),
        pages.of_ref(first, "branch", "feature/x"),
        pages.of_ref(first, "tag", "v1"),
    )
    wanted = [
        None if form is None else base + ("" if form.startswith("?") else "/") + form.format(sha=SHA)
        for form in PAGES[kind]
    ]
    assert list(made) == wanted


def test_names_of_refs_are_escaped() -> None:
    assert (
        FORGES["GitHub"].traits.pages.of_ref("https://x/a/b", "branch", "fix#1?")
        == "https://x/a/b/tree/fix%231%3F"
    )


@pytest.mark.parametrize(
    ("kind", "web_url", "clone_url", "page"),
    [
        (
            "GitHub",
            "https://g.example.com/a/b",
            "https://other.example.com/a/b.git",
            "https://g.example.com/a/b",
        ),
        ("GitHub", None, "https://g.example.com/a/b.git", "https://g.example.com/a/b"),
        ("AzureDevOps", None, "https://org@dev.azure.com/org/p/_git/b", "https://dev.azure.com/org/p/_git/b"),
        ("GitHub", None, "git@g.example.com:a/b.git", None),
        ("Coding", None, "https://e.coding.net/team/p/b.git", None),
        ("BitbucketServer", None, "https://stash.example.com/scm/a/b.git", None),
        ("Gitea", None, None, None),
    ],
)
def test_the_page_of_a_repository_is_what_the_push_says_or_its_clone_url(
    kind: str, web_url: str | None, clone_url: str | None, page: str | None
) -> None:
    assert FORGES[kind].traits.pages.of_repository(web_url, clone_url) == page


def test_a_rule_leads_to_a_page_where_everyone_uses_the_same_host() -> None:
    pages = {kind: forge.traits.pages for kind, forge in FORGES.items()}
    assert pages["Bitbucket"].of_rule("acme/shop", None) == "https://bitbucket.org/acme/shop"
    assert pages["Gitea"].of_rule("acme/shop", None) is None
    assert pages["Simple"].of_rule("", "http://git.example.com/shop.git") == "http://git.example.com/shop"
    assert pages["Simple"].of_rule("", "ssh://git@git.example.com/shop.git") is None
