# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""What the bridge itself says in notices, in Chinese: `{}` stands for any words. Builders have their own."""

from collections.abc import Mapping
from typing import Final

CHINESE: Final[Mapping[str, str]] = {
    # builds
    "superseded by #{}: {} was pushed": "已被 #{}（{}）取代",
    "cancelled by {}": "由 {} 取消",
    "failed in the stage {}": "阶段 {} 失败",
    "rejected: {}": "构建器拒绝：{}",
    "given up after a day: {}": "一天后仍未成功，已放弃：{}",
    "the builder may or may not have started it, and cannot be asked: look there": (
        "不确定构建器是否已经启动它，也查不到：请到构建器上查看，必要时重新触发"
    ),
    "the builder does not have it": "构建器上没有这个构建",
    "the builder could not be asked: {}": "查询构建器失败：{}",
    "no answer within {} s": "{} 秒内没有应答",
    "no end within {} h (last seen: {})": "{} 小时内没有结束（最后的状态：{}）",
    "the builder says {}, which is not known here: look there": "构建器返回了未知的状态 {}：请到构建器上查看",
    "not stopped: {}": "未能停止：{}",
    "the adapter failed: {}": "程序内部出错：{}",
    "older than {}, which was already pushed; a person asked for it": "比已推送的 {} 旧，由人工指定构建",
    "{}: ask for the build again, `builds trigger`": "{}：请用 `builds trigger` 重新触发",
    # parts of the bridge
    "it takes notices again": "已恢复发送",
    "{}; {} gets its notices meanwhile": "{}；其间的通知改由渠道 {} 发送",
    "{} waits for a restart": "{} 重启后生效",
    "{} wait for a restart": "{} 重启后生效",
    "nothing in its rule is active any more": "规则里的配置已全部停用",
    "there is no rule for it any more": "它的规则已删除",
    "changed: {}": "有改动：{}",
    "changed: {}, by the API ({})": "有改动：{}（通过 API，操作人 {}）",
    "nothing in its rule is active any more, by the API ({})": (
        "规则里的配置已全部停用（通过 API，操作人 {}）"
    ),
    "there is no rule for it any more, by the API ({})": "它的规则已删除（通过 API，操作人 {}）",
    "and {} more repositories have changed: the log names them": "另有 {} 个仓库有改动，名称见日志",
    "less than {} are free on the disk of {}: no build starts": (
        "{1} 所在的磁盘剩余空间不足 {0}：不再启动构建"
    ),
}
