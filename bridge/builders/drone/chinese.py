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
    # tests
    "what answers at `url` does not say what it is: check `url`, and write `api: …` ({})": (
        "`url` 处的服务没有说明自己是什么：请检查 `url`，并写上 `api: …`（{}）"
    ),
    "what answers at `url` is {}: write `api: {}`": "`url` 处的服务是 {}：请写 `api: {}`",
    "there is no {} at `url` (404): check `url`": "`url` 处没有 {}（404）：请检查 `url`",
    "{} shows no repository {} to this token (404): check `repository`, that it is enabled there, and "
    "the token's rights": (
        "令牌在 {} 上看不到仓库 {}（404）：请检查 `repository`、它是否已在那里启用，以及令牌的权限"
    ),
    "signed in as {}": "已登录：{}",
    "the repository {} may be built": "仓库 {} 可以构建",
    "the server is {} (`api: {}`)": "服务端是 {}（`api: {}`）",
    "whether `hook_token` is right shows only once a build begins": "`hook_token` 对不对，要到构建开始才知道",
    "tags are not built, since no `branch` is set, and a branch as it is when the build starts": (
        "没有设置 `branch`，所以不构建标签；分支按构建开始时的内容构建"
    ),
    "{} has no build of {} among its newest {}, and can only repeat builds: set `branch`, push "
    "something there, or use `mode: hook`": (
        "{0} 最近 {2} 个构建里没有 {1} 的，而它只能重复已有的构建：请设置 `branch`、在那里推送一次，或使用 "
        "`mode: hook`"
    ),
    "{} has the `hook_token` of another repository ({}): check it": (
        "{} 认为 `hook_token` 属于另一个仓库（{}）：请检查"
    ),
    # tests
    "the repository {} is not active in {}: activate it": "仓库 {} 在 {} 里没有启用：请启用",
    "the repository {} may not be built by this token": "这个令牌不能构建仓库 {}",
    "its user needs to write to it": "令牌的用户需要仓库的写权限",
    # settings
    "`mode: {}` is for Drone 0.5: add `api: drone-0.5`": (
        "`mode: {}` 用于 Drone 0.5：请加上 `api: drone-0.5`"
    ),
    "`branch` is for `mode: fork`; `mode: {}` builds what was pushed": (
        "`branch` 用于 `mode: fork`；`mode: {}` 构建的是推送的内容"
    ),
    "`hook_token` and `mode: hook` need each other": "`hook_token` 和 `mode: hook` 要一起用",
    # advice
    "Drone 0.5 builds a push without our variables": "Drone 0.5 构建推送时不带这里的变量",
    "its pipeline names the images, and gets no parameters": "镜像由它的流水线指定，参数传不过去",
    "remove `parameters`, or use `mode: fork`": "请删掉 `parameters`，或者用 `mode: fork`",
    "{} takes the parameters {} for itself": "{} 自己占用了参数 {}",
    "rename them": "请改名",
}
