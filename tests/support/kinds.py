"""Stand-ins for the settings of adapters: the configuration's reader knows no vendor."""

from typing import Final

from bridge.config.loader import Kinds
from bridge.config.people import ContactKey
from bridge.config.types import Secret, Strict


class JenkinsLike(Strict):
    url: str
    token: Secret
    workers: int = 2


class RobotLike(Strict):
    url: Secret
    retries: int = 3


class MessageLike(Strict):
    pass


KINDS: Final = Kinds(
    forges=dict.fromkeys(["GitHub", "GitLab", "Gitee", "Gitea", "Coding", "AzureDevOps", "Simple"]),
    builders={"jenkins": JenkinsLike},
    channels={"DING_TALK": RobotLike, "MESSAGE": MessageLike},
    contacts={
        "DING_TALK": ContactKey("chat_userid", "The id by which the chat mentions this person."),
        "MESSAGE": None,
    },
)
