# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""What a builder of workflows says of a build, in Chinese; `{}` stands for any words."""

from collections.abc import Mapping
from typing import Final

from bridge.builders.chinese import CHINESE as OF_SERVERS

CHINESE: Final[Mapping[str, str]] = {
    **OF_SERVERS,
    "it took longer than the workflow allows": "超过了工作流允许的时长",
    "the workflow could not be started: its file has faults": "工作流无法启动：文件有错",
    "it needs the approval of a person": "需要人工批准",
    "skipped: the conditions of its jobs did not hold": "被跳过：作业的条件不满足",
    "stale: the server gave it up": "已过期：服务器放弃了它",
    "gone from {}: it has no run {}, {} while {} showed the workflow": (
        "在 {0} 上找不到了：没有运行 {1}（{3} 显示工作流期间{2}查找）"
    ),
    "{} took the build, and {} minutes later no run of the workflow shows its id": (
        "{} 接受了构建，但 {} 分钟后仍没有带它 id 的运行"
    ),
    "the workflow {} was not started: {}": "工作流 {} 没有启动：{}",
    "the workflow has just changed": "工作流刚被改过",
    "the branch or tag is not in the repository: push it there, or set `branch`": (
        "仓库里没有这个分支或标签：请推送，或设置 `branch`"
    ),
    "it has no `on: workflow_dispatch`": "它没有 `on: workflow_dispatch`",
    "it is disabled in GitHub: enable it": "它在 GitHub 上被停用：请启用",
    "it does not declare all inputs that it got": "它没有声明收到的全部输入",
    "it requires an input that no one gives": "它要求的输入没有人提供",
    "the repository is archived": "仓库已归档",
    # settings
    "the API of github.com is at {}: remove `url`": "github.com 的 API 在 {}：请删掉 `url`",
    "say who calls, in one way: `token`, or `app_id`, `installation_id` and `private_key`": (
        "请用一种方式写明调用者：`token`，或者 `app_id`、`installation_id` 和 `private_key`"
    ),
    "`event` runs the workflow of the default branch: remove `branch`": (
        "`event` 运行默认分支的工作流：请删掉 `branch`"
    ),
}
