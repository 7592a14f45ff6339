"""The keys of a rule: one build repository, with the keys of Alauda's build documents."""

import re
from typing import Annotated, Final, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    ModelWrapValidatorHandler,
    ValidationInfo,
    model_validator,
)

from bridge.config.forges import USUAL, ForgeKind, forges_of
from bridge.config.notices import NoticeSetting
from bridge.config.types import Strict, one_of, wrong
from bridge.model.build import OnNewer
from bridge.model.plan import RepositoryKey
from bridge.rules.cron_schedule import Schedule
from bridge.rules.render import BadTemplate, allowed_placeholders, image_problem, parse_text
from bridge.rules.tag_config import TagConfig
from bridge.rules.url import clone_url_problem, normalised_url

SkipMarkers = Literal[True, False, "tags"]

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
"""How namespaces and names of repositories are written."""
_PARAMETER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


def _name(value: str) -> str:
    parts = value.split("/")
    if len(parts) > 1 and all(map(NAME.fullmatch, parts)):
        raise wrong(
            "name", f"must be without a slash: write namespace: {parts[0]} and repo_name: {parts[-1]}"
        )
    if not NAME.fullmatch(value):
        problem = "a name has 1 to 128 letters, digits, '.', '_' or '-', and begins with a letter or digit"
        raise wrong("name", problem)
    return value


def _code_name(value: str, info: ValidationInfo) -> str:
    if "/" in value:
        namespace, _, name = _path_of(value).rpartition("/")
        cure = f"write code_repo_namespace: {namespace} and code_repo_name: {name}"
        raise wrong("name", f"contains a slash: {cure}")
    return _code_path(value, info)


def _path_of(text: str) -> str:
    """What names a repository or namespace at its host, of that or its address."""
    path = text.partition("://")[2].partition("/")[2] if "://" in text else text
    return path.strip("/").removesuffix(".git")


def _code_path(value: str, info: ValidationInfo) -> str:
    kind = info.data.get("code_repo_client", "")
    if forges_of(info).get(kind, USUAL).spaces_in_names:
        return _spaced_path(value, kind)
    if "://" in value:
        raise wrong("name", f"is an address: write its path only, {_path_of(value)}")
    if value != value.strip("/") or "//" in value or re.search(r"[\s\x00-\x1f\x7f]", value):
        raise wrong("name", "must be as in the repository's address: no spaces, no slash at an end")
    return value


def _spaced_path(value: str, kind: str) -> str:
    if value != value.strip(" /") or "//" in value or "%" in value or not value.isprintable():
        raise wrong("name", f"must be as {kind} shows it: My Project, not My%20Project, no slash at an end")
    return value


def _image(value: str) -> str:
    if problem := image_problem(value):
        raise wrong("image", problem)
    return value


def _clone_url(value: str) -> str:
    if problem := clone_url_problem(value):
        raise wrong("clone_url", problem)
    return value


def _parameter(value: str) -> str:
    if not _PARAMETER.fullmatch(value):
        raise wrong(
            "parameter", "a parameter's name has letters, digits and '_', and does not begin with a digit"
        )
    return value


def _value(value: str) -> str:
    try:
        parse_text(value)
    except BadTemplate as error:
        raise wrong("template", str(error)) from None
    return value


Short = Annotated[str, Field(min_length=1, max_length=255)]
CodePath = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_code_path)]
CodeName = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_code_name)]


class BuildConfig(Strict):
    """The code repository, the refs that are built, the builder, and the image."""

    code_repo_client: ForgeKind
    """The kind of Git host."""
    code_repo_namespace: CodePath | None = None
    """The owner of the code repository: user, organisation or group."""
    code_repo_name: CodeName | None = None
    """The name of the code repository."""
    code_repo_clone_url: Annotated[str, Field(max_length=2048), AfterValidator(_clone_url)] | None = None
    """The clone address of the code repository. Simple hosts need it; for others builds fetch from here, and
    not from where the push says."""
    code_repo_source: Short | None = None
    """The name of the source in bridge.yaml: pushes of the same name to other sources build nothing."""
    builder: Short | None = None
    """The name of the builder in bridge.yaml; if left out, the first one."""
    image: Annotated[str, AfterValidator(_image)] | None = None
    """The image without a tag; if left out, namespace/repo_name."""
    parameters: Annotated[
        dict[
            Annotated[str, AfterValidator(_parameter)],
            Annotated[str, Field(max_length=8192), AfterValidator(_value)],
        ],
        Field(max_length=100, default_factory=dict),
    ]
    """Additional parameters for the builder; values may contain the placeholders of a tag; {{ is a brace."""
    skip_markers: Annotated[SkipMarkers, one_of(True, False, "tags")] = True
    """Whether [skip ci], [ci skip] or [no ci] in the head commit's message keeps a push from being built:
    true, false, or tags, where tags are built all the same."""
    on_newer: OnNewer = "queue"
    """What a newer push does to older builds of its branch: nothing, cancel waiting ones, or cancel all."""
    concurrency: Annotated[int, Field(ge=1, le=1000)] | None = None
    """How many builds of this repository the builder may have at once."""
    tag_configs: Annotated[tuple[TagConfig, ...], Field(strict=False, min_length=1, max_length=100)]
    """Which refs are built, and with which tags."""
    schedule: Annotated[tuple[Schedule, ...], Field(strict=False, max_length=20)] = ()
    """Cron schedules: builds at fixed times, also without a push."""
    build_node: str | None = None
    """Accepted for documents of other systems; has no effect."""
    email_enabled: bool | None = None
    """Accepted for documents of other systems; mail is a channel under notices."""

    _written: str = ""

    @model_validator(mode="wrap")
    @classmethod
    def _keeps_the_word(cls, data: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        made = handler(data)
        if isinstance(data, dict):
            made._written = data["code_repo_client"]  # noqa: SLF001  # it is of this class
        return made

    @model_validator(mode="after")
    def _names_the_code(self, info: ValidationInfo) -> "BuildConfig":
        kind = self.code_repo_client
        traits = forges_of(info).get(kind, USUAL)
        named = (self.code_repo_namespace, self.code_repo_name)
        if traits.by_clone_url:
            if self.code_repo_clone_url is None:
                raise wrong(
                    "code", f"code_repo_clone_url is missing: it names the repository of a {kind} host"
                )
            if any(named):
                raise wrong(
                    "code", f"a {kind} host has code_repo_clone_url only: leave namespace and name out"
                )
        elif absent := self._absent(traits.needs_namespace):
            raise wrong("code", f"{absent} is missing: it names the repository at {kind}")
        return self

    def _absent(self, needs_namespace: bool) -> str | None:
        if self.code_repo_namespace is None and needs_namespace:
            return "code_repo_namespace"
        return "code_repo_name" if self.code_repo_name is None else None

    def knows_branch(self, name: str) -> bool:
        """Whether a tag configuration matches the branch, active or not."""
        return any(
            config.code_repo_type == "branch" and config.refs.match(name) is not None
            for config in self.tag_configs
        )

    @property
    def placeholders(self) -> frozenset[str]:
        """The placeholders that parameters may contain: those with a value in one of the builds."""
        found = [
            allowed_placeholders(config.code_repo_type, config.refs.all_groups) for config in self.tag_configs
        ]
        return frozenset().union(*found)

    @property
    def client_as_written(self) -> str:
        """The kind of Git host by the word of the rule, which may be a former one."""
        return self._written or self.code_repo_client

    @property
    def code_path(self) -> str | None:
        """The name of the code repository at its Git host; None where only its clone address names it."""
        return None if self.code_repo_name is None else self.code

    @property
    def code(self) -> str:
        """The name of the code repository at its Git host, or its clone address."""
        named = filter(None, (self.code_repo_namespace, self.code_repo_name))
        return "/".join(named) or self.code_repo_clone_url or ""

    @property
    def code_key(self) -> str:
        """The key of the code repository among those of its kind of host."""
        if self.code_repo_name is None:
            return normalised_url(self.code) or ""
        return self.code.lower()

    @property
    def code_repository(self) -> str:
        """The key of the code repository among those of all hosts."""
        source = "" if self.code_repo_source is None else f"@{self.code_repo_source}"
        return f"{self.code_repo_client}{source} {self.code_key}"


class BuildRepository(Strict):
    """A rule: one image repository, and what is built for it.

    Without `notices`, the default ones of `bridge.yaml` hold; an empty list means none.
    """

    namespace: Annotated[str, AfterValidator(_name)]
    """The namespace of the image repository."""
    repo_name: Annotated[str, AfterValidator(_name)]
    """The name of the image repository."""
    description: Annotated[str, Field(max_length=1024)] = ""
    """A description in one line."""
    full_description: Annotated[str, Field(max_length=65536)] = ""
    """A longer description."""
    is_public: bool = False
    """Whether everyone may see its builds."""
    build_config: BuildConfig
    """The code repository, the refs that are built, the builder, and the image."""
    notices: Annotated[tuple[NoticeSetting, ...], Field(strict=False, max_length=100)] | None = None
    """The notices; if left out, the default ones of bridge.yaml; an empty list means none."""

    @model_validator(mode="after")
    def _has_an_image(self) -> "BuildRepository":
        if self.build_config.image is None and (problem := image_problem(self.image)):
            raise wrong("image", f"the image {self.image} {problem}; or give build_config.image")
        return self

    @property
    def image(self) -> str:
        """The image's repository path, without a tag."""
        return self.build_config.image or f"{self.namespace}/{self.repo_name}"

    @property
    def path(self) -> str:
        return f"{self.namespace}/{self.repo_name}"

    @property
    def key(self) -> RepositoryKey:
        return self.namespace, self.repo_name
