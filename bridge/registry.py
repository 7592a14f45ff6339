"""The plug board: every kind of forge, builder and channel, one line each.

A builder or channel is imported when a configuration names it, so that a daemon does not load the libraries
of the others. Forges need no library and are all imported with the configuration: each must know the headers
of the others to reject their requests. What stands beside an adapter's code (a guide, a sample, the lines of
a first configuration) is read without importing it.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import anyio
import structlog
from pydantic import BaseModel

from bridge.builders.base import Builder, BuilderContext
from bridge.channels.base import Channel, ChannelContext, MessageSink
from bridge.channels.templated import fault_of_template
from bridge.config.channels import common
from bridge.config.kinds import Kinds
from bridge.config.loader import Config
from bridge.config.people import contacts_by_name
from bridge.config.templates import NoticeTemplate
from bridge.forges.base import Forge
from bridge.forges.chinese_rejections import REJECTIONS
from bridge.forges.hosts import Hosts
from bridge.model.language import Language
from bridge.model.notice import EventName, Notice
from bridge.runtime.clock import Clock
from bridge.runtime.events import LogEvent
from bridge.runtime.redaction import Redactor
from bridge.runtime.topics import Group

if TYPE_CHECKING:
    from bridge.forges.webhooks import Webhooks

log = structlog.get_logger()

CLOSE_SECONDS: Final = 10.0
"""How long all adapters together may take to give back what they hold."""

A = TypeVar("A", bound="Forge | Builder | Channel | Webhooks")
T = TypeVar("T")
P_co = TypeVar("P_co", bound=Builder | Channel, covariant=True)


class Adapters(Mapping[str, type[A]], Generic[A]):
    """Adapter classes by kind, each imported when it is looked up; locations are written `module:Class`."""

    def __init__(self, locations: Mapping[str, str]) -> None:
        self._locations = locations

    def __getitem__(self, kind: str) -> type[A]:
        module, name = self._locations[kind].split(":")
        found: type[A] = getattr(import_module(module), name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._locations)

    def __len__(self) -> int:
        return len(self._locations)

    def _package(self, kind: str) -> str:
        return self._locations[kind].partition(":")[0].rpartition(".")[0]

    def folder(self, kind: str) -> Traversable:
        """The folder of the adapter."""
        return files(self._package(kind))

    def text(self, kind: str, file: str) -> str:
        """A text file from the folder of the adapter. Raises FileNotFoundError with what to create."""
        try:
            return (self.folder(kind) / file).read_text("utf-8")
        except FileNotFoundError:
            path = f"{self._package(kind).replace('.', '/')}/{file}"
            raise FileNotFoundError(f"the kind {kind} has no {file}: create {path}") from None


class _Each(Mapping[str, T], Generic[A, T]):
    """What is made of each adapter, when it is asked for."""

    def __init__(self, adapters: Adapters[A], make: Callable[[type[A]], T]) -> None:
        self._adapters = adapters
        self._make = make

    def __getitem__(self, kind: str) -> T:
        return self._make(self._adapters[kind])

    def __iter__(self) -> Iterator[str]:
        return iter(self._adapters)

    def __len__(self) -> int:
        return len(self._adapters)


FORGE_ADAPTERS: Final = Adapters[Forge](
    {
        "GitHub": "bridge.forges.adapters.github.forge:GitHub",
        "GitLab": "bridge.forges.adapters.gitlab.forge:GitLab",
        "Gitee": "bridge.forges.adapters.gitee.forge:Gitee",
        "Gitea": "bridge.forges.adapters.gitea.forge:Gitea",
        "Forgejo": "bridge.forges.adapters.forgejo.forge:Forgejo",
        "Gogs": "bridge.forges.adapters.gogs.forge:Gogs",
        "TGit": "bridge.forges.adapters.tgit.forge:TGit",
        "GitCode": "bridge.forges.adapters.gitcode.forge:GitCode",
        "Codeup": "bridge.forges.adapters.codeup.forge:Codeup",
        "CodeArts": "bridge.forges.adapters.codearts.forge:CodeArts",
        "Coding": "bridge.forges.adapters.coding.forge:Coding",
        "Harness": "bridge.forges.adapters.harness.forge:Harness",
        "Pagure": "bridge.forges.adapters.pagure.forge:Pagure",
        "Bitbucket": "bridge.forges.adapters.bitbucket.forge:Bitbucket",
        "BitbucketServer": "bridge.forges.adapters.bitbucket_server.forge:BitbucketServer",
        "AzureDevOps": "bridge.forges.adapters.azure_devops.forge:AzureDevOps",
        "Simple": "bridge.forges.adapters.simple.forge:Simple",
    }
)

WEBHOOKS: Final = Adapters["Webhooks"](
    {
        "GitHub": "bridge.forges.adapters.github.webhooks:GitHubWebhooks",
        "GitLab": "bridge.forges.adapters.gitlab.webhooks:GitLabWebhooks",
        "Gitee": "bridge.forges.adapters.gitee.webhooks:GiteeWebhooks",
        "Gitea": "bridge.forges.adapters.gitea.webhooks:GiteaWebhooks",
        "Forgejo": "bridge.forges.adapters.forgejo.webhooks:ForgejoWebhooks",
        "Gogs": "bridge.forges.adapters.gogs.webhooks:GogsWebhooks",
        "Bitbucket": "bridge.forges.adapters.bitbucket.webhooks:BitbucketWebhooks",
    }
)
"""The hosts whose webhooks we can make; those of others are made by hand."""

BUILDERS: Final = Adapters[Builder](
    {
        "jenkins": "bridge.builders.jenkins.builder:JenkinsBuilder",
        "codearts": "bridge.builders.codearts.builder:CodeArtsBuilder",
        "drone": "bridge.builders.drone.builder:DroneBuilder",
        "alauda": "bridge.builders.alauda.builder:AlaudaBuilder",
        "github-actions": "bridge.builders.github_actions.builder:GitHubActionsBuilder",
        "gitlab-ci": "bridge.builders.gitlab_ci.builder:GitLabBuilder",
        "gitea-actions": "bridge.builders.gitea_actions.builder:GiteaActionsBuilder",
        "local": "bridge.builders.local.builder:LocalBuilder",
        "dummy": "bridge.builders.dummy.builder:DummyBuilder",
    }
)

CHANNELS: Final = Adapters[Channel](
    {
        "DING_TALK": "bridge.channels.adapters.dingtalk.channel:DingTalk",
        "WECOM": "bridge.channels.adapters.wecom.channel:WeCom",
        "WECOM_APP": "bridge.channels.adapters.wecom_app.channel:WeComApp",
        "FEISHU": "bridge.channels.adapters.feishu.channel:Feishu",
        "SLACK": "bridge.channels.adapters.slack.channel:Slack",
        "TEAMS": "bridge.channels.adapters.teams.channel:Teams",
        "DISCORD": "bridge.channels.adapters.discord.channel:Discord",
        "NTFY": "bridge.channels.adapters.ntfy.channel:Ntfy",
        "TELEGRAM": "bridge.channels.adapters.telegram.channel:Telegram",
        "WEBHOOK": "bridge.channels.adapters.webhook.channel:Webhook",
        "COMMIT_STATUS": "bridge.channels.adapters.commit_status.channel:CommitStatus",
        "APPRISE": "bridge.channels.adapters.apprise.channel:Apprise",
        "MAIL": "bridge.channels.adapters.mail.channel:Mail",
        "MESSAGE": "bridge.channels.adapters.message.channel:Message",
    }
)


@cache
def _hosts() -> Hosts:
    """The marks of every Git host: each adapter needs them to reject the requests of the others."""
    return Hosts({forge.host: forge.marks for forge in FORGE_ADAPTERS.values()})


def _template_faults(template: NoticeTemplate, event: EventName) -> list[tuple[str, int, str]]:
    from bridge.channels.templates.worded import faults_of  # noqa: PLC0415  # most configurations have none

    return [(part, fault.offset, fault.problem) for part, fault in faults_of(template, event)]


FORGES: Final = _Each[Forge, Forge](FORGE_ADAPTERS, lambda forge: forge(_hosts()))

KINDS: Final = Kinds(
    forges=_Each(FORGE_ADAPTERS, lambda forge: forge.traits),
    builders=_Each(BUILDERS, lambda builder: builder.Settings),
    channels=_Each(CHANNELS, lambda channel: channel.Settings),
    contacts=_Each(CHANNELS, lambda channel: channel.contact),
    template_faults=_template_faults,
    targets=_Each(CHANNELS, lambda channel: channel.target),
)


@dataclass(frozen=True, slots=True)
class OpenAdapters:
    """The builders and channels of a configuration, by their names in it."""

    builders: Mapping[str, Builder]
    channels: Mapping[str, Channel]


@dataclass(frozen=True, slots=True)
class Plan(Generic[P_co]):
    """All that a builder or channel is made of: two that are equal make the same."""

    kind: Callable[[str, BaseModel, Any], P_co]
    name: str
    settings: BaseModel
    context: BuilderContext | ChannelContext

    def make(self) -> P_co:
        return self.kind(self.name, self.settings, self.context)


@asynccontextmanager
async def open_adapters(config: Config, messages: MessageSink, clock: Clock) -> AsyncIterator[OpenAdapters]:
    """Every configured builder and channel, closed at the end."""
    builders = {name: plan.make() for name, plan in builder_plans(config, clock).items()}
    channels = {name: plan.make() for name, plan in channel_plans(config, messages, clock).items()}
    try:
        yield OpenAdapters(builders, channels)
    finally:
        await close_all([*builders.values(), *channels.values()])


async def close_all(adapters: Sequence[Builder | Channel]) -> None:
    """Have them give back what they hold, within 10 seconds; raises nothing, and is not cut short."""
    with anyio.CancelScope(shield=True), anyio.move_on_after(CLOSE_SECONDS):
        async with anyio.create_task_group() as closing:
            for adapter in adapters:
                closing.start_soon(_close, adapter)


def builder_plans(config: Config, clock: Clock) -> dict[str, Plan[Builder]]:
    """Those of every configured builder, by name."""
    log_limit = config.settings.store.log_limit
    return {
        name: Plan(
            BUILDERS[adapter.kind],
            name,
            adapter.settings,
            BuilderContext(
                state=config.state_path / name,
                clock=clock,
                log_limit=log_limit,
                access=config.clone_access if BUILDERS[adapter.kind].fetches_code else {},
            ),
        )
        for name, adapter in config.builders.items()
    }


ADAPTERS: Final[Mapping[Group, Adapters[Any]]] = {
    "hosts": FORGE_ADAPTERS,
    "builders": BUILDERS,
    "channels": CHANNELS,
}
"""All adapters, as the list of guides groups them."""


def chinese_of(config: Config) -> dict[str, str]:
    """What sources and the configured builders and channels say, in Chinese by the English sentences."""
    sentences = dict(REJECTIONS)
    for adapter in config.builders.values():
        sentences |= BUILDERS[adapter.kind].chinese
    for adapter in config.channels.values():
        sentences |= CHANNELS[adapter.kind].chinese
    return sentences


def channel_plans(config: Config, messages: MessageSink, clock: Clock) -> dict[str, Plan[Channel]]:
    """Those of every configured channel, by name."""
    sentences = chinese_of(config)
    return {
        name: Plan(
            CHANNELS[adapter.kind],
            name,
            adapter.settings,
            ChannelContext(
                language=config.language_of(name),
                contacts=contacts_by_name(config.settings.people, CHANNELS[adapter.kind].contact),
                clock=clock,
                messages=messages,
                sentences=sentences,
                templates=common(adapter.settings).templates,
                public_url=config.settings.server.public_url,
            ),
        )
        for name, adapter in config.channels.items()
    }


def previews(
    config: Config,
    messages: MessageSink,
    clock: Clock,
    notice: Notice,
    *,
    language: Language | None = None,
    only: str | None = None,
) -> dict[str, str]:
    """What each channel would send of a notice, by name, without secrets, in its own language or in this.

    `only` names the one that is asked for.
    """
    found, redactor = {}, Redactor(config.secrets)
    for name, plan in channel_plans(config, messages, clock).items():
        if only not in {None, name}:
            continue
        context = plan.context
        assert isinstance(context, ChannelContext)
        if language is not None:
            context = replace(context, language=language)
        try:
            if fault := fault_of_template(notice, context):
                context = replace(context, templates={})
            text = replace(plan, context=context).make().preview(replace(notice, channel=name))
            if fault:
                text = f"the template of {notice.event} failed, this is the usual text: {fault}\n{text}"
        except Exception as error:
            log.exception(LogEvent.CHANNEL_ERROR, channel=name)
            text = f"the adapter failed: {type(error).__name__}"  # the others are shown
        # At once: a key of several lines is none in its lines.
        found[name] = f"{redactor.foreign(text).rstrip()}\n"
    return found


def targets(config: Config) -> dict[str, str]:
    """What the vendor's limit counts, for each channel by name."""
    return {
        name: CHANNELS[adapter.kind].target(adapter.settings) or f"channel {name}"
        for name, adapter in config.channels.items()
    }


async def _close(adapter: Builder | Channel) -> None:
    try:
        await adapter.aclose()
    except Exception:
        log.exception(LogEvent.ADAPTER_CLOSE_FAILED, kind=adapter.kind)
