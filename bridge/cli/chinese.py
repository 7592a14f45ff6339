# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""What commands say to a person, in Chinese; the English sentence is the key."""

from collections.abc import Mapping
from typing import Final

from bridge.cli.chinese_doctor import NAMES as OF_DOCTOR
from bridge.cli.chinese_documents import NAMES

SENTENCES: Final[Mapping[str, str]] = {
    **OF_DOCTOR,
    **NAMES,
    # help
    "Guides": "指南",
    "Git hosts": "代码平台",
    "Builders": "构建器",
    "Channels": "通知渠道",
    "Print one with `buildbridge help TOPIC`; `--language zh-CN` prints Chinese.": (
        "用 `buildbridge help 主题` 查看；加上 `--language en` 显示英文。"
    ),
    # init
    "Which Git hosts will call (several: with commas)": "代码平台（多个用逗号分隔）",
    "Which repository is built at {host}": "{host} 上要构建的仓库",
    "How will the host reach the bridge": "代码平台从哪个地址访问 Buildbridge",
    "Who builds": "构建器",
    "Whom to tell": "通知渠道",
    "Written to {folder}, from which all paths here count:": "已写入 {folder}，以下路径都以它为起点：",
    "Written:": "已写入：",
    "Put the real values into {files}.": "请把真实的值存到 {files}。",
    " and ": " 和 ",
    "Does a reverse proxy take port {port} and pass it on to us": (
        "端口 {port} 是否由反向代理接收并转发给本服务"
    ),
    "Port {port} is taken on this machine. Which one instead": "本机的端口 {port} 已被占用，改用哪个端口",
    "Without a reverse proxy before it, set server.host and server.port: they are {host}, "
    "this machine only, and {port}.": (
        "前面没有反向代理时，请设置 server.host 和 server.port：现在是 {host}（只有本机能访问）和 {port}。"
    ),
    "public_url has port {theirs}, and the daemon listens on {port}: that needs a reverse proxy, "
    "or the same server.port.": (
        "public_url 的端口是 {theirs}，而服务监听的是 {port}：需要反向代理，或者把 server.port 改成一样的。"
    ),
    "Port {port} is taken on this machine: end what has it, or set another server.port.": (
        "本机的端口 {port} 已被占用：请停掉占用它的程序，或者换一个 server.port。"
    ),
    "Added to {file}: {name}": "已添加到 {file}：{name}",
    "Add to the drop-in credentials.conf of the unit:": "在服务单元的 credentials.conf 里加上：",
    "Next, in this order:": "接下来依次做：",
    "Change what is marked CHANGE, until all is good:": "修改标着 CHANGE 的值，直到检查通过：",
    "See what a push would do, then start:": "看看一次推送会触发什么，然后启动：",
    "In the bare repository, set up the hook as the guide above says.": "在裸仓库里按上面的指南设置钩子：",
    "At {kind}, open the webhooks of the repository, as the guide above says:": (
        "在 {kind} 打开仓库的 WebHook 设置，按上面的指南填写："
    ),
    "Open {page}, and enter as the guide above says:": "打开 {page}，按上面的指南填写：",
    "and as its secret what this prints:": "密钥是这条命令的输出：",
    "Push something, and see it arrive:": "推送一次，看它是否到达：",
    "Look at it in a browser, {page}, and sign in with the token of:": (
        "在浏览器里打开 {page}，用下面命令得到的令牌登录："
    ),
    "The commonest mistakes: buildbridge help {topic}": "常见错误：buildbridge help {topic}",
    # any command
    "{question}? See `{command} --help`": "{question}？见 `{command} --help`",
    "{problem}: see `{command} --help`": "{problem}：见 `{command} --help`",
    "warning: {fault}": "警告：{fault}",
    "warning": "警告",
    ": ": "：",
    # check
    "{file}: valid, with 1 build repository": "{file}：检查通过，共 1 个构建仓库",
    "{file}: valid, with {count} build repositories": "{file}：检查通过，共 {count} 个构建仓库",
    ", but for a secret that cannot be read here: `buildbridge reload` has the daemon check all": (
        "，但有 1 个密钥在这里读不到：`buildbridge reload` 让守护进程检查全部内容"
    ),
    ", but for {count} secrets that cannot be read here: `buildbridge reload` has the daemon check all": (
        "，但有 {count} 个密钥在这里读不到：`buildbridge reload` 让守护进程检查全部内容"
    ),
    "1 fault": "1 处错误",
    "{count} faults": "{count} 处错误",
    # explain
    "{repo}: {event} of {kind} {name}": "{repo}：{event}{kind} {name}",
    "{repo}: {event}": "{repo}：{event}",
    "pushed to any of {sources}: --source NAME says to which": (
        "推送到 {sources} 中的任何一个：用 `--source NAME` 指定"
    ),
    "no repository": "没有仓库",
    "signature {proof}, source {source}": "签名{proof}，来源 {source}",
    "unknown (--source NAME says which)": "未知（用 --source NAME 指定）",
    "not: {why}": "不构建：{why}",
    "and {count} more that do not build": "另有 {count} 条不构建",
    "and {count} more that build nothing of it: see --json": "另有 {count} 条规则不构建它：见 --json",
    "builds {tags} on {builder}": "构建 {tags}，构建器 {builder}",
    "with {parameters}": "参数 {parameters}",
    "{tag} (of {original})": "{tag}（原为 {original}）",
    "a tag of the time": "时间标签",
    "a tag of the commit": "提交标签",
    "; ": "；",
    # status
    "does not run": "没有运行",
    "runs on other machines": "在其他机器上运行",
    "unknown": "未知",
    "runs since {since}, version {version}, process {process}": (
        "自 {since} 起运行，版本 {version}，进程 {process}"
    ),
    "runs, version {version}, process {process}": "正在运行，版本 {version}，进程 {process}",
    "not made yet": "尚未建立",
    "all is well": "一切正常",
    "backlog": "积压",
    "silences in force": "生效中的静默",
    "other parts that are down": "其他异常",
    "requests that were rejected in the last hour": "最近一小时被拒绝的请求",
    "pushes of the last day that no webhook reported": "最近一天没有收到 Webhook 的推送",
    "next schedules": "即将执行的定时构建",
    # builds, deliveries and notices
    "delivery {id}": "接收记录 {id}",
    "build {build}  {id}  {builder}: {tags}": "构建 {build}  {id}  {builder}：{tags}",
    "{state}: {why}": "{state}：{why}",
    "not processed yet: the daemon does that when it runs; see `deliveries show {id}`": (
        "尚未处理：守护进程运行时会处理；见 `deliveries show {id}`"
    ),
    "the daemon has read no log of {build}; the build is {state}": (
        "守护进程还没有读到 {build} 的日志；构建状态：{state}"
    ),
    "requested the cancellation of {build}": "已请求取消构建 {build}",
    "{build} is {state}": "{build} 的结果已记录：{state}",
    "{build} waits: {why}": "{build} 等待构建：{why}",
    "{build} is left out: {why}": "{build} 不重新构建：{why}",
    "{build} is left out: {newer} has newer code": "{build} 不重新构建：{newer} 的代码更新",
    "1 build run once more": "重新构建 1 个",
    "{count} builds run once more": "重新构建 {count} 个",
    "only the newest {most} of {count} are run: give the same command again": (
        "{count} 个里只重新构建最新的 {most} 个：请再运行一次同样的命令"
    ),
    "only the newest {count} were looked through: give a later time or another filter": (
        "只查看了最新的 {count} 条：请给出更晚的时间，或换一个筛选条件"
    ),
    "{channel} (for {origin})": "{channel}（代替 {origin}）",
    "notice {id}": "通知 {id}",
    "notice {id}: {why}": "通知 {id}：{why}",
    "dropped {id}": "已丢弃 {id}",
    # silences and tokens
    "silence {id} holds {what}": "静默 {id} 拦下：{what}",
    "ended {id}": "已结束 {id}",
    "it is shown only now, and kept nowhere: store it safely": (
        "只在这里显示一次，也不会保存在任何地方：请妥善保管"
    ),
    "revoked {id}": "已吊销 {id}",
    # the daemon
    "ok": "正常",
    "degraded": "部分异常",
    "dead": "已停止",
    "{status} ({parts} down)": "{status}（异常：{parts}）",
    "{count} {what}": "{what} {count}",
    "rules: {rules}": "规则：{rules}",
    "configuration: {keys}": "配置：{keys}",
    "what is on disk is in force already: the daemon takes changes by itself": (
        "磁盘上的内容已经生效：守护进程会自己采用改动"
    ),
    "reloaded: {changes}": "已重新加载：{changes}",
    "waits for a restart: {keys}": "重启后生效：{keys}",
    "; an SSH address with another port is asked for with `--clone-url`": (
        "；SSH 用别的端口时请写 `--clone-url`"
    ),
    "{name}: {value}": "{name}：{value}",
    # connect
    "create": "创建",
    "repair: {what}": "修复：{what}",
    "{what} (now {now})": "{what}（现为 {now}）",
    " ({what})": "（{what}）",
    "replace: {what}; a new webhook is made, then this one is deleted: {ids}": (
        "更换：{what}；先创建新的 Webhook，再删除这个：{ids}"
    ),
    "nothing to do": "无需改动",
    "it sends only pushes of branches like {pattern}": "它只发送这些分支的推送：{pattern}",
    "a webhook leads to {address}, too": "另有 Webhook 指向 {address}",
    "--from and that address move it here, if this bridge was there before": (
        "如果那是本服务以前的地址，用 --from 加上它就能移过来"
    ),
    "cannot: {why}": "无法处理：{why}",
    "Change 1 webhook?": "要改动 1 个 Webhook 吗？",
    "Change {count} webhooks?": "要改动 {count} 个 Webhook 吗？",
    "done: {answer}": "已完成：{answer}",
    "not done: {why}": "没有完成：{why}",
    "ok; the host says nothing of a last delivery": "正常；平台没有说明上次推送的结果",
    "ok; the last delivery was answered with {status}": "正常；上次推送的应答是 {status}",
    # db
    "1 repository made or changed by API": "1 个仓库是通过 API 创建或修改的",
    "{count} repositories made or changed by API": "{count} 个仓库是通过 API 创建或修改的",
    "{count} records": "{count} 条记录",
    "copying": "正在复制",
    "{file}: {contents}": "{file}：{contents}",
    ", ": "，",
    "{about}: {rows}": "{about}：{rows}",
    "deliveries": "接收记录",
    "the key of the API's tokens": "API 令牌的密钥",
    "schema {schema}": "结构 {schema}",
    " of release {release}, {time}": "，版本 {release}，{time}",
    "not in it, so keep them as well: {files}, the secrets that they name; {folder} has the local builds "
    "that run now": (
        "以下内容不在备份里，请另行保管：{files} 以及其中写到的密钥；{folder} 里是正在本地进行的构建"
    ),
    "restored {file}: {contents}": "已恢复 {file}：{contents}",
    "the store before is kept: {file}": "原来的存储保留在 {file}",
    "the key before is kept: {file}; tokens that it has signed are void": (
        "原来的密钥保留在 {file}；用它签发的令牌已失效"
    ),
    "{target}: {rows}; {all} rows in all, equal to those of {source} (checksum {checksum})": (
        "{target}：{rows}；共 {all} 行，与 {source} 完全一致（校验和 {checksum}）"
    ),
    "{count} texts had the character NUL, which PostgreSQL does not keep: it has U+FFFD there": (
        "{count} 段文字含有 NUL 字符，PostgreSQL 不能保存，那里换成了 U+FFFD"
    ),
    "take along to {folder}: {files}; tokens need their key, local builds that run their folder": (
        "请一并带到 {folder}：{files}；令牌需要密钥，正在本地进行的构建需要目录"
    ),
    "write store.folder: {home} there, or take along to {folder}: {files}; tokens need their key, local "
    "builds that run their folder": (
        "请在那里写上 store.folder: {home}，或者一并带到 {folder}：{files}；令牌需要密钥，"
        "正在本地进行的构建需要目录"
    ),
    "write it as store.url in {file} before you start the daemon": (
        "启动守护进程之前，请把它写进 {file} 的 store.url"
    ),
    "start no daemon on {source} any more: what waits there would be built a second time": (
        "不要再在 {source} 上启动守护进程：那里等待的内容会再构建一次"
    ),
    "its log of writes {size}": "写入日志 {size}",
    "whole, and nothing in it is stuck": "完整，没有卡住的内容",
    "are decided now": "现在会处理",
    "are dead: `deliveries list --state dead`, then redeliver": (
        "已标为无法处理：用 `deliveries list --state dead` 查看，再重新处理"
    ),
    "{count} deliveries waited for a decision; they {outcome}": "{count} 条接收记录尚未处理，{outcome}",
    "are looked for at their builders, and triggered where those do not have them": (
        "会先到构建器上查找，没有的再触发"
    ),
    "are unknown: `builds list --state unknown`, then retry": (
        "已标为结果未知：用 `builds list --state unknown` 查看，再重新构建"
    ),
    "{count} builds waited for their trigger; they {outcome}": "{count} 个构建尚未触发，{outcome}",
    "{count} builds were with their builders; the daemon asks for their end": (
        "{count} 个构建当时在构建器上；守护进程会查询结果"
    ),
    "{count} notices waited to be sent; they may arrive once more": (
        "{count} 条通知当时等待发送，可能会再发一次"
    ),
    "since {time}": "{time} 之后",
    "since it was copied": "复制之后",
    "what happened {since} is not in this store: tokens that were revoked are valid again, numbers of "
    "builds are given again, and a delivery that its host sends again builds again": (
        "{since}发生的事不在这个存储里：其间吊销的令牌重新有效，构建序号会重复使用，"
        "平台再次发来的推送会再次构建"
    ),
}
