"""A host with an API of webhooks, and a configuration whose source is there."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from support.commands import Done, command
from support.daemon import SECRET, Daemon
from support.fake_hook_hosts import HOSTS
from support.fake_hooks import REPOSITORY, TOKEN, FakeHooks
from support.fake_http import served

PUBLIC: Final = "https://bridge.example.com"
ADDRESS: Final = f"{PUBLIC}/hooks/hub"
KEEPS_SECRET: Final = {"Gitea", "Forgejo", "Gogs"}
RULE: Final = """
namespace: acme
repo_name: {name}
build_config:
  code_repo_client: {kind}
  code_repo_namespace: acme
  code_repo_name: {name}
  tag_configs:
    - {{code_repo_type: branch, code_repo_type_value: main, docker_repo_tag: latest}}
"""


class Site:
    """A host and a configuration whose source `hub` is there."""

    def __init__(self, folder: Path, kind: str, host: FakeHooks, **api: Any) -> None:
        self.host = host
        self.kind = kind
        settings = {"url": host.url, "token": TOKEN, "allow_private": True} | api
        source = {"kind": kind, "secrets": [SECRET, "a-former-secret-of-the-tests"], "api": settings}
        config = {
            "server": {"public_url": PUBLIC},
            "sources": {"hub": source},
            "builders": {"here": {"kind": "dummy"}},
        }
        self.daemon = Daemon(folder, config, {"shop.yaml": RULE.format(kind=kind, name="shop")})

    def run(self, *arguments: str) -> Done:
        done = command("--config", self.daemon.config, "connect", "hub", *arguments)
        for secret in (TOKEN, SECRET):
            assert secret not in done.stdout + done.stderr
        return done

    def add_rule(self, name: str) -> None:
        text = RULE.format(kind=self.kind, name=name)
        (self.daemon.folder / "rules" / f"{name}.yaml").write_text(text)


@contextmanager
def site_of(folder: Path, kind: str, **api: Any) -> Iterator[Site]:
    with served(HOSTS[kind]()) as host:
        host.hooks[REPOSITORY] = [host.of_others()]
        yield Site(folder, kind, host, **api)
