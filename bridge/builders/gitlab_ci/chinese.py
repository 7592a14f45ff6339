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
    # settings
    "a trigger token cannot read pipelines: add `token`, an access token with the scope read_api": (
        "触发令牌不能读取流水线：请加上 `token`，即有 read_api 权限的访问令牌"
    ),
    "write the address of GitLab without /api/v4": "GitLab 的地址请不要带 /api/v4",
}
