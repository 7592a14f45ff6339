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
    "{} will be looked for in each checkout": "每次拉取代码后再查找 {}",
    "{} can be run": "可以运行 {}",
    "fetch the code": "拉取代码",
    "build the image": "构建镜像",
    "run the command": "运行命令",
    "push the image": "推送镜像",
    # tests
    "no program that builds images is installed ({}): install buildah": (
        "没有安装能构建镜像的程序（{}）：请安装 buildah"
    ),
    "{} --version failed": "{} --version 失败",
    "RUN steps for {} cannot run on this machine: install qemu-user-static, which registers emulators "
    "with binfmt_misc": "本机不能运行 {} 的 RUN 步骤：请安装 qemu-user-static，它会向 binfmt_misc 注册模拟器",
    "a sign-in page answers in place of the registry {} (HTTP {}): check `registry`": (
        "应答的是登录页面，不是镜像仓库 {}（HTTP {}）：请检查 `registry`"
    ),
    "a web page answers in place of the registry {} (HTTP {}): check `registry`": (
        "应答的是网页，不是镜像仓库 {}（HTTP {}）：请检查 `registry`"
    ),
    "the registry {} answers with HTTP {}": "镜像仓库 {} 返回 HTTP {}",
    "the registry {} answers": "镜像仓库 {} 有应答",
    "the registry {} answers and requires credentials": "镜像仓库 {} 有应答，需要凭据",
    "the host name of the registry {} cannot be resolved: check `registry` and DNS": (
        "镜像仓库 {} 的主机名无法解析：请检查 `registry` 和 DNS"
    ),
    "the registry {} refuses connections: check that it runs, and `registry`": (
        "镜像仓库 {} 拒绝连接：请确认它在运行，并检查 `registry`"
    ),
    "the registry {} did not answer within {} s: check `registry`": (
        "镜像仓库 {} 在 {} 秒内没有应答：请检查 `registry`"
    ),
    "the registry {} does not answer ({}): check `registry`": "镜像仓库 {} 没有应答（{}）：请检查 `registry`",
    "the image {} names no registry: set `registry` on the builder, or name it in the rule": (
        "镜像 {} 没有写镜像仓库：请在构建器上设置 `registry`，或者写进规则"
    ),
    # tests
    "{} --version failed: {}": "{} --version 失败：{}",
    "the program {} is not found, so no code can be fetched: install {}": (
        "找不到程序 {}，所以不能拉取代码：请安装 {}"
    ),
    "the program {} is not found, which `lfs: true` needs: install {}": (
        "找不到程序 {}，而 `lfs: true` 需要它：请安装 {}"
    ),
    "the program {} of the builder {} is not installed": "构建器 {1} 的程序 {0} 没有安装",
    "the certificate of the registry {} comes from an authority that is not trusted here: write into "
    "{} that authority's certificate, or have the server send the intermediate ones": (
        "镜像仓库 {} 的证书由本机不信任的机构签发：请把该机构的证书写进 {}，或让服务端发送中间证书"
    ),
    "the registry {} answers without TLS at this port: set tls_verify: false, or for docker its "
    "insecure-registries": (
        "镜像仓库 {} 的这个端口不用 TLS：请设置 tls_verify: false，docker 则设置 insecure-registries"
    ),
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
    # advice
    "the program git is not found, so no code can be fetched": "没有找到 git，无法取代码",
    "install git": "请安装 git",
    "the program git-lfs is not found, which `lfs: true` needs": "没有找到 `lfs: true` 需要的 git-lfs",
    "install git-lfs": "请安装 git-lfs",
    "no program that builds images is installed ({})": "没有安装构建镜像的程序（{}）",
    "install {}": "请安装 {}",
    "the program {} is not found": "没有找到程序 {}",
    "install it, or correct `command`": "请安装它，或者改正 `command`",
    "{} can never be fetched": "{} 无法取得代码",
    "{} and {} more can never be fetched": "{} 和另外 {} 个仓库无法取得代码",
    "add {} to `protocols`": "请在 `protocols` 里加上 {}",
    "{} can never be built: its parameter {} would decide which programs run: give it another name": (
        "{} 无法构建：参数 {} 会决定运行哪些程序：请换一个名字"
    ),
    "{} can never be built": "{} 无法构建",
    "its parameter {} would decide which programs run": "参数 {} 会决定运行哪些程序",
    "give it another name": "请换一个名字",
    "builds cannot be written to {}": "构建无法写入 {}",
    "{} is no folder": "{} 不是目录",
    "this user may not write to {}": "这个用户不能写 {}",
    "give it to the daemon's user, and under systemd name it in ReadWritePaths": (
        "请把它交给守护进程的用户，用 systemd 时还要写进 ReadWritePaths"
    ),
    "the image of {} names no registry to push to": "{} 的镜像没有写推送到哪个镜像仓库",
    "set `registry`": "请设置 `registry`",
}
