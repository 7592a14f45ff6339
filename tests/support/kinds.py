"""Stand-ins for the settings of adapters: the configuration's reader knows no vendor."""

from typing import Final

from bridge.config.channels import ChannelSettings
from bridge.config.forges import USUAL, ForgeTraits, WebPages
from bridge.config.kinds import Kinds
from bridge.config.people import ContactKey
from bridge.config.types import Secret, Shape, Strict


class JenkinsLike(Strict):
    url: str
    token: Secret
    workers: int = 2


class RobotLike(ChannelSettings):
    url: Secret
    retries: int = 3


class MessageLike(Strict):
    pass


FORGES: Final = {
    **dict.fromkeys(["GitLab", "Gitea"], USUAL),
    "GitHub": ForgeTraits(pages=WebPages(site="https://github.com")),
    "Gitee": ForgeTraits(former_kinds=("OSChina",)),
    "Coding": ForgeTraits(former_kinds=("GitCafe",)),
    "AzureDevOps": ForgeTraits(sends_user_name=True, spaces_in_names=True),
    "Pagure": ForgeTraits(needs_namespace=False),
    "Simple": ForgeTraits(by_clone_url=True, pages=WebPages(is_clone_url=True)),
}

KINDS: Final = Kinds(
    forges=FORGES,
    builders={"jenkins": JenkinsLike},
    channels={"DING_TALK": RobotLike, "MESSAGE": MessageLike},
    contacts={
        "DING_TALK": ContactKey(
            "chat_userid",
            "The id by which the chat mentions this person.",
            Shape("[a-z0-9]+", "is an id of small letters and digits"),
        ),
        "MESSAGE": None,
    },
    template_faults=lambda _template, _event: (),
    targets={"DING_TALK": lambda settings: settings.url.reveal(), "MESSAGE": lambda _settings: None},
)
