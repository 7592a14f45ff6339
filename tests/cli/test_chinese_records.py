# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""Listings, records and what is done with them in a Chinese terminal: Chinese but for names, ids, times."""

import re
from functools import partial
from pathlib import Path

import pytest
from support.chinese import HAN
from support.commands import Done, command
from support.daemon import Daemon
from support.listed import add_notice
from support.reconciling import keep_missed
from support.records import filled
from support.scripted import SHA, Store, delivery_of, quiet

from bridge.cli.chinese_documents import NAMES
from bridge.model.build import BuildState
from bridge.model.delivery import DeliveryState
from bridge.model.notice import NoticeState
from bridge.planning.builds import plan
from bridge.planning.missed import reason
from bridge.store.values import Decision

LATIN = re.compile(r"[A-Za-z][A-Za-z]+ [a-z][a-z]+ [a-z]+")
"""Three words of English: names, ids and times are no sentence."""


_NO_WEBHOOK = partial(
    reason, source="gitea", looked_at=9.0, away=(1.0, 5.0), failed_since=None, rejected=None
)
_SIGNATURE = "the signature is wrong: it was made with another secret or over another body"
_REASONS = [
    _NO_WEBHOOK(looked_at=3.0, last_delivery=None),
    _NO_WEBHOOK(failed_since=2.0, last_delivery=None),
    _NO_WEBHOOK(last_delivery=None),
    _NO_WEBHOOK(last_delivery=2.0),
    _NO_WEBHOOK(last_delivery=9.0),
    _NO_WEBHOOK(last_delivery=9.0, rejected=(1, _SIGNATURE)),
    _NO_WEBHOOK(last_delivery=9.0, rejected=(7, _SIGNATURE)),
]
"""Each one why a push was missed."""


@pytest.fixture(autouse=True)
def chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")


@pytest.fixture
def daemon(daemon: Daemon) -> Daemon:
    """A store with one of each: what waits, failed, was ignored, could not be sent, and is held."""

    async def fill(store: Store) -> None:
        failed = await store.add_build("1")
        await store.builds.transition(failed.id, BuildState.FAILED, quiet, detail="failed in the stage push")
        await store.add_build("2", repo_name="other")
        for key, state, why in (
            ("ignored", DeliveryState.IGNORED, "no rule is for acme/web"),
            ("dead", DeliveryState.DEAD, "the ref's name is over 1 KiB"),
        ):
            receipt = await store.deliveries.put(delivery_of(key, store.clock()))
            decision = Decision(state=state, detail=why, explanation=[], builds=[])
            await store.deliveries.record_decision(receipt.id, decision, quiet, plan)
        await add_notice(store, "about-a-build", failed)
        await add_notice(store, "about-a-part", channel="ops", ended=NoticeState.SENT)
        await add_notice(store, "unsent", failed, "mail")
        await store.notices.end(
            "unsent", NoticeState.DEAD, "no whole answer from a.example: reset", reason="content"
        )
        await keep_missed(store, *_REASONS)

    filled(daemon, fill)
    return daemon


def run(daemon: Daemon, line: str, status: int = 0) -> Done:
    done = command("--config", daemon.config, *line.split())
    assert done.status == status, done
    return done


def check(text: str) -> None:
    assert HAN.search(text)
    for line in text.splitlines():
        assert not LATIN.search(re.sub(r"`[^`]*`", "", line)), line


@pytest.mark.parametrize(
    ("line", "heading"),
    [
        ("builds list", "构建|构建编号|创建时间|引用|镜像标签|状态|说明"),
        ("deliveries list", "编号|接收时间|来源|平台上的仓库|引用|状态|说明"),
        ("notices list", "编号|创建时间|渠道|事件|内容|状态|次数|说明"),
        ("builders list", "名称|类型|状态|起始时间|等待|进行中|原因"),
        ("channels list", "名称|类型|状态|起始时间|暂停到|等待|原因"),
        ("sources list", "名称|类型|地址|取代码的凭据|规则数"),
        ("sources missed", "时间|来源|平台上的仓库|引用|之后|状态|原因"),
        ("schedules list", "仓库|分支|cron|时区|下次时间"),
        ("silences list --all", "编号|静默范围|截止时间|操作人|已拦下|原因|状态"),
        ("token list", "编号|名称|角色|命名空间|访问密钥|最近使用|过期时间|状态"),
        ("audit list", "时间|名称|来自|操作|主题|之前|之后"),
    ],
)
def test_a_listing_is_chinese(line: str, heading: str, daemon: Daemon) -> None:
    run(daemon, "silences add --repository acme/shop --until 1h --reason x")
    run(daemon, "token add ci --role viewer --expires 90d")
    run(daemon, "builds cancel acme/other#1")
    text = run(daemon, line).stdout
    assert re.sub(r"  +", "|", text.splitlines()[0].strip()) == heading
    check(text)


@pytest.mark.parametrize("listing", ["builds", "deliveries", "notices"])
def test_a_record_is_chinese_with_a_name_for_each_value_and_its_timeline(
    listing: str, daemon: Daemon
) -> None:
    for row in run(daemon, f"{listing} list --json").documents:
        text = run(
            daemon, f"{listing} show {row.get('build_id') if listing == 'builds' else row['id']}"
        ).stdout
        check(text)
        for line in text.splitlines():
            name = line.partition("  ")[0]
            assert not name or HAN.search(name) or name == NAMES["dockerfile location"], line
            assert not line.startswith("  20") or HAN.search(line), line


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("status", 1, "守护进程没有运行：请启动（`buildbridge serve`）"),
        ("health", 1, "现在没有守护进程在使用存储"),
        ("reload", 1, "现在没有守护进程在使用存储"),
        ("builds cancel acme/other#1", 0, "已请求取消构建 acme/other #1"),
        ("builds cancel acme/shop#1", 1, "acme/shop #1 已结束：失败"),
        (
            "builds resolve acme/other#1 --as failed --reason x",
            1,
            "acme/other #1 的结果并非未知：状态是等待中",
        ),
        ("builds retry acme/shop#1", 0, "acme/shop #1 等待构建：第 2 次构建，由 "),
        ("builds retry acme/other#1", 1, "acme/other #1 尚未结束，状态是等待中：请取消它，或等它结束"),
        ("builds retry --failed-since 2023-01-01", 0, "重新构建 0 个"),
        ("builds log acme/shop#1", 0, "守护进程还没有读到 acme/shop #1 的日志；构建状态：失败"),
        ("builds log acme/shop#7", 1, "没有构建 acme/shop#7：见 `builds list`"),
        (f"builds trigger acme/shop --branch main --commit {SHA} --timeout 0", 0, "尚未处理：守护进程运行时"),
        (
            f"builds trigger acme/shpo --branch main --commit {SHA}",
            1,
            "没有 acme/shpo 的规则；您要写的是不是",
        ),
        ("notices drop about-a-build", 0, "已丢弃 about-a-build"),
        ("notices drop unsent", 1, "unsent 没有在等待：它发送失败了"),
        ("notices replay unsent", 1, "已经没有渠道 mail：请把它加入 bridge.yaml"),
        ("silences add --repository acme/shop --until 1h --reason x", 0, " 拦下：仓库 acme/shop"),
        ("silences end none", 1, "none 不是静默的编号：见 `silences list --all`"),
        ("token add ci --role viewer", 0, "只在这里显示一次"),
        ("token revoke none", 1, "none 不是令牌的编号：见 `token list`"),
        ("builders test here", 0, "可以运行 "),
        ("builders test none", 1, "没有构建器 none；配置里有 here"),
        ("channels test message", 0, "message 已收下测试通知"),
        ("sources test none", 1, "没有来源 none；配置里有 plain"),
        ("db check", 1, "1 个构建等待触发，最早的从 2023-11-14T22:13:20Z 开始：守护进程在运行吗？"),
        ("db export", 0, "0 个仓库是通过 API 创建或修改的"),
        ("db export --records", 0, "9 条记录"),
        ("db delete acme/none", 1, "没有通过 API 创建的仓库 acme/none：写在文件里的，请在文件里删除"),
        ("audit list --limit 0", 2, "'--limit' 的值不对：0 不在 "),
        ("help none", 1, "没有主题 none："),
    ],
)
def test_what_is_done_is_said_in_chinese(line: str, status: int, said: str, daemon: Daemon) -> None:
    done = run(daemon, line, status)
    assert said in done.stdout + done.stderr
    check(done.stderr or done.stdout)


@pytest.mark.sqlite
def test_a_backup_and_a_restore_are_said_in_chinese(daemon: Daemon, tmp_path: Path) -> None:
    made = run(daemon, f"db backup {tmp_path / 'backup'}").stdout
    assert "接收记录 4，构建 2，通知 3" in made
    done = run(daemon, f"db restore {tmp_path / 'backup'}").stdout
    assert "1 个构建尚未触发，已标为结果未知：用 `builds list --state unknown` 查看，再重新构建" in done
    check(made)
    check(done)


def test_programs_read_what_they_always_do(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    run(daemon, "silences add --repository acme/shop --until 1h --reason x")
    lines = [f"{one} list --json" for one in ("builds", "deliveries", "notices", "builders", "silences")]
    lines += ["builds show acme/shop#1 --json", "notices show unsent --json"]
    chinese = [run(daemon, line).stdout for line in lines]
    monkeypatch.setenv("LANG", "C.UTF-8")
    assert [run(daemon, line).stdout for line in lines] == chinese
