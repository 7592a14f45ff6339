"""What the bridge itself says in a notice is said in the reader's language."""

# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation

import re
from collections.abc import Iterator
from importlib import import_module
from pkgutil import walk_packages

import pytest
from support.notices import context, notice

from bridge.channels.chinese import CHINESE
from bridge.channels.content import DETAILS
from bridge.channels.reasons import reasons
from bridge.channels.rendering import compose
from bridge.channels.templates.chinese import CHINESE as OF_TEMPLATES
from bridge.config.chinese import CHINESE as OF_FILES
from bridge.model.notice import EventName, ServiceFacts
from bridge.registry import BUILDERS, CHANNELS
from bridge.rules.chinese import CHINESE as OF_RULES
from bridge.services.health import CONFIGURATION_RESTORED, RULES_RESTORED

OF_BUILDERS = {english: chinese for kind in BUILDERS.values() for english, chinese in kind.chinese.items()}
GONE = (
    "gone from Jenkins: it was deleted; the queue and the builds were searched by build id, queue number and "
    "build number, 3 times in 61 s while Jenkins answered"
)
SEARCHED = "Jenkins 可用时按构建 id、队列号和构建号在 61 秒内 3 次查找队列和构建，都没有"
CATALOGUES = {
    "channels": CHINESE,
    "files": OF_FILES,
    "rules": OF_RULES,
    "templates": OF_TEMPLATES,
    **{kind: found for kind in CHANNELS if (found := CHANNELS[kind].chinese)},
    **{kind: found for kind in BUILDERS if (found := BUILDERS[kind].chinese)},
}
NO_CURES = {"CHINESE", "_AGAIN"}
LOST = "no whole answer from x: ReadTimeout"
CLOCK = "if it is still good, the clock of this machine is wrong"
EXPIRED = f"the certificate of x has expired: renew it there; {CLOCK}"
WAY = "check the url, and any proxy or portal on the way"
SIGN_IN = f"a sign-in page at proxy.example answers in place of the robot (HTTP 302): {WAY}"


def told(detail: str) -> str:
    """The line of a notice that gives the reason."""
    given = context(sentences=OF_BUILDERS)
    lines = compose(notice(detail=detail, log_tail=""), given, DETAILS[0]).lines
    return next(line[0] for line in lines if str(line[0]).startswith("原因："))  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("detail", "shown"),
    [
        ("sh failed with exit code 1", "构建命令 sh 失败，退出码 1"),
        ("to mail: team is out of order", "渠道 team 异常，改由渠道 mail 发送"),
        ("superseded by #2: b485eebf was pushed", "已被 #2（b485eebf）取代"),
        (
            "the runner was killed after a command or a push had begun: no one knows how it ended",
            "构建进程被终止，镜像可能已推送也可能没有。请核对镜像仓库，必要时重新触发。",
        ),
        (
            "git fetch of x failed: no: the token of `sources.g.clone` may not read it, or has expired",
            "git fetch x 失败：no：`sources.g.clone` 的令牌无权读取，或者已过期",
        ),
        ("rejected: the job 'x' is disabled (409)", "构建器拒绝：任务 'x' 已被禁用（409）"),
        (
            "gone from Alauda: it showed the repository shop 3 times in 61 s, and not this build",
            "在 Alauda 上找不到了：在 61 秒内 3 次看到仓库 shop，都没有这个构建",
        ),
        ("failed in the step 'docker build'", "步骤 'docker build' 失败"),
        ("failed in the job 'test' of the stage 'check'", "阶段 'check' 的作业 'test' 失败"),
        ("failed in the job 'build', in the step 'push'", "作业 'build' 的步骤 'push' 失败"),
        (GONE, f"在 Jenkins 上找不到了：已被删除；{SEARCHED}"),
        ("Jenkins has no job 'x' yet", "Jenkins 上还没有任务 'x'"),
        (
            "sh failed with exit code 2; the tags could not be fetched",
            "构建命令 sh 失败，退出码 2；取不到标签",
        ),
        ("what a server said", "what a server said"),
    ],
)
def test_a_reason_is_told_in_chinese_with_its_values(detail: str, shown: str) -> None:
    assert told(detail) == f"原因：{shown}"


def test_a_part_of_the_bridge_is_named_in_chinese() -> None:
    facts = ServiceFacts(subject="rules", detail="what was good stays in force: sup.yaml, line 4: a fault")
    content = compose(notice(EventName.DEGRADED, facts), context(), DETAILS[0])
    assert content.title == "[异常] 规则文件"
    assert content.lines == (("规则文件有错，继续使用上一版规则。sup.yaml 第 4 行：a fault",),)
    test = ServiceFacts(subject="channel:b", detail="", is_test=True)
    content = compose(notice(EventName.RESTORED, test), context(), DETAILS[0])
    assert (content.title, content.lines) == ("[测试] 通知渠道 b", (("通知渠道 b 可用",),))


@pytest.mark.parametrize("catalogue", CATALOGUES)
def test_a_chinese_form_has_the_values_of_the_english_one(catalogue: str) -> None:
    for sentence, form in CATALOGUES[catalogue].items():
        values = [f"§{place}" for place in range(sentence.count("{}"))]
        said = re.sub(":(?:list|ref|role)}", "}", form).format(*values)
        assert sorted(re.findall(r"§\d", said)) == values, sentence
        assert re.search(r"[\u4e00-\u9fff]", form), sentence


@pytest.mark.parametrize(
    ("detail", "shown"),
    [
        (
            "silence 0a1b of ann until 2026-11-21T08:00:00Z: the mirror moves",
            "静默 0a1b，由 ann 设置，到 2026-11-21T08:00:00Z：the mirror moves",
        ),
        (
            f"silence 0a1b of ann until 08:00: quiet; the last attempt: perhaps sent: {LOST}",
            "静默 0a1b，由 ann 设置，到 08:00：quiet；上次发送：可能已发送：x 没有完整应答：ReadTimeout",
        ),
        ("taken apart: silence 0a1b holds some of it", "已拆开：静默 0a1b 拦下了其中一部分"),
        ("taken apart: its notices go to spare", "已拆开：里面的通知改由渠道 spare 发送"),
        (
            "team is out of order, and spare has a notice of the same event",
            "渠道 team 异常，渠道 spare 已有同一事件的通知",
        ),
        (
            f"perhaps sent: {LOST}; spare gets its notices meanwhile",
            "可能已发送：x 没有完整应答：ReadTimeout；其间的通知改由渠道 spare 发送",
        ),
        (RULES_RESTORED, "规则文件已改好并生效"),
        (CONFIGURATION_RESTORED, "bridge.yaml 里没有等待重启的改动了"),
        ("it answers again", "已恢复应答"),
        ("there is room again", "磁盘空间已够用"),
        (
            "shop main: 0 3 * * * UTC: missed 2 times until 03:00, since the bridge was not running",
            "shop main: 0 3 * * * UTC：到 03:00 为止错过 2 次，因为 Buildbridge 没有运行",
        ),
        (
            "a: missed over 99 times until 03:00, since the clock went from 01:00 to 04:00 at once",
            "a：到 03:00 为止错过 99 次以上，因为时钟从 01:00 一下跳到 04:00",
        ),
        ("there is no builder ci any more, since 08:00", "从 08:00 起没有构建器 ci"),
        ("it could not be sent in time", "未能在有效期内发送"),
        ("dropped by ann", "由 ann 丢弃"),
        (
            "the certificate of x is for another name than x: use a name that it lists, or replace it there",
            "x 的证书里没有 x：请用证书里的域名，或者在那边更换证书",
        ),
        (
            EXPIRED,
            "x 的证书已过期：请在那边更新；如果它其实没有过期，就是这台机器的时钟不对",
        ),
        (
            SIGN_IN,
            "应答的是 proxy.example 上的登录页，不是机器人（HTTP 302）：请检查 url，以及途中的代理和认证网关",
        ),
    ],
)
def test_why_a_notice_did_not_go_out_is_said_in_chinese(detail: str, shown: str) -> None:
    assert reasons("zh-CN", {})(detail) == shown


def sentences(value: object) -> Iterator[str]:
    match value:
        case str() if re.fullmatch("[a-z`].* .* .*", value):
            yield value
        case dict():
            yield from (one for part in value.values() for one in sentences(part))
        case tuple():
            yield from (one for part in value for one in sentences(part))


@pytest.mark.parametrize("kind", CHANNELS)
def test_each_cure_in_the_tables_of_a_channel_has_a_chinese_form(kind: str) -> None:
    say = reasons("zh-CN", CHANNELS[kind].chinese)
    package = CHANNELS[kind].__module__.rpartition(".")[0]
    names = [one.name for one in walk_packages(import_module(package).__path__, f"{package}.")]
    for module in (import_module(name) for name in names if not name.endswith(".chinese")):
        tables = [value for name, value in vars(module).items() if name not in NO_CURES and name[:2] != "__"]
        assert [one for table in tables for one in sentences(table) if say(one) == one] == []
