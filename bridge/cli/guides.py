"""The guides of Git hosts, builders and channels for a first configuration: what to paste where.

The guide of a Git host holds two blocks of YAML: the source for `bridge.yaml` and a first rule. Beside it
stands a sample push as an HTTP request, in which `$names` are filled in.
"""

import base64
import hmac
import json
import re
from dataclasses import dataclass
from string import Template
from typing import Final

import yaml

from bridge.cli.speech import tell
from bridge.model.language import Language
from bridge.registry import ADAPTERS, FORGE_ADAPTERS
from bridge.runtime.topics import Group, adapter_topic

EXAMPLE_URL: Final = "https://bridge.example.com"
"""The `server.public_url` of the guides."""
_SAMPLE_ID: Final = "sample-push"
_NAMES: Final = ("namespace", "name", "full_name", "clone_url")
_BLOCK: Final = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CONFIGURATION: Final = re.compile(r"^## (?:Configuration|配置)\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_MISTAKES: Final = re.compile(r"^## (?:Common mistakes|常见错误)\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Code:
    """A repository at its host; `clone_url` names it at a host without namespaces."""

    namespace: str
    name: str
    clone_url: str

    @property
    def full_name(self) -> str:
        return "/".join(filter(None, (self.namespace, self.name)))


@dataclass(frozen=True, slots=True)
class Sample:
    """A push that can be explained; `headers` are `Name: value` lines."""

    headers: str
    body: str
    timed: bool
    """Whether its signature holds for a while only."""


@dataclass(frozen=True, slots=True)
class Guide:
    """The guide of one kind of Git host, in Markdown."""

    kind: str
    text: str

    @property
    def source(self) -> str:
        """The `sources:` of a configuration, as YAML."""
        return self._block(0)

    @property
    def rule(self) -> str:
        """A first rule, as YAML."""
        return self._block(1)

    def _block(self, index: int) -> str:
        return str(_BLOCK.findall(self.text)[index])

    @property
    def source_name(self) -> str:
        return str(next(iter(yaml.safe_load(self.source)["sources"])))

    @property
    def code(self) -> Code:
        """The repository of the rule."""
        config = yaml.safe_load(self.rule)["build_config"]
        url = config.get("code_repo_clone_url", "")
        parts = url.removesuffix(".git").split("/")[-2:] if url else ["", ""]
        namespace = config.get("code_repo_namespace", parts[0])
        return Code(namespace, config.get("code_repo_name", parts[1]), url)

    def instructions(self, public_url: str, code: Code) -> str:
        """What a person has to do, for this bridge and this repository; less what `init` writes itself."""
        text = _CONFIGURATION.sub("", self.text).replace(EXAMPLE_URL, public_url)
        example = self.code
        if example.clone_url:
            text = text.replace(example.clone_url, code.clone_url)
        return text.replace(example.full_name, code.full_name)

    def sample(self, code: Code, secret: str, now: int) -> Sample:
        """A push of the branch main of this repository, signed with the secret."""
        text = FORGE_ADAPTERS.text(self.kind, "sample.http")
        head, _, body = text.partition("\n\n")
        named = {name: json.dumps(getattr(code, name))[1:-1] for name in _NAMES}
        body = Template(body).substitute(named, id=_SAMPLE_ID)
        headers = Template(head).substitute(named, **_proofs(secret.encode(), body.encode(), now))
        return Sample(headers, body, timed="$now" in head)


def guide(kind: str, language: Language = "en") -> Guide:
    """The guide of a kind of Git host. Raises FileNotFoundError with what to create."""
    topic = adapter_topic("hosts", ADAPTERS["hosts"].folder(kind))
    return Guide(kind, topic.text(language) if topic.is_there else FORGE_ADAPTERS.text(kind, "guide.en.md"))


def preparation(group: Group, kind: str, public_url: str, language: Language) -> str:
    """What to prepare at a build system or for a channel; "" without a guide.

    Mistakes are for later, and the configuration is what `init` writes itself.
    """
    topic = adapter_topic(group, ADAPTERS[group].folder(kind))
    if not topic.is_there:
        return ""
    text = _MISTAKES.sub("", _CONFIGURATION.sub("", topic.text(language)))
    more = tell("The commonest mistakes: buildbridge help {topic}", topic=topic.name)
    return f"{text.replace(EXAMPLE_URL, public_url).strip()}\n\n{more}"


def _proofs(secret: bytes, body: bytes, now: int) -> dict[str, str]:
    """Every way in which a Git host proves that it knows the secret."""
    standard = b".".join((_SAMPLE_ID.encode(), str(now).encode(), body))
    return {
        "id": _SAMPLE_ID,
        "now": str(now),
        "secret": secret.decode(),
        "basic": base64.b64encode(b"bridge:" + secret).decode(),
        "hmac_sha1": hmac.digest(secret, body, "sha1").hex(),
        "hmac_sha256": hmac.digest(secret, body, "sha256").hex(),
        "standard": base64.b64encode(hmac.digest(secret, standard, "sha256")).decode(),
    }
