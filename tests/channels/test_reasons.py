"""What the bridge itself says in a notice is said in the reader's language."""

# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation

import re

import pytest
from support.notices import context, notice

from bridge.channels.chinese import CHINESE
from bridge.channels.content import DETAILS
from bridge.channels.rendering import compose
from bridge.config.chinese import CHINESE as OF_FILES
from bridge.model.notice import EventName, ServiceFacts
from bridge.registry import BUILDERS
from bridge.rules.chinese import CHINESE as OF_RULES

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
    **{kind: found for kind in BUILDERS if (found := BUILDERS[kind].chinese)},
}


def told(detail: str) -> str:
    """The line of a notice that gives the reason."""
    given = context(sentences=OF_BUILDERS)
    lines = compose(notice(detail=detail, log_tail=""), given, DETAILS[0]).lines
    return next(line[0] for line in lines if str(line[0]).startswith("原因："))  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("detail", "shown"),
    [
        ("sh failed with exit code 1", "构建命令 sh 失败，退出码 1"),
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


@pytest.mark.parametrize(
    ("catalogue", "sentence"), [(name, one) for name, found in CATALOGUES.items() for one in found]
)
def test_a_chinese_form_has_the_values_of_the_english_one(catalogue: str, sentence: str) -> None:
    form = CATALOGUES[catalogue][sentence]
    values = [f"§{place}" for place in range(sentence.count("{}"))]
    assert sorted(re.findall(r"§\d", form.format(*values))) == values
    assert re.search(r"[\u4e00-\u9fff]", form)


@pytest.mark.parametrize("kind", sorted({*BUILDERS} - {"dummy"}))
def test_a_builder_says_in_chinese_why_a_build_failed(kind: str) -> None:
    assert BUILDERS[kind].chinese
