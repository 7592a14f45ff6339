# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""What `doctor` says, in Chinese; in sentences `{}` stands for what they are about."""

from collections.abc import Mapping
from typing import Final

NAMES: Final[Mapping[str, str]] = {
    "ok": "正常",
    "warn": "警告",
    "fail": "失败",
    "skipped": "跳过",
    "health": "健康",
    "secrets": "密钥",
    "disk": "磁盘",
    "fsync": "写盘",
    "integrity": "完整性",
    "clock": "时钟",
    "clock of the store": "存储的时钟",
    "clock of the database": "数据库的时钟",
    "stuck rows": "卡住的记录",
    "stuck deliveries": "卡住的接收记录",
    "stuck builds": "卡住的构建",
    "stuck notices": "卡住的通知",
    "nodes": "节点",
    "webhook": "Webhook",
    "webhook at the host": "平台上的 Webhook",
    "looks": "查找推送",
    "rejected requests": "被拒绝的请求",
}
CHINESE: Final[Mapping[str, str]] = {
    "no answer within {} s": "{} 秒内没有应答",
    "look whether the disk or the server hangs": "请看磁盘或服务器是否卡住",
    "the check itself failed: {}: {}": "检查本身出错：{}：{}",
    "this is a mistake of Buildbridge: report it with this line": "这是 Buildbridge 的错误：请附上这一行报告",
    # configuration
    "{} is valid, with {} build repositories": "{} 有效，共 {} 个构建仓库",
    "{} is valid, with {} build repositories and {} warnings": "{} 有效，共 {} 个构建仓库，{} 条警告",
    "`buildbridge check` has each with its place": "`buildbridge check` 列出每一条和它的位置",
    "`buildbridge check` has this and {} more, each with its place": (
        "`buildbridge check` 列出这一条和另外 {} 条，以及它们的位置"
    ),
    # secrets
    "{} can read all {}": "{} 能读取全部 {} 个",
    "the configuration names no places of secrets": "配置里没有写密钥的存放位置",
    "the environment variable {} is not set, neither here nor for the daemon": (
        "环境变量 {} 没有设置，这里和守护进程都没有"
    ),
    "set it where the daemon starts: `Environment={}=…`, or an EnvironmentFile": (
        "请在守护进程启动的地方设置：`Environment={}=…`，或用 EnvironmentFile"
    ),
    "the credential {} is only there for the daemon": "凭据 {} 只有守护进程能看到",
    "run this as root, or as the user of the daemon, while the daemon runs": (
        "请在守护进程运行时，以 root 或守护进程的用户运行本命令"
    ),
    "run this as root, or as the user of the daemon": "请以 root 或守护进程的用户运行本命令",
    "{} cannot be looked at by this user": "当前用户不能查看 {}",
    "`LoadCredential={}:…` in the unit": "请在单元里写 `LoadCredential={}:…`",
    "put the secret there": "请把密钥存到那里",
    "{}, who has the store, cannot read {}": "存储的所有者 {} 读不了 {}",
    "{}, and let {} pass the folders above it": "请运行 {}，并让 {} 能进入上层目录",
    "other users may read {}": "其他用户可以读取 {}",
    # the clock, disks
    "no server says what time it is": "没有服务器给出时间",
    "this machine is {} s ahead of the servers of {}": "本机比 {1} 的服务器快 {0} 秒",
    "this machine is {} s behind the servers of {}": "本机比 {1} 的服务器慢 {0} 秒",
    "have it set: `timedatectl set-ntp true`, or look at chrony or ntpd": (
        "请校准：`timedatectl set-ntp true`，或检查 chrony、ntpd"
    ),
    "the clock of the servers of {} is wrong by more than {} s": "{} 的服务器的时钟误差超过 {} 秒",
    "have it set there: signatures with a time window are rejected else": (
        "请在那边校准：否则带时限的签名会被拒绝"
    ),
    "within {} s of {} servers": "与 {1} 台服务器相差不超过 {0} 秒",
    "{} of {} are free": "剩余 {}，共 {}",
    "{} of {} are free, and no build starts below {}": "剩余 {}，共 {}，低于 {} 时不启动构建",
    "no build starts below {}": "低于 {} 时不启动构建",
    "make room, or lower `store.min_free`": "请腾出空间，或调低 `store.min_free`",
    "make room soon": "请尽快腾出空间",
    "`retention` says how long records stay": "`retention` 决定记录保留多久",
    "{} cannot be written by this user": "当前用户不能写入 {}",
    "a write is on disk after {} ms (the median of {})": "一次写入落盘用 {} 毫秒（{} 次的中位数）",
    "put the store on a local disk (SSD), and see what else writes to this one: `iostat -x 5`": (
        "请把存储放到本机磁盘（SSD）上，并检查还有什么在写这个磁盘：`iostat -x 5`"
    ),
    # the store
    "{} cannot be opened by this user": "当前用户不能打开 {}",
    "its schema is {}, that of this release": "结构版本 {}，与本版本一致",
    "the file is whole": "文件完好",
    "no damage shows within {} s": "{} 秒内没有发现损坏",
    "`buildbridge db check` reads all of it": "`buildbridge db check` 读取全部内容",
    "within {} s of this machine": "与本机相差不到 {} 秒",
    "this machine is {} s ahead of the server of the database": "本机比数据库服务器快 {} 秒",
    "this machine is {} s behind the server of the database": "本机比数据库服务器慢 {} 秒",
    "have both set: `timedatectl set-ntp true`, or look at chrony or ntpd": (
        "请校准两边的时钟：`timedatectl set-ntp true`，或者检查 chrony、ntpd"
    ),
    "nothing in it is of the future": "没有来自未来的记录",
    "its newest row is {} in the future: {}": "最新的记录在未来 {}：{}",
    "the clock of this machine is or was wrong: have it set (`timedatectl set-ntp true`)": (
        "本机的时钟不准，或曾经不准：请校准（`timedatectl set-ntp true`）"
    ),
    "everything that waits has a next step": "等待中的记录都有下一步",
    "{} builds are being triggered for longer than a call takes, the oldest since {}": (
        "{} 个构建触发的时间超过一次调用所需，最早的从 {} 开始"
    ),
    "{} builds are being triggered for longer than a call takes, the oldest since {}: {}": (
        "{} 个构建触发的时间超过一次调用所需，最早的从 {} 开始：{}"
    ),
    "{} deliveries wait for a decision, the oldest since {}": "{} 条接收记录等待处理，最早的从 {} 开始",
    "{} builds wait for their trigger, the oldest since {}": "{} 个构建等待触发，最早的从 {} 开始",
    "{} builds have not ended for a day, the oldest since {}": "{} 个构建一天没有结束，最早的从 {} 开始",
    "{} builds have an unknown end, the oldest since {}": "{} 个构建结果未知，最早的从 {} 开始",
    "{} notices wait to be sent, the oldest since {}": "{} 条通知等待发送，最早的从 {} 开始",
    "restart the daemon: `systemctl restart buildbridge`": "请重启守护进程：`systemctl restart buildbridge`",
    "restart the daemon: `systemctl restart buildbridge`, and see {}": (
        "请重启守护进程：`systemctl restart buildbridge`，并查看 {}"
    ),
    "restart the daemon: `systemctl restart buildbridge`: it looks for them before it triggers again": (
        "请重启守护进程：`systemctl restart buildbridge`：它会先查找，再重新触发"
    ),
    "see `buildbridge builds show {}`": "请看 `buildbridge builds show {}`",
    "`buildbridge builds cancel {}` ends it": "`buildbridge builds cancel {}` 结束它",
    "look at their builder": "请到构建器上查看",
    "look at their builder, then {}": "请到构建器上查看，再运行 {}",
    "`buildbridge notices drop {}` lets the next one go": "`buildbridge notices drop {}` 让下一条发出",
    # the daemon
    "it does not run, or has another store than {}": "没有运行，或用的不是存储 {}",
    "start it: `systemctl start buildbridge`, or `buildbridge serve`": (
        "请启动：`systemctl start buildbridge`，或 `buildbridge serve`"
    ),
    "it is of version {}, and this command of {}": "版本是 {}，本命令是 {}",
    "restart it: `systemctl restart buildbridge`": "请重启：`systemctl restart buildbridge`",
    "it runs, of version {}": "正在运行，版本 {}",
    "it runs on other machines, and not on this one": "在其他机器上运行，本机没有",
    "run this there, too": "请也在那里运行本命令",
    # nodes
    "no daemon serves the database": "没有守护进程在使用这个数据库",
    "start one: `systemctl start buildbridge`, or `buildbridge serve`": (
        "请启动一个：`systemctl start buildbridge`，或 `buildbridge serve`"
    ),
    "{}: each was heard of within {} s": "{}：{} 秒之内都有消息",
    "it was last heard of {} ago": "最近一次心跳在 {} 之前",
    "see there whether it runs, and reaches the database: `systemctl status buildbridge`": (
        "请到那台机器上看它是否在运行、能否连上数据库：`systemctl status buildbridge`"
    ),
    "nodes of two releases are for the time of an upgrade: upgrade the others, too": (
        "两个版本的节点只应在升级期间并存：请把其余的也升级"
    ),
    "it has other keys of the tokens than {}: one refuses what the other makes": (
        "令牌的密钥与 {} 的不同：一方创建的令牌，另一方不认"
    ),
    "copy the file `api.key` from one to the other, or write the same `api.keys` into both configurations, "
    "then restart: what a key has made that is gone is void": (
        "请把 `api.key` 文件从一方复制到另一方，或者在两份配置里写同样的 `api.keys`，然后重启："
        "被换掉的密钥创建的令牌会失效"
    ),
    "no node does it, for {} by now": "已有 {} 没有节点负责它",
    "start the node that had it last: one on another machine takes it up after {} s, and "
    "`buildbridge status` shows who has what": (
        "请启动上一个负责它的节点：否则 {} 秒后由其他机器的节点接手；`buildbridge status` 显示谁负责什么"
    ),
    "it takes no delivery: {}": "不接收推送：{}",
    "see its log: `journalctl -u buildbridge`": "请看日志：`journalctl -u buildbridge`",
    "it takes deliveries, but is without {}": "能接收推送，但 {} 异常",
    "`buildbridge status` says why": "`buildbridge status` 说明原因",
    "it answers after {} ms": "{} 毫秒后应答",
    "see what takes the machine's time: `top`, `iostat -x 5`": "请看什么占用了机器：`top`、`iostat -x 5`",
    # servers
    "{} answers by TLS after {} ms": "{} 在 {} 毫秒后应答（TLS）",
    "{} answers without TLS after {} ms": "{} 在 {} 毫秒后应答（没有 TLS）",
    "it has no server of its own": "没有自己的服务器",
    "its address is only known from pushes": "地址要从推送里得知",
    "its settings cannot be read by this user": "当前用户读不了它的设置",
    "{} takes connections, and says nothing for {} s": "{} 接受连接，但 {} 秒没有应答",
    "{} takes connections, and closes them without an answer": "{} 接受连接，但没有应答就关闭了",
    "restart what listens there, or correct the address": "请重启那里的服务，或改正地址",
    "have this machine trust": "请让本机信任",
    "{} is at {}, which is not public": "{} 的地址是 {}，不是公网地址",
    "set allow_private: true if that is meant": "确实如此时，请设置 `allow_private: true`",
    "the name {} does not resolve ({})": "域名 {} 解析不了（{}）",
    "Name or service not known": "没有这个域名",
    "Temporary failure in name resolution": "域名解析暂时失败",
    "correct the name, or the DNS of this machine: `getent hosts {}` has to find it": (
        "请改正域名，或本机的 DNS：`getent hosts {}` 应能查到"
    ),
    "{} takes no connection ({})": "{} 连接不上（{}）",
    "Connection refused": "连接被拒绝",
    "start what listens there, correct the address, or let a firewall pass it": (
        "请启动那里的服务，改正地址，或在防火墙放行"
    ),
    "{} answers without TLS at this port: write http:// in the address, or another port": (
        "{} 在这个端口不用 TLS：请在地址里写 http://，或换一个端口"
    ),
    "`buildbridge builders test {}` once more, when that is mended": (
        "改好之后再运行 `buildbridge builders test {}`"
    ),
    # webhooks
    "it is not set: notices have no links": "没有设置：通知里没有链接",
    "set server.public_url to the address at which Git hosts reach the daemon": (
        "请把 server.public_url 设为代码平台访问守护进程的地址"
    ),
    "if only this machine cannot reach it, ask for {} from another one": (
        "如果只是本机访问不了，请从另一台机器访问 {}"
    ),
    "{} answers {}, not {}": "{} 应答 {}，不是 {}",
    "look at the proxy before the daemon: `buildbridge help reverse-proxy`": (
        "请检查守护进程前面的代理：`buildbridge help reverse-proxy`"
    ),
    "{} is without TLS: tokens and code go over the network as they are": (
        "{} 没有 TLS：令牌和代码在网络上是明文"
    ),
    "put a proxy with a certificate before it: `buildbridge help reverse-proxy`": (
        "请在前面放一个带证书的代理：`buildbridge help reverse-proxy`"
    ),
    "no well-signed delivery has arrived yet": "还没有收到过签名正确的推送",
    "set up the webhook, and press its test button: `buildbridge help {}`": (
        "请设置 Webhook，并按测试按钮：`buildbridge help {}`"
    ),
    "the last well-signed delivery arrived {} ago": "上一次签名正确的推送在 {} 前",
    "look at the host whether the webhook is still active": "请到代码平台查看 Webhook 是否仍启用",
    "`buildbridge connect {} --verify` asks the host what is wrong with it": (
        "`buildbridge connect {} --verify` 向代码平台查询哪里不对"
    ),
    "the webhooks of {} repositories are there and send: of {} the host shows a good last answer": (
        "{} 个仓库的 Webhook 都在，能发送：平台显示其中 {} 个上次应答正常"
    ),
    "{} of {} repositories were asked for": "查询了 {} 个仓库（共 {} 个）",
    "{} of {} repositories were asked for: {} have a webhook that sends, of {} the host shows a good last "
    "answer": "查询了 {} 个仓库（共 {} 个）：{} 个的 Webhook 能发送，平台显示其中 {} 个上次应答正常",
    "`buildbridge connect {} --verify` asks for each": "`buildbridge connect {} --verify` 查询每一个",
    "the last good look was {} ago": "上一次成功查找在 {} 前",
    "no look ever went well": "从未成功查找过",
    "`buildbridge sources test {}` asks the host in the same way": (
        "`buildbridge sources test {}` 以同样的方式访问代码平台"
    ),
    "{} were not looked at yet": "还没有查找过 {}",
    "{} and {} more were not looked at yet": "还没有查找过 {}（另有 {} 个）",
    "that begins once the daemon runs, and a push or code_repo_clone_url has said the address": (
        "守护进程运行，并且推送或 code_repo_clone_url 给出地址之后就会查找"
    ),
    "all code was looked at, the last of it {} ago": "全部代码都查找过，最早的在 {} 前",
    "none in the last hour": "过去一小时没有",
    "{} in the last hour: {}": "过去一小时 {} 次：{}",
    "`buildbridge help troubleshooting` explains each": "`buildbridge help troubleshooting` 有每一条的说明",
}
