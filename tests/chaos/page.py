# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""The guide `chaos`: what a run is, and what the newest run of each kind of fleet has shown.

The records of the runs are files in `tests/data/chaos`; the guide is made of them, and of nothing else.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from bridge.model.language import Language

ROOT: Final = Path(__file__).parents[2]
RECORDS: Final = ROOT / "tests" / "data" / "chaos"
LANGUAGES: Final[Sequence[Language]] = ("en", "zh-CN")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One run; `ends` is how often a node ended by itself, `faults` and `figures` are by name."""

    date: str
    engine: str
    nodes: int
    versions: str
    processors: int
    memory_gib: int
    seed: int
    minutes: float
    rate: float
    lease: float
    faults: Mapping[str, int]
    ends: int
    figures: Mapping[str, Any]
    breaches: Sequence[str]

    @property
    def name(self) -> str:
        return f"{self.engine.partition(' ')[0].lower()}-{self.nodes}"


def keep(record: Record) -> None:
    """Write the record of a run, and the guide anew."""
    RECORDS.mkdir(exist_ok=True)
    text = json.dumps(asdict(record), indent=1, ensure_ascii=False)
    (RECORDS / f"{record.name}.json").write_text(f"{text}\n")
    for language in LANGUAGES:
        guide(language).write_text(text_of(records(), language))


def guide(language: Language) -> Path:
    return ROOT / "bridge" / "guides" / language / "chaos.md"


def records() -> list[Record]:
    return [Record(**json.loads(file.read_text())) for file in sorted(RECORDS.glob("*.json"))]


def text_of(found: Iterable[Record], language: Language) -> str:
    """The whole guide."""
    parts = [(Path(__file__).parent / f"page.{language}.md").read_text()]
    for record in found:
        words = _WORDS[language]
        parts += ["", f"### {words['title'].format(record=record)}", "", table(record, language)]
    return "\n".join(parts) + "\n"


def table(record: Record, language: Language) -> str:
    """What was done, and what was seen."""
    words = _WORDS[language]
    figures = record.figures
    faults = words["and"].join(
        words[kind].format(count=count) for kind, count in record.faults.items() if count
    )
    rows = [
        (words["date"], record.date),
        (words["machine"], words["machine_is"].format(record=record)),
        (words["versions"], record.versions),
        (words["load"], words["load_is"].format(record=record)),
        (words["faults"], faults),
        (words["freeze_lasts"], words["seconds"].format(3 * record.lease)),
        (words["ends"], f"{record.ends}"),
        *((words[name], f"{figures[name]:,}") for name in _COUNTS),
        *(
            (words[name], words["seconds"].format(figures[name]))
            for name in _SECONDS
            if figures.get(name) is not None
        ),
        (words["breaches"], f"{len(record.breaches)}"),
    ]
    head = f"| {words['what']} | {words['is']} |\n|---|---|"
    return "\n".join([head, *(f"| {name} | {value} |" for name, value in rows)])


_COUNTS: Final = ("deliveries", "again", "builds", "superseded", "triggers", "notices", "messages")
_SECONDS: Final = ("answer_median", "answer_p99", "takeover", "rest")
_WORDS: Final[Mapping[Language, Mapping[str, str]]] = {
    "en": {
        "title": "{record.engine}, nodes: {record.nodes}",
        "what": "what",
        "is": "in this run",
        "and": ", ",
        "date": "day",
        "machine": "machine",
        "machine_is": "{record.processors} processors and {record.memory_gib} GiB, for all that takes part",
        "versions": "versions",
        "load": "load",
        "load_is": "{record.rate:g} pushes a second for {record.minutes:g} minutes, `--seed {record.seed}`",
        "faults": "faults",
        "kill": "{count} kills",
        "freeze": "{count} freezes",
        "restart": "{count} restarts of the database",
        "cut": "{count} cuts of the network to it",
        "hush": "{count} silences of that network",
        "freeze_lasts": "a freeze lasts",
        "seconds": "{:g} s",
        "ends": "nodes that ended by themselves, and were started again",
        "deliveries": "deliveries that were answered",
        "again": "of them sent more than once",
        "builds": "builds",
        "superseded": "of them superseded by a newer push",
        "triggers": "triggers that Jenkins took",
        "notices": "notices for the robots",
        "messages": "messages in which the robots got them",
        "answer_median": "from the push to its answer, median",
        "answer_p99": "from the push to its answer, 99th percentile",
        "takeover": "longest time until another process had a duty, after a kill or a freeze",
        "rest": "from the last answer until nothing waited any more",
        "breaches": "**breaches that the checker found**",
    },
    "zh-CN": {
        "title": "{record.engine}，节点数 {record.nodes}",
        "what": "项目",
        "is": "本次结果",
        "and": "，",
        "date": "日期",
        "machine": "机器",
        "machine_is": "{record.processors} 个处理器，{record.memory_gib} GiB 内存，参与测试的程序共用",
        "versions": "版本",
        "load": "负载",
        "load_is": "每秒 {record.rate:g} 次推送，持续 {record.minutes:g} 分钟，`--seed {record.seed}`",
        "faults": "故障",
        "kill": "强制终止 {count} 次",
        "freeze": "冻结 {count} 次",
        "restart": "重启数据库 {count} 次",
        "cut": "断开数据库网络 {count} 次",
        "hush": "数据库网络无响应 {count} 次",
        "freeze_lasts": "每次冻结的时长",
        "seconds": "{:g} 秒",
        "ends": "节点自行退出并重新启动的次数",
        "deliveries": "得到应答的投递",
        "again": "其中发送了不止一次的",
        "builds": "构建",
        "superseded": "其中被更新的推送取代的",
        "triggers": "Jenkins 接受的触发",
        "notices": "发给机器人的通知",
        "messages": "机器人收到的消息（多条通知可合并成一条）",
        "answer_median": "从推送到应答，中位数",
        "answer_p99": "从推送到应答，第 99 百分位",
        "takeover": "终止或冻结之后，其他进程接管职责最长用时",
        "rest": "从最后一次应答到没有任何事项等待处理",
        "breaches": "**检查发现的违例**",
    },
}
