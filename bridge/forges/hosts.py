"""Which Git host a request comes from, told by its headers alone.

Several hosts send the headers of those they grew out of: Forgejo also Gitea's, Gogs's and GitHub's, Gitea
Gogs's and GitHub's, Gogs GitHub's, Tencent's GitLab's. So the order of the table decides.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from bridge.errors import BadSignature

_MARKS: Final[tuple[tuple[str, frozenset[str]], ...]] = (
    ("forgejo", frozenset({"x-forgejo-event"})),
    ("gitea", frozenset({"x-gitea-event"})),
    ("gogs", frozenset({"x-gogs-event"})),
    ("gitee", frozenset({"x-gitee-event"})),
    ("gitee", frozenset({"x-git-oschina-event"})),
    ("gitcode", frozenset({"x-gitcode-event"})),
    ("codeup", frozenset({"x-codeup-event"})),
    ("codeup", frozenset({"codeup-event"})),
    ("codearts", frozenset({"x-devcloud-event"})),
    ("codearts", frozenset({"x-codehub-event"})),
    ("coding", frozenset({"x-coding-event"})),
    ("tgit", frozenset({"x-event", "x-gitlab-event"})),
    ("gitlab", frozenset({"x-gitlab-event"})),
    ("bitbucket-cloud", frozenset({"x-event-key", "x-hook-uuid"})),
    ("bitbucket-cloud", frozenset({"x-event-key", "x-request-uuid"})),
    ("bitbucket-server", frozenset({"x-event-key", "x-request-id"})),
    ("harness", frozenset({"x-harness-trigger"})),
    ("pagure", frozenset({"x-pagure-topic"})),
    ("github", frozenset({"x-github-event"})),
    ("simple", frozenset({"webhook-id", "webhook-signature"})),
)
_ALL: Final = frozenset().union(*(marks for _, marks in _MARKS))


def host_of(headers: Mapping[str, str]) -> str | None:
    """The id of the host that sends such headers, or None."""
    return _host(_ALL.intersection(headers))


@lru_cache(maxsize=64)
def _host(present: frozenset[str]) -> str | None:
    return next((host for host, marks in _MARKS if marks <= present), None)


def refuse_others(headers: Mapping[str, str], host: str) -> None:
    """Raise BadSignature for the headers of another host than `host`.

    Else a sender could pick the weakest scheme that shares the secret.
    """
    found = host_of(headers)
    if found not in {None, host}:
        raise BadSignature(f"these are the headers of {found}, but this source is {host}")
