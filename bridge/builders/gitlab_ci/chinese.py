# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""What a GitLab builder says of a build, in Chinese; `{}` stands for any words."""

from collections.abc import Mapping
from typing import Final

from bridge.builders.chinese import CHINESE as OF_SERVERS

CHINESE: Final[Mapping[str, str]] = {
    **OF_SERVERS,
    "canceled in GitLab": "在 GitLab 上被取消",
    "skipped by GitLab": "被 GitLab 跳过",
    "is being cancelled": "正在取消",
    "gone from GitLab: no pipeline of {} with the number {} is ours, {} while GitLab showed the project": (
        "在 GitLab 上找不到了：{} 里编号 {} 的流水线不是我们的（GitLab 显示项目期间{}查找）"
    ),
    "GitLab shows no such project {} (404): check `project` and the token": (
        "GitLab 没有项目 {}，或不让令牌看到（404）：请检查 `project` 和令牌"
    ),
    "GitLab does not let this token set variables of a pipeline (400): {}": (
        "GitLab 不让这个令牌设置流水线变量（400）：{}"
    ),
    "GitLab does not let this token start pipelines (400): its user needs the role Developer": (
        "GitLab 不让这个令牌启动流水线（400）：它的用户需要 Developer 角色"
    ),
    "CI/CD is off in this project of GitLab (400): turn it on": (
        "这个 GitLab 项目没有启用 CI/CD（400）：请启用"
    ),
    "the branch or tag is protected in GitLab (400): let the token's user push, merge or create it": (
        "这个分支或标签在 GitLab 上受保护（400）：请允许令牌的用户推送、合并或创建"
    ),
    "GitLab has no such branch or tag (400)": "GitLab 上没有这个分支或标签（400）",
    "this branch or tag has no .gitlab-ci.yml in GitLab (400): add one": (
        "这个分支或标签里没有 .gitlab-ci.yml（400）：请添加"
    ),
    "the rules of .gitlab-ci.yml leave no job (400): let them take pipelines whose CI_PIPELINE_SOURCE "
    "is api or trigger": (
        ".gitlab-ci.yml 的 rules 没有留下任何作业（400）：请放行 CI_PIPELINE_SOURCE 为 api 或 trigger 的"
        "流水线"
    ),
    "the .gitlab-ci.yml of this branch or tag has no job for this pipeline (400)": (
        "这个分支或标签的 .gitlab-ci.yml 没有适用的作业（400）"
    ),
    "`workflow: rules:` of .gitlab-ci.yml leave this pipeline out (400): let them take pipelines whose "
    "CI_PIPELINE_SOURCE is api or trigger": (
        ".gitlab-ci.yml 的 `workflow: rules:` 排除了这条流水线（400）：请放行 CI_PIPELINE_SOURCE 为 api "
        "或 trigger 的流水线"
    ),
    "GitLab starts no more pipelines of this commit now (400)": (
        "GitLab 暂时不再为这个提交启动流水线（400）"
    ),
    # tests
    "signed in": "已登录",
    "the project {} is there": "项目 {} 存在",
    "the project {} may be built": "项目 {} 可以构建",
    "the token expires on {}": "令牌在 {} 到期",
    "the token has expired in GitLab ({}): make a new one": "令牌在 GitLab 已过期（{}）：请生成新的",
    "the token was revoked in GitLab ({}): make a new one": "令牌在 GitLab 已被吊销（{}）：请生成新的",
    "the scopes of the token do not allow this in GitLab ({}): make one with the scope api": (
        "令牌的权限范围不允许这样做（{}）：请生成带 api 权限的令牌"
    ),
    "the token may not start pipelines: it needs the scope api": "令牌不能启动流水线：需要 api 权限",
    "the token may not read pipelines: it needs the scope read_api": "令牌不能读取流水线：需要 read_api 权限",
    "the token may not cancel pipelines, which needs the scope api": "令牌不能取消流水线，那需要 api 权限",
    "the token's user is {} there, and needs the role Developer": (
        "令牌的用户在那里是 {}，需要 Developer 角色"
    ),
    "the project is archived, so GitLab starts no pipelines of it": "项目已归档，GitLab 不会启动它的流水线",
    "CI/CD is off in the project: turn it on": "项目没有启用 CI/CD：请启用",
    "no one may set variables of pipelines in the project: {}": "项目不允许任何人设置流水线变量：{}",
    "only the role {} may set variables of pipelines in the project: {}": (
        "项目只允许 {} 角色设置流水线变量：{}"
    ),
    "the project has no branch or tag {}: correct `ref`": "项目没有分支或标签 {}：请改正 `ref`",
    "there is no {} in {}: add it where builds are to run": "{1} 里没有 {0}：请在要构建的地方添加",
    "GitLab shows no project {} to this token (404): check `url`, `project` and the rights of the token": (
        "令牌在 GitLab 上看不到项目 {}（404）：请检查 `url`、`project` 和令牌的权限"
    ),
    "`inputs` has none for the images to build: add {}": "`inputs` 里没有要构建的镜像：请添加 {}",
    "`inputs` has none for {}: add one, and show it in `workflow: name:` of the pipeline": (
        "`inputs` 里没有 {}：请添加一项，并在流水线的 `workflow: name:` 里显示它"
    ),
    "otherwise a trigger that was not answered is left to you": "否则没有应答的触发需要您来判断",
    # tests
    "GitLab points to another address ({}): correct `url`, or `project` where it was moved or renamed": (
        "GitLab 指向另一个地址（{}）：请改正 `url`；项目被移动或改名时，请改正 `project`"
    ),
    "where a proxy changes %2F, write its number": "如果代理会改动 %2F，请写项目的编号",
    "the pipeline declares no input {}: declare it under `spec: inputs:`, or remove it from `inputs`": (
        "流水线没有声明输入 {}：请在 `spec: inputs:` 下声明，或从 `inputs` 里删掉"
    ),
    "`workflow: name:` of the pipeline does not show {}: without it, a trigger that was not answered "
    "is left to you": "流水线的 `workflow: name:` 没有显示 {}：缺了它，没有应答的触发需要您来判断",
    "in the project's CI/CD settings set {} to a role that its user has, or let `inputs` take the "
    "parameters": "请在项目的 CI/CD 设置里把 {} 设为该用户具有的角色，或改用 `inputs` 传参数",
    # settings
    "a trigger token cannot read pipelines: add `token`, an access token with the scope read_api": (
        "触发令牌不能读取流水线：请加上 `token`，即有 read_api 权限的访问令牌"
    ),
    "write the address of GitLab without /api/v4": "GitLab 的地址请不要带 /api/v4",
    # advice
    "GitLab takes no variable that is called {}": "GitLab 的变量不能叫 {}",
    "use letters, digits and _ in `parameters`": "`parameters` 里的名字请只用字母、数字和下划线",
    "`inputs` names {}, which no build has": "`inputs` 里写了 {}，但没有构建有这个参数",
    "correct the name": "请改正名字",
    "`inputs` of the builder has none for {}": "构建器的 `inputs` 里没有对应 {} 的输入",
    "add them to it, and to the pipeline, or remove them from `parameters`": (
        "请在构建器和流水线里都加上，或者从 `parameters` 里删掉"
    ),
    "`inputs` has none for {}": "`inputs` 里没有对应 {} 的输入",
    "`inputs` has none for the images to build": "`inputs` 里没有对应镜像的输入",
    "add one, and show it in `workflow: name:` of the pipeline": "请加一个，并写进流水线的 `workflow: name:`",
    "add IMAGE and TAGS": "请加上 IMAGE 和 TAGS",
    "the pipeline declares no input {}": "流水线没有声明输入 {}",
    "declare it under `spec: inputs:`, or remove it from `inputs`": (
        "请在 `spec: inputs:` 里声明，或者从 `inputs` 里删掉"
    ),
    "this is as it was seen at {}": "这是 {} 看到的情况",
    "then `buildbridge builders test {}` sees it anew": "然后用 `buildbridge builders test {}` 重新查看",
}
