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
    # tests
    "signed in": "已登录",
    "the workflow {} of {} was read": "读到了 {1} 的工作流 {0}",
    "it belongs to an archived repository, where nothing runs": "它所在的仓库已归档，不会运行任何东西",
    "it belongs to a repository whose Actions are switched off: switch them on": (
        "它所在的仓库关闭了 Actions：请打开"
    ),
    "it may not be started by this token": "这个令牌无权启动它",
    "its user needs to write to the repository": "令牌的用户需要仓库的写权限",
    "it is run by a Gitea before 1.25, without titles: an unanswered trigger cannot be checked": (
        "运行它的 Gitea 早于 1.25，运行没有标题：没有应答的触发无法核对"
    ),
    "it does not show {} in the titles of its runs: {}, otherwise an interrupted trigger cannot be "
    "checked": "它的运行标题里没有 {}：{}，否则中断的触发无法核对",
    "declare the input {}, and write {} into it": "请声明输入 {}，并在其中写上 {}",
    "write {} into it": "请在其中写上 {}",
    "it does not receive the images to build: declare the inputs IMAGE and TAGS": (
        "它收不到要构建的镜像：请声明输入 IMAGE 和 TAGS"
    ),
    "it does not receive the commit to build: declare the input COMMIT and check it out, otherwise it "
    "builds the newest commit": "它收不到要构建的提交：请声明输入 COMMIT 并检出它，否则构建的是最新的提交",
    "it has no `on: workflow_dispatch`: add it": "它没有 `on: workflow_dispatch`：请加上",
    "the workflow {} is not YAML: correct it": "工作流 {} 不是 YAML：请改正",
    "{} shows no repository {} to this token (404): check `repository` and the token's rights": (
        "令牌在 {} 上看不到仓库 {}（404）：请检查 `repository` 和令牌的权限"
    ),
    "{} shows no workflow {} in {} to this token (404): check `repository`, `workflow` and the token's "
    "rights": "令牌在 {0} 上看不到 {2} 的工作流 {1}（404）：请检查 `repository`、`workflow` 和令牌的权限",
    "GitHub shows no repository {} to this caller (404): check `repository`, and that the token, or "
    "the installation of the app, is for it": (
        "调用者在 GitHub 上看不到仓库 {}（404）：请检查 `repository`，并确认令牌或应用的安装包括它"
    ),
    "GitHub makes no token for the app ({}): {}": "GitHub 不给应用发令牌（{}）：{}",
    "check `app_id`, that `private_key` is the app's, and the clock of this machine": (
        "请检查 `app_id`、`private_key` 是否属于这个应用，以及本机时钟"
    ),
    "check `installation_id`: the app has no such installation": "请检查 `installation_id`：应用没有这个安装",
    "`private_key` is not the private key of an app: it has to be the whole PEM file": (
        "`private_key` 不是应用的私钥：要写完整的 PEM 文件"
    ),
    "there is neither Gitea nor Forgejo at `url` (404): check `url`, without /api/v1": (
        "`url` 处不是 Gitea 也不是 Forgejo（404）：请检查 `url`，不要带 /api/v1"
    ),
    "the workflow is disabled in {} (403): enable it": "工作流在 {} 上被停用（403）：请启用",
    "{} has no workflow {}: add it there, or set `branch`": "{} 里没有工作流 {}：请添加，或设置 `branch`",
    "it requires inputs that no one gives: set {} in `parameters` of the rule": (
        "它要求的输入没有人提供：请在规则的 `parameters` 里写上 {}"
    ),
    "GitHub wants the token to be authorized for the single sign-on of the organization (403)": (
        "GitHub 要求令牌通过组织的单点登录授权（403）"
    ),
    # tests
    "GitHub rejects the token": "GitHub 不接受令牌",
    "check `token`, and that it has not expired ({})": "请检查 `token`，并确认它没有过期（{}）",
    "it needs Actions: write and Contents: read, and Contents: write for `event` (a classic token: "
    "repo)": "需要 Actions: write 和 Contents: read，用 `event` 时还要 Contents: write（经典令牌为 repo）",
    # settings
    "the API of github.com is at {}: remove `url`": "github.com 的 API 在 {}：请删掉 `url`",
    "say who calls, in one way: `token`, or `app_id`, `installation_id` and `private_key`": (
        "请用一种方式写明调用者：`token`，或者 `app_id`、`installation_id` 和 `private_key`"
    ),
    "`event` runs the workflow of the default branch: remove `branch`": (
        "`event` 运行默认分支的工作流：请删掉 `branch`"
    ),
    # advice
    "the workflow {}, as it was seen at {}, does not show {} in the titles of its runs": (
        "工作流 {}（{} 看到的）的运行标题里没有 {}"
    ),
    "declare the input {}, and write `{}` into it, otherwise an interrupted trigger cannot be checked": (
        "请声明输入 {}，并在里面写上 `{}`，否则触发中断后无法查证"
    ),
    "write `{}` into it, otherwise an interrupted trigger cannot be checked": (
        "请在里面写上 `{}`，否则触发中断后无法查证"
    ),
    "the workflow {}, as it was seen at {}, does not receive the images to build": (
        "工作流 {}（{} 看到的）收不到要构建的镜像"
    ),
    "declare the inputs IMAGE and TAGS": "请声明输入 IMAGE 和 TAGS",
    "the workflow {}, as it was seen at {}, does not receive the commit to build": (
        "工作流 {}（{} 看到的）收不到要构建的提交"
    ),
    "declare the input COMMIT and check it out, otherwise it builds the newest commit": (
        "请声明输入 COMMIT 并检出它，否则构建的是最新的提交"
    ),
    "the workflow {}, as it was seen at {}, does not declare, and so does not get, {}": (
        "工作流 {}（{} 看到的）没有声明、因此收不到 {}"
    ),
    "declare inputs of these names, or remove them from `parameters`": (
        "请声明同名的输入，或者从 `parameters` 里删掉"
    ),
    "then `buildbridge builders test {}` sees it anew": "然后用 `buildbridge builders test {}` 重新查看",
}
