# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""What local builds say of themselves, in Chinese; `{}` stands for any words."""

from collections.abc import Mapping
from typing import Final

CHINESE: Final[Mapping[str, str]] = {
    "{} failed with exit code {}": "构建命令 {} 失败，退出码 {}",
    "{} was ended by signal {}": "构建命令 {} 被信号 {} 终止",
    "the image build failed with exit code {}": "镜像构建失败，退出码 {}",
    "the image build was ended by signal {}": "镜像构建被信号 {} 终止",
    "the push of {} failed with exit code {}": "推送镜像 {} 失败，退出码 {}",
    "the push of {} failed with exit code {}: {}": "推送镜像 {} 失败，退出码 {}：{}",
    "the runner was killed after a command or a push had begun: no one knows how it ended": (
        "构建进程被终止，镜像可能已推送也可能没有。请核对镜像仓库，必要时重新触发。"
    ),
    "the folder of the build is gone": "构建目录已不存在",
    "the build was interrupted and cannot be resumed": "构建被中断，无法继续",
    "there is no {} {} in the checkout": "代码里没有 {1}（{0}）",
    "the {} {} lies outside the checkout": "{1}（{0}）在代码目录之外",
    "the image was pushed, but its digest could not be read": "镜像已推送，但读不到它的摘要",
    "{} is not {} of {}: the ref was moved": "{2} 已被移动：{0}（{1}）不再是它的提交",
    "the tags could not be fetched": "取不到标签",
    "git {} of {} failed: {}": "git {} {} 失败：{}",
    "{}: add {} to `protocols` of the builder, if builds may fetch so": (
        "{}：如果允许这样拉取代码，请在构建器的 `protocols` 里加上 {}"
    ),
    "{}: the key of `sources.{}.clone` may not read it, or it is not there": (
        "{}：`sources.{}.clone` 的密钥无权读取，或者仓库不存在"
    ),
    "{}: the token of `sources.{}.clone` may not read it, or has expired": (
        "{}：`sources.{}.clone` 的令牌无权读取，或者已过期"
    ),
    "{}: the host does not take the key of `sources.{}.clone`: add its public half to the repository's "
    "deploy keys": "{}：代码平台不认 `sources.{}.clone` 的密钥，请把公钥加到仓库的部署公钥里",
    "{}: `sources.{}.clone.known_hosts` has no such key: compare what `{}` prints with what the host "
    "publishes, and put it there": (
        "{}：`sources.{}.clone.known_hosts` 里没有这个密钥，请核对 `{}` 的输出和平台公布的指纹，再加进去"
    ),
    "{}: correct the host's name, or the DNS of this machine": "{}：请检查主机名，或本机的 DNS",
    "{}: the host does not answer there: check address, port and firewall": (
        "{}：主机没有应答，请检查地址、端口和防火墙"
    ),
    "{} cannot be started: {}": "无法启动 {}：{}",
    "the checkout is over its limit of {} bytes": "代码超过了 {} 字节的上限",
    "the registry {} did not take {} within {}: {}": "镜像仓库 {0} 在 {2} 内没有接收 {1}：{3}",
    "fetch the code": "拉取代码",
    "build the image": "构建镜像",
    "run the command": "运行命令",
    "push the image": "推送镜像",
    # settings
    "write its whole path, which begins with a slash": "请写以斜杠开头的完整路径",
    "write its host and port, such as 127.0.0.1:5000, without http:// before it": (
        "请写主机和端口，例如 127.0.0.1:5000，前面不要 http://"
    ),
    "must be the path of a folder, such as {}": "应该是目录的路径，例如 {}",
    "`command` builds without an engine: remove {}, or remove `command`": (
        "`command` 不用构建引擎：请删掉 {}，或者删掉 `command`"
    ),
    "only buildctl knows {}: set `engine: buildctl`, or remove {}": (
        "只有 buildctl 支持 {0}：请设置 `engine: buildctl`，或者删掉 {1}"
    ),
    "the first part of `command` is the program, it cannot be empty": "`command` 的第一项是程序，不能为空",
}
