"""What is said of databases, and of stores that are copied, in Chinese by the English sentences."""

# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation

from collections.abc import Mapping
from typing import Final

CHINESE: Final[Mapping[str, str]] = {
    "a proxy before the server has several clients share a connection: set it to pool by sessions, and to "
    "reset them (PgBouncer: pool_mode = session, server_reset_query = DISCARD ALL)": (
        "服务器前面的代理让多个客户端共用一个连接：请让它按会话分配连接，并在之后重置（PgBouncer："
        "pool_mode = session，server_reset_query = DISCARD ALL）"
    ),
    "other sessions, such as that of pg_dump, have kept its tables locked for {} min": (
        "其他会话（例如 pg_dump）锁住它的表已有 {} 分钟"
    ),
    "the database cannot be opened: {}": "数据库打不开：{}",
    "the database is a copy that is not complete: run `buildbridge db copy` again, it goes on from there": (
        "数据库的复制没有完成：请再运行 `buildbridge db copy`，它会接着复制"
    ),
    "{} is a copy that is not complete: run `buildbridge db copy` again, it goes on from there": (
        "{} 的复制没有完成：请再运行 `buildbridge db copy`，它会接着复制"
    ),
    "the copy cannot be begun: {}": "无法开始复制：{}",
    "{} is no file of SQLite: name another one": "{} 不是 SQLite 文件：请写别的文件",
    "another session has been writing to the database for {} s: wait until that has ended, and run this "
    "command again": "另一个会话一直在写这个数据库，已有 {} 秒：请等它结束，再运行一次",
    "the copy has stopped: {}; when run again, this command goes on": "复制中断：{}；再运行一次会接着复制",
    "a store cannot be copied into itself: name another place": "存储不能复制到它自己：请写别的位置",
    "the target has a store already: {}": "目标位置已经有存储：{}",
    "the target has the beginning of a copy from {}: {}": "目标位置有从 {} 开始的复制，还没有完成：{}",
    "{} has changed since this copy was begun: {}": "开始复制之后 {} 有变动：{}",
    "the table {} has {} rows there and {} in the copy, and they are not the same: the source has changed "
    "since the copy was begun: {}": (
        "表 {} 在原处有 {} 行，复制后有 {} 行，内容不一致：开始复制之后，原存储有变动：{}"
    ),
    "empty the target (a new database, or delete its file), and copy again": (
        "请清空目标位置（新建数据库，或者删掉文件），再重新复制"
    ),
    "{} has a password, which others see in the list of processes: leave it out, and write it into ~/.pgpass "
    "or $PGPASSWORD": "{} 带有密码，别人能在进程列表里看到：请去掉，写进 ~/.pgpass 或 $PGPASSWORD",
}
