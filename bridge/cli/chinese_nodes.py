"""What is said when a node cannot begin, or go on, in Chinese by the English sentences."""

# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation

from collections.abc import Mapping
from typing import Final

CHINESE: Final[Mapping[str, str]] = {
    "{}: {}: a node needs a folder that it may write": "{}：{}：节点需要一个可以写入的目录",
    "{} is in use by another daemon: stop that one, or name another store.folder": (
        "{} 正被另一个守护进程使用：请停掉它，或者把 store.folder 换成别的目录"
    ),
    "a copy of it is being made: it can be used when that is done": ("正在复制这个数据库：完成之后才能使用"),
    "the node {} has the same name of its folder: where this folder is a copy of that one, delete the file "
    "*.node in it; if the name of this machine has changed, wait a minute": (
        "节点 {} 的目录与这里的同名：如果这个目录是从那里复制来的，请删除其中的 *.node 文件；"
        "如果本机改过名，请等一分钟"
    ),
    "other nodes have taken over what this one did, since it was not heard of for {} s (it stood still, or "
    "did not reach the database): a restart makes it a node again": (
        "其他节点已经接手，因为 {} 秒没有这个节点的心跳（它停住了，或连不上数据库）：重新启动后它又是节点"
    ),
}
