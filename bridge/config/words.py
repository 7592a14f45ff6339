"""Words that people bring from other systems, and ours; and the values that a fault gives to copy."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

import yaml

_LIKE: Final = 0.6
_MAX_COMPARED: Final = 64
_MAX_WRITTEN: Final = 200
_OURS: Final[Mapping[str, tuple[str, ...]]] = {
    # Keys.
    "type": ("kind",),
    "webhook": ("url", "WEBHOOK"),
    "webhookurl": ("url",),
    "key": ("token", "secret"),
    "user": ("username",),
    "passwd": ("password",),
    "listen": ("host",),
    "address": ("host",),
    "context": ("build_context_path",),
    "branches": ("code_repo_type_value",),
    "ref": ("code_repo_type_value",),
    "events": ("enabled_event_type_names",),
    "when": ("only",),
    "env": ("parameters",),
    "variables": ("parameters",),
    "cron": ("schedule",),
    "enabled": ("is_active",),
    "active": ("is_active",),
    "public": ("is_public",),
    "push": ("branch",),
    # Kinds of Git hosts.
    "git": ("Simple",),
    "plain": ("Simple",),
    "码云": ("Gitee",),
    "云效": ("Codeup",),
    "阿里云": ("Codeup",),
    "aliyun": ("Codeup",),
    "华为云": ("CodeArts", "codearts"),
    "huawei": ("CodeArts", "codearts"),
    "devcloud": ("CodeArts", "codearts"),
    "工蜂": ("TGit",),
    "腾讯工蜂": ("TGit",),
    "azure": ("AzureDevOps",),
    "tfs": ("AzureDevOps",),
    "stash": ("BitbucketServer",),
    # Kinds of builders and channels.
    "docker": ("local",),
    "podman": ("local",),
    "buildah": ("local",),
    "shell": ("local",),
    "woodpecker": ("drone",),
    "钉钉": ("DING_TALK",),
    "incomingwebhook": ("SLACK",),
    "buildstatus": ("COMMIT_STATUS",),
    "status": ("COMMIT_STATUS",),
    "msteams": ("TEAMS",),
    "microsoftteams": ("TEAMS",),
    "tg": ("TELEGRAM",),
    "chatid": ("chat",),
    "topic": ("thread",),
    "飞书": ("FEISHU",),
    "lark": ("FEISHU",),
    "企业微信": ("WECOM",),
    "wechat": ("WECOM",),
    "weixin": ("WECOM",),
    "workwechat": ("WECOM",),
    "wecomapp": ("WECOM_APP",),
    "企业微信应用": ("WECOM_APP",),
    "email": ("MAIL",),
    "smtp": ("MAIL",),
    "邮件": ("MAIL",),
    # Values.
    "zh": ("zh-CN",),
    "cn": ("zh-CN",),
    "chinese": ("zh-CN",),
    "中文": ("zh-CN",),
    "english": ("en",),
    "commit": ("sha",),
    "commitid": ("sha",),
    "version": ("tag",),
    "replace": ("cancel",),
    "wait": ("queue",),
    "all": ("always",),
    "failed": ("failures", "buildJobFail"),
    "fail": ("failures", "buildJobFail"),
    "failure": ("failures", "buildJobFail"),
    "error": ("buildJobFail",),
    "success": ("buildJobSuccess",),
    "succeeded": ("buildJobSuccess",),
    "passed": ("buildJobSuccess",),
    "queued": ("buildJobQueued",),
    "waiting": ("buildJobQueued",),
    "start": ("buildJobStart",),
    "started": ("buildJobStart",),
    "stop": ("buildJobStop",),
    "cancel": ("buildJobStop",),
    "cancelled": ("buildJobStop",),
    "canceled": ("buildJobStop",),
    "abort": ("buildJobStop",),
    "aborted": ("buildJobStop",),
    "buildjobcancel": ("buildJobStop",),
    "buildjobcancelled": ("buildJobStop",),
    "buildjobcanceled": ("buildJobStop",),
    "buildjobabort": ("buildJobStop",),
    "buildjobaborted": ("buildJobStop",),
    "buildjoberror": ("buildJobFail",),
    "fixed": ("buildJobFixed",),
}
"""What stands for a word, in small letters and without punctuation; it counts where that is known."""


def nearest(word: object, known: Iterable[str], *, like: float = _LIKE) -> str | None:
    """The one of the known words that is meant: the same but for its form, ours for it, or a similar one."""
    names = list(known)
    bare = _bare(str(word)[:_MAX_COMPARED])
    by_bare = {_bare(name): name for name in names}
    if bare in by_bare:
        return by_bare[bare]
    for ours in _OURS.get(bare, ()):
        if ours in names:
            return ours
    # Only where something is wrong: the daemon starts without faults, and keeps what it has imported.
    import difflib  # noqa: PLC0415

    by_lower = {name.lower(): name for name in names}
    near = difflib.get_close_matches(str(word).lower()[:_MAX_COMPARED], by_lower, n=1, cutoff=like)
    return by_lower[near[0]] if near else None


def _bare(word: str) -> str:
    return re.sub(r"[\W_]", "", word.lower())


def written(value: object, most: int = _MAX_WRITTEN) -> str | None:
    """The value as YAML in one line, to copy; None where it is over `most` letters, as for a sentence."""
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=1 << 20)
    line = text.removesuffix("...\n").strip()
    return None if "\n" in line or len(line) > most else line
