"""A fake Jenkins on loopback: `support.fake_jenkins_core` as a running server."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from support.fake_http import served
from support.fake_jenkins_core import FakeJenkins


@contextmanager
def fake_jenkins(
    token: str = "token-canary-7f3a", tls: ssl.SSLContext | None = None
) -> Iterator[FakeJenkins]:
    """A running server without jobs; `url` ends in a slash."""
    with served(FakeJenkins(token), tls) as jenkins:
        yield jenkins
