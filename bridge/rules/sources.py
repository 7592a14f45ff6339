"""What rules know of the sources of `bridge.yaml`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from bridge.config.forges import PLAIN_PATH, USUAL_FORM
from bridge.model.event import Repo


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """The kind of Git host, and whether its code is rather fetched over SSH.

    `lends` says whether it has something for private code; rules that were made by API may use that only in
    the namespaces `lent_to`. `clone_path` and `clone_form` are as in the traits of the kind. `host` is the
    address of the Git host, as far as the configuration says it, and `polled` whether pushes are only found.
    """

    kind: str
    prefers_ssh: bool = False
    lends: bool = False
    lent_to: frozenset[str] = frozenset()
    clone_path: re.Pattern[str] = PLAIN_PATH
    clone_form: str | None = USUAL_FORM
    host: str | None = None
    polled: bool = False


class Sources:
    """The sources of a configuration, by their names."""

    def __init__(self, facts: Mapping[str, SourceFacts]) -> None:
        self._facts = facts
        self._by_kind: dict[str, list[str]] = {}
        for name, one in facts.items():
            self._by_kind.setdefault(one.kind, []).append(name)

    @property
    def names(self) -> tuple[str, ...]:
        """Those of all, in the order of the file."""
        return tuple(self._facts)

    def facts(self, source: str) -> SourceFacts | None:
        return self._facts.get(source)

    def of_kind(self, kind: str) -> tuple[str, ...]:
        """The names of those of a kind, in the order of the file."""
        return tuple(self._by_kind.get(kind, ()))

    def only(self, kind: str) -> str | None:
        """The one of a kind; None where there are several, or none."""
        names = self._by_kind.get(kind, ())
        return names[0] if len(names) == 1 else None

    def made_address(self, source: str, path: str | None) -> str | None:
        """The clone address of a repository, by its name at the host; None where that does not say it."""
        facts = self._facts.get(source)
        if facts is None or facts.host is None or facts.clone_form is None or path is None:
            return None
        # Over SSH those hosts have other paths and ports.
        if facts.prefers_ssh and facts.clone_form != USUAL_FORM:
            return None
        return f"{facts.host}/{facts.clone_form.format(quote(path))}"

    def address(self, source: str, repo: Repo) -> str | None:
        """Where to fetch what was pushed at this source."""
        facts = self._facts.get(source)
        first, second = repo.clone_url, repo.ssh_url
        if facts is not None and facts.prefers_ssh:
            first, second = second, first
        return first or second
