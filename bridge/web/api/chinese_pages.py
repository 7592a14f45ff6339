# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""Why a page does not do what a form asks for, in Chinese: a part of `bridge.web.api.chinese`."""

from collections.abc import Mapping
from typing import Final

OF_PAGES: Final[Mapping[str, str]] = {
    "there is no such page": "没有这个页面",
    "this page is for those who have signed in": "这个页面登录后才能打开",
    "this page does not take {}: open it instead": "这个页面不接受 {0}：请直接打开它",
    "the body is no form: send application/x-www-form-urlencoded": (
        "请求体不是表单：请发送 application/x-www-form-urlencoded"
    ),
    "the form has over {} fields, or is no UTF-8": "表单的字段超过 {0} 个，或者不是 UTF-8",
    "the form is incomplete: open its page again": "表单不完整：请重新打开它所在的页面",
    "the same form is still being done: look at the page again in a moment": (
        "同一个表单还在处理：请稍后再看这个页面"
    ),
    "{} #{} has no run {}": "{0} #{1} 没有第 {2} 次运行",
    "say how it ended, and how you know it, in at most {} characters": (
        "请说明结果是什么、您是怎么知道的，不超过 {0} 个字符"
    ),
    "there is no {}: see the page of the health": "没有 {0}：请看运行状况页",
    "this answer is known no longer: test or reload once more": "这个结果已经不在了：请重新测试或重新加载",
    "choose notices in the list first": "请先在列表里选择通知",
    "choose at most {} notices at once": "一次最多选择 {0} 条通知",
    "is neither replay nor drop": "既不是重发，也不是丢弃",
}
