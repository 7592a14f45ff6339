# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""What a Drone or Woodpecker builder says of a build, in Chinese; `{}` stands for any words."""

from collections.abc import Mapping
from typing import Final

from bridge.builders.chinese import CHINESE as OF_SERVERS

CHINESE: Final[Mapping[str, str]] = {
    **OF_SERVERS,
    "the pipeline could not be run": "流水线无法运行",
    "a person declined it": "被人工拒绝",
    "waits for the approval of a person": "等待人工批准",
    "waits for other stages": "等待其他阶段",
    "gone from {}: no build of {} with its number {} is ours, {} while {} showed the repository": (
        "在 {0} 上找不到了：{1} 里编号 {2} 的构建不是我们的（{4} 显示仓库期间{3}查找）"
    ),
    "{} made no build: {}": "{} 没有建立构建：{}",
    "the pipeline is not for builds by hand of this branch, or the commit asks for none": (
        "流水线不适用于这个分支的手动构建，或者提交说明要求不构建"
    ),
    "its pipeline leaves out this branch, or builds of pushes or of tags are off in the settings of "
    "the repository": "流水线不包括这个分支，或者仓库设置关闭了推送或标签的构建",
    "{} does not take the build ({}): check the parameters of the rule": (
        "{} 不接受这个构建（{}）：请检查规则的参数"
    ),
    "{} shows no such repository or commit to this token ({}): check `repository` and its rights": (
        "令牌在 {} 上看不到这个仓库或提交（{}）：请检查 `repository` 和权限"
    ),
    "{} does not take the build now ({})": "{} 暂时不接受构建（{}）",
    "{} does not take the hook ({}): check `hook_token`": "{} 不接受钩子（{}）：请检查 `hook_token`",
    "{} has no such repository, or no .drone.yml in this commit ({})": (
        "{} 没有这个仓库，或者这个提交里没有 .drone.yml（{}）"
    ),
    # settings
    "`mode: {}` is for Drone 0.5: add `api: drone-0.5`": (
        "`mode: {}` 用于 Drone 0.5：请加上 `api: drone-0.5`"
    ),
    "`branch` is for `mode: fork`; `mode: {}` builds what was pushed": (
        "`branch` 用于 `mode: fork`；`mode: {}` 构建的是推送的内容"
    ),
    "`hook_token` and `mode: hook` need each other": "`hook_token` 和 `mode: hook` 要一起用",
}
