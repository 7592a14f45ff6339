# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""Why builds and notices wait, and what is done with them, in Chinese: `{}` stands for what it is about."""

from collections.abc import Mapping
from typing import Final

WAITS: Final[Mapping[str, str]] = {
    "behind {}, which writes the same tag": "排在 {} 之后：两者写同一个镜像标签",
    "behind {}: the rule allows {} at once": "排在 {} 之后：规则最多允许同时构建 {} 个",
    "a build of another repository": "另一个仓库的构建",
    "{} down since {}: {}": "{} 从 {} 起异常：{}",
    "{} paused until {}: {}": "{} 暂停到 {}：{}",
    "again at {}": "{} 再试",
    "{} is busy": "{} 正忙",
    "{} is busy with {} build": "{} 正忙，有 {} 个构建",
    "{} is busy with {} builds": "{} 正忙，有 {} 个构建",
    "behind notice {}": "排在通知 {} 之后",
    "goes with notice {}": "和通知 {} 一起发送",
    "quiet hours of {} until {}": "{} 处于免打扰时段，到 {} 为止",
    "waits for the other builds of its push, until {} at most": "等待同一次推送的其他构建，最晚到 {}",
    "{} may send no more before {}": "{} 已达发送上限，{} 之后再发",
    "is to end: {}": "即将结束：{}",
    "attempt {}": "第 {} 次触发",
    "run {}, asked for by {}": "第 {} 次构建，由 {} 要求",
    "run {}, retried by {}": "第 {} 次构建，由 {} 重新构建",
    "the builder was asked to end it": "已请求构建器取消构建",
    "the builder was asked to end it: another run has followed it": (
        "已请求构建器取消构建：之后又有了一次运行"
    ),
    "delivery {}": "接收记录 {}",
    "it was not heard of for {} s: see whether it runs, and reaches the database": (
        "{} 秒没有它的消息：请看它是否在运行、能否连上数据库"
    ),
}
"""In timelines and in lists of builds and notices."""

TESTS: Final[Mapping[str, str]] = {
    "{} took a test notice": "{} 已收下测试通知",
    "a reload changes or removes it just now: test it again": "它刚好因重新加载而改动或删除：请重新测试",
    **{
        f"nothing is built: a build takes {{}} s and ends as {state}": (
            f"不会真的构建：一次构建用时 {{}} 秒，结果是{word}"
        )
        for state, word in {
            "succeeded": "成功",
            "failed": "失败",
            "cancelled": "已取消",
            "unknown": "结果未知",
        }.items()
    },
    "signed in as {} by {}": "已用 {1} 登录为 {0}",
    "the job {} declares {} parameters": "任务 {} 声明了 {} 个参数",
    "silence {} of {} holds it until {}: end that, then replay it": (
        "静默 {0}（由 {1} 设置）会拦下它，到 {2} 为止：请先结束静默，再重发"
    ),
}
"""What tests of builders and channels answer where all is well, and why a notice waits once more."""
NOTICE_STEPS: Final[Mapping[str, str]] = {
    "as {}": "新的通知是 {}",
    "replay of {}": "重发 {}",
    "for {}": "发给 {}",
    "of {} notices": "汇总 {} 条通知",
    "goes with {}": "并入 {}",
    "with {}": "随 {} 一起结束",
    "by itself: {} ended with {}": "单独发送：{} 的结果是 {}",
    "{} was taken apart": "{} 已拆开",
}
"""What the timelines of notices say, where no other timeline does."""
