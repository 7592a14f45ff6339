import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.rules.url import normalised_url


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("HTTPS://User:pw@Git.Example.com:443/A/b.git/", "https://git.example.com/A/b"),
        ("http://git.example.com:8080/b", "http://git.example.com:8080/b"),
        ("ssh://git@git.example.com:22/b.git", "ssh://git.example.com/b"),
        ("ssh://git@git.example.com:23/b", "ssh://git.example.com:23/b"),
        ("http://git.example.com:80/b", "http://git.example.com/b"),
        ("git://git.example.com:9418/b", "git://git.example.com/b"),
        ("git@Git.example.com:a/b.git", "ssh://git.example.com/a/b"),
        ("git.example.com:/srv/git/b.git", "ssh://git.example.com/srv/git/b"),
        ("/srv/git/b.git/", "file:///srv/git/b"),
        ("file:///srv/git/b", "file:///srv/git/b"),
        ("git://[::1]/b", "git://[::1]/b"),
    ],
)
def test_a_clone_address_is_brought_into_one_form(url: str, normal: str) -> None:
    assert normalised_url(url) == normal


@pytest.mark.parametrize(
    "url",
    [
        "", "shop", "https://", "https://git.example.com", "https://git.example.com:x/a", "https://[::1/a",
        "a b:c",
        "ext::sh", "--upload-pack=x:y", "-x@host:path", "fd::3",
        "javascript://a/b", "https://a/" + "b" * 2048,
        "https://a/b\n", ".git", "/",
    ],
)  # fmt: skip
def test_what_is_no_clone_address_is_turned_away(url: str) -> None:
    assert normalised_url(url) is None


@given(st.text(alphabet="htps:/@.gi-[]1 a~\u3002", max_size=40))
def test_what_is_normal_stays_as_it_is(url: str) -> None:
    normal = normalised_url(f"https://host/{url}")
    assert normal is None or normalised_url(normal) == normal
