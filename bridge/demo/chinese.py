# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""What the demo says, in Chinese; the English sentence is the key."""

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    "Buildbridge: from a push to a build to a notice": "Buildbridge：从推送到构建，再到通知",
    "setting up a Git server, a daemon and a chat robot": "正在准备 Git 服务器、守护进程和群机器人",
    "Stopping the daemon and removing the folder.": "正在停止守护进程并删除目录。",
    "The folder is kept for you to inspect": "目录已保留，供您检查",
    "folder": "目录",
    "The end of the daemon's log": "守护进程日志的结尾",
    "The same as a page: {address}": "同样的过程也可以在网页上看：{address}",
    "pages": "网页",
    "to sign in": "登录令牌",
    "following {ref}": "正在跟踪 {ref}",
    # The pushes.
    "A branch builds “latest”, and a version made of the time.": (
        "分支构建 latest，再加一个由时间组成的版本号。"
    ),
    "An annotated tag makes one build with three image tags.": "一个附注标签只构建一次，得到三个镜像标签。",
    "A branch with a mistake: its build fails, and a chat message says why.": (
        "有错误的分支：构建失败，群消息说明原因。"
    ),
    "Not everything happened as expected:": "有些结果和预期不同：",
    "All as expected: 3 pushes, 3 builds (one failed on purpose), 3 notices.": (
        "全部符合预期：3 次推送，3 次构建（其中一次故意失败），3 条通知。"
    ),
    "pushed": "推送",
    "image tags": "镜像标签",
    "build": "构建",
    "notice": "通知",
    "in all": "总耗时",
    "none": "无",
    # The timeline.
    "A push of {refs}": "推送：{refs}",
    "A push of {refs}, continued": "推送：{refs}（续）",
    "stored": "已保存",
    "delivery …{id}: signature verified, safe on disk": "接收记录 …{id}：签名正确，已写入磁盘",
    "ignored": "已忽略",
    "dead": "无法处理",
    "matched": "匹配",
    "#{number} taken by the builder “{builder}”": "#{number} 构建器“{builder}”已收下",
    "#{number} {state}: {detail}": "#{number} {state}：{detail}",
    "{state}: {detail}": "{state}：{detail}",
    "queued": "排队中",
    "running": "构建中",
    "succeeded": "成功",
    "failed": "失败",
    "cancelled": "已取消",
    "superseded": "已被取代",
    "unknown": "结果未知",
    "the DingTalk robot took {title}, signature verified": "钉钉机器人收下 {title}，签名正确",
    # What to do next.
    "Run `{command} demo` without --once to inspect it, and to push yourself.": (
        "去掉 --once 再运行 `{command} demo`，可以自己查看和推送。"
    ),
    "The demo goes on: push in another terminal, and follow the push here": (
        "演示还在运行：另开一个终端推送，在这里查看过程"
    ),
    "go there": "进入目录",
    "a branch": "推送分支",
    "a tag": "推送标签",
    "nothing": "不会构建",
    "Inspect the demo": "查看演示",
    "health": "运行状况",
    "builds": "构建",
    "metrics": "指标",
    "deliveries": "接收记录",
    "a log": "构建日志",
    "Your own configuration": "自己的配置",
    "Copy bridge.yaml and rules/ before you end it, change them, and run `buildbridge check`.": (
        "趁目录还在，把 bridge.yaml 和 rules/ 复制出来修改，然后运行 `buildbridge check`。"
    ),
    "waiting for your pushes; Ctrl-C ends the demo and removes its folder": (
        "等待您的推送；按 Ctrl-C 结束演示并删除目录"
    ),
}
