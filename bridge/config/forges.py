"""What configuration and rules know of a kind of Git host: each adapter says it of its own."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final
from urllib.parse import quote, urlsplit

from pydantic import AfterValidator, ValidationInfo

from bridge.model.event import RefKind


@dataclass(frozen=True, slots=True, kw_only=True)
class WebPages:
    """Where a kind of Git host shows repositories to people; None for a page whose address cannot be known.

    `commit`, `branch` and `tag` are what stands behind the address of a repository, with {} for the commit id
    or the name.
    """

    site: str | None = None
    """The address of the host that everyone uses, where there is one."""
    is_clone_url: bool = False
    """Whether a repository is shown at its clone address, without `.git`."""
    front: str = ""
    """What stands behind the address of a repository on its first page."""
    commit: str | None = None
    branch: str | None = None
    tag: str | None = None
    hooks: str | None = None
    """What stands behind the address of a repository on the page of its webhooks."""

    def of_repository(self, web_url: str | None, clone_url: str | None) -> str | None:
        """The first page of a repository, as its host names it, or else made of the clone address."""
        if web_url is not None or clone_url is None or not self.is_clone_url:
            return web_url
        parts = urlsplit(clone_url)
        if parts.scheme not in {"http", "https"}:
            return None
        # Some hosts put the name of a user into the address.
        page = parts._replace(netloc=parts.netloc.rpartition("@")[2], path=parts.path.removesuffix(".git"))
        return page.geturl()

    def of_rule(self, path: str, clone_url: str | None) -> str | None:
        """The first page of a repository, as far as its rule says it."""
        if clone_url is not None:
            return self.of_repository(None, clone_url)
        return None if self.site is None else f"{self.site}/{quote(path)}"

    def of_hooks(self, page: str | None) -> str | None:
        """The page of the webhooks, else the first one of the repository: `page`."""
        return self._behind(page, self.hooks, "") or page

    def of_commit(self, page: str | None, sha: str) -> str | None:
        """The page of a commit; `page` is the first one of its repository."""
        return self._behind(page, self.commit, sha)

    def of_ref(self, page: str | None, kind: RefKind, name: str) -> str | None:
        """The page of a branch or tag; `page` is the first one of its repository."""
        return self._behind(page, self.branch if kind == "branch" else self.tag, name)

    def _behind(self, page: str | None, form: str | None, name: str) -> str | None:
        if page is None or form is None:
            return None
        return page.rstrip("/").removesuffix(self.front) + form.format(quote(name))


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeApi:
    """Where the API of a kind of Git host is."""

    public: str | None = None
    """The address of the API of the host that everyone uses, where there is one."""
    site: str = ""
    """The name of that host."""
    path: str = ""
    """What stands behind the address of a host of your own."""
    takes_username: bool = False
    """Whether some tokens go with a user name."""

    def base(self, url: str | None) -> str:
        """The address of the API, for what people write: nothing, a host, or the API itself."""
        if self.public and (url is None or urlsplit(url).hostname == self.site):
            return self.public
        address = (url or "").rstrip("/")
        return address if address == self.public or address.endswith(self.path) else address + self.path


PLAIN_PATH: Final = re.compile("(.+)")
USUAL_FORM: Final = "{}.git"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeTraits:
    """How a kind of Git host differs from most others."""

    former_kinds: tuple[str, ...] = ()
    """Words that `bridge.yaml` and rules may still use for this kind, such as a former name of the host."""
    sends_user_name: bool = False
    """Whether it sends a user name beside the secret."""
    spaces_in_names: bool = False
    """Whether names of repositories and namespaces may hold spaces."""
    needs_namespace: bool = True
    """Whether every repository is in a namespace."""
    by_clone_url: bool = False
    """Whether rules name a repository by its clone address: a plain Git server with our hook."""
    pages: WebPages = field(default_factory=WebPages)
    """Where it shows repositories to people."""
    clone_host: str | None = None
    """The address of the host that most use, from which code is fetched, where pages have no such one."""
    clone_path: re.Pattern[str] = PLAIN_PATH
    """What the path of a clone address is as a whole, without `.git`; its groups, joined by slashes, are the
    name of the repository."""
    clone_form: str | None = USUAL_FORM
    """The path of a clone address, `{}` is the name of the repository; None where that does not say it."""
    clone_username: str | None = None
    """A user name that any token goes with; None where it has to be that of the token's owner."""
    api: ForgeApi | None = None
    """Where its API is; None where webhooks are only made by hand."""

    @property
    def public_host(self) -> str | None:
        return self.clone_host or self.pages.site


USUAL = ForgeTraits()


@dataclass(slots=True)
class ForgeContext:
    """The kinds of Git hosts that may be named; handed to pydantic as the validation context."""

    forges: Mapping[str, ForgeTraits] = field(default_factory=dict)


def former_kinds(forges: Mapping[str, ForgeTraits]) -> dict[str, str]:
    """The kinds of today by the former ones."""
    return {former: kind for kind, traits in forges.items() for former in traits.former_kinds}


def forges_of(info: ValidationInfo) -> Mapping[str, ForgeTraits]:
    """The kinds of Git hosts that this validation knows; none where it has no context."""
    return info.context.forges if isinstance(info.context, ForgeContext) else {}


def _kind_of_today(kind: str, info: ValidationInfo) -> str:
    forges = forges_of(info)
    return kind if kind in forges else former_kinds(forges).get(kind, kind)


ForgeKind = Annotated[str, AfterValidator(_kind_of_today)]
"""A kind of Git host under its name of today."""
