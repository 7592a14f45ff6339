# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""Why commands fail, in Chinese: `{}` stands for what it is about."""

from collections.abc import Mapping
from typing import Final

from bridge.cli.chinese_copying import CHINESE as _OF_COPYING
from bridge.cli.chinese_doctor import CHINESE as _OF_DOCTOR
from bridge.cli.chinese_nodes import CHINESE as _OF_NODES
from bridge.forges.chinese_webhooks import CHINESE as OF_WEBHOOKS
from bridge.model.build import BuildState
from bridge.model.delivery import DeliveryState
from bridge.model.notice import NoticeState
from bridge.web.pages.i18n import TEXTS

_OF_STATES: Final = {
    str(state): str(TEXTS["zh-CN"](f"state.{state}")) for state in (*NoticeState, *DeliveryState, *BuildState)
}
_OF_USE: Final[Mapping[str, str]] = {
    # wrong use of any command
    "No such command {}": "没有命令 {}",
    "No such command {}. Did you mean {}": "没有命令 {}，您要用的是不是 {}",
    "No such option {}": "没有选项 {}",
    "No such option {}. Did you mean {}": "没有选项 {}，您要用的是不是 {}",
    "Missing argument {}": "缺少参数 {}",
    "Missing option {}": "缺少选项 {}",
    "Missing option {}. Choose from: {}": "缺少选项 {}，可用的值：{}",
    "Missing argument {}. Choose from: {}": "缺少参数 {}，可用的值：{}",
    "Got unexpected extra argument {}": "多了参数 {}",
    "Got unexpected extra arguments {}": "多了参数 {}",
    "Option {} requires an argument": "选项 {} 后面要写值",
    "Option {} does not take a value": "选项 {} 后面不写值",
    "Invalid value for {}: {}": "{} 的值不对：{}",
    "Invalid value: {}": "值不对：{}",
    "{} is not one of {}": "{} 不可用，只能是 {}",
    "{} is not in the range {}": "{} 不在 {} 的范围内",
    "{} is not a valid integer": "{} 不是整数",
    "{} is not a valid integer range": "{} 不是整数",
    "Path {} does not exist": "路径 {} 不存在",
    "Directory {} does not exist": "目录 {} 不存在",
    "File {} does not exist": "文件 {} 不存在",
    "Path {} is a directory": "路径 {} 是目录",
    "File {} is a directory": "{} 是目录",
    "Directory {} is a file": "{} 是文件",
    "{} is not NAMESPACE/REPO_NAME": "{} 不是“命名空间/仓库名”的形式",
    "{} is neither a time, such as {}, nor an age, such as 30m, 2h or 5d": (
        "{} 既不是 {} 这样的时刻，也不是 30m、2h、5d 这样的时长"
    ),
    "{} is neither a time, such as {}, nor a length, such as 30m or 2h": (
        "{} 既不是 {} 这样的时刻，也不是 30m、2h 这样的时长"
    ),
    "{} has 1 to {} characters": "{}应有 1 到 {} 个字符",
    "a reason": "原因",
    "a pattern": "模式",
    "{} is longer than {}: leave it out for a token that never expires": (
        "{} 超过了 {}：要永不过期的令牌，请不写这个选项"
    ),
    "--sha {}: give at least the first 7 hexadecimal digits of a commit's id": (
        "--sha {}：请至少写出提交 id 的前 7 位十六进制数字"
    ),
    "give one of --branch and --tag": "--branch 和 --tag 请写其中一个",
    "--commit {} is not a full commit id: 40 or 64 hex digits": (
        "--commit {} 不是完整的提交 id：应为 40 或 64 位十六进制数字"
    ),
    "--clone-url {}": "--clone-url 不对：{}",
    "must be a clone address, such as {}": "应该是克隆地址，例如 {}",
    "must not contain a user or a password: the builder has its own": (
        "不能带用户名和密码：构建器有自己的凭据"
    ),
    "give either the id of a build or --failed-since": "请写构建的编号，或者写 --failed-since",
    "--repository goes with --failed-since: an id names its repository": (
        "--repository 要和 --failed-since 一起用：编号已经指明了仓库"
    ),
    "give BODY, or --delivery ID, or --push with something such as {}": (
        "请写 BODY，或者 --delivery 编号，或者 --push，例如 {}"
    ),
    "--at {} is not an ISO 8601 time, such as {}": "--at {} 不是 ISO 8601 时间，应写成 {} 这样",
    "--push {} is not KIND:REPOSITORY@REF, such as {}": "--push {} 不是 KIND:REPOSITORY@REF 的形式，例如 {}",
    "--push must begin with a kind of Git host, and {} is not one": "--push 应以代码平台的类型开头，{} 不是",
    "there is no kind {} of Git host": "没有 {} 这种代码平台",
    "known are {}": "可用的有 {}",
    "did you mean {}": "您要写的是不是 {}",
    "did you mean {}?": "您要写的是不是 {}？",
    "--push: {}": "--push 不对：{}",
    # init
    "--service has places of its own: leave FOLDER out, or give --root": (
        "--service 的位置是固定的：请不写 FOLDER，或者写 --root"
    ),
    "--root goes with --service": "--root 要和 --service 一起用",
    "--add finds by itself where secrets are: leave --service out": (
        "--add 会自己找到密钥的位置：请去掉 --service"
    ),
    "--name goes with --add": "--name 要和 --add 一起用",
    "--add takes one --host at a time": "--add 一次只能写一个 --host",
    "--add {} needs {} KIND": "--add {} 要写 {} 类型",
    "--add rule needs --repository NAMESPACE/NAME": "`--add rule` 要写 `--repository 命名空间/仓库名`",
    "--add rule needs --host KIND, since there is not one kind of source": (
        "来源不止一种类型，`--add rule` 要用 `--host` 指明"
    ),
    "the channel {} is always there: it needs no entry": "渠道 {} 本来就有：不需要添加",
    "{}: {} is there already: give another name with --name": "{}：{} 已经有了：请用 --name 换一个名字",
    "the rule {} is there already, at {}": "规则 {} 已经有了，位置是 {}",
    "{}: `rules` has no folder: add one, such as rules/": "{}：`rules` 里没有目录：请加一个，例如 rules/",
    "{}: nothing can be added to `{}` as it is written: nothing was changed. Add this by hand: {}": (
        "{}：`{}` 现在的写法没法自动添加，没有改动任何内容。请手工加上：{}"
    ),
    "{} is there already: nothing was written. Name another FOLDER, or use --add": (
        "{} 已经存在，没有写入任何内容。请换一个目录，或者用 --add"
    ),
    "no name of an image can be made of {}: give a repository whose name has letters a-z or digits, then "
    "change code_repo_namespace and code_repo_name in the rule": (
        "{} 无法用作镜像名：请先写一个由 a-z 或数字组成的仓库名，再改规则里的 code_repo_namespace 和 "
        "code_repo_name"
    ),
    "no rule can name the repository {}: {}": "规则里不能用 {} 这个仓库：{}",
    # help
    "there is no topic {}: {}": "没有主题 {}：{}",
    "`buildbridge help` lists them": "`buildbridge help` 列出全部主题",
}
_OF_PARTS: Final[Mapping[str, str]] = {
    # names of records
    "there is no delivery {}: see `deliveries list`": "没有接收记录 {}：见 `deliveries list`",
    "there is no build {}: see `builds list`": "没有构建 {}：见 `builds list`",
    "there is no build {}: give the repository of the number, such as {}; see `builds list`": (
        "没有构建 {}：请在编号前写上仓库，例如 {}；见 `builds list`"
    ),
    "there is no notice {}: see `notices list`": "没有通知 {}：见 `notices list`",
    "{} has no run {}, only 1 to {}": "{} 没有第 {} 次构建，只有第 1 到 {} 次",
    "{} may be each of these: {}": "{} 对应的不止一个：{}",
    "{} may be each of these: {}: see `silences list --all`": (
        "{} 对应的不止一个：{}：见 `silences list --all`"
    ),
    "{} is no silence: see `silences list --all`": "{} 不是静默的编号：见 `silences list --all`",
    "{} has ended before: see `silences list`": "静默 {} 已经结束：见 `silences list`",
    "{} was revoked before: see `token list`": "{} 已经吊销过：见 `token list`",
    "{} is not the id of a token: see `token list`": "{} 不是令牌的编号：见 `token list`",
    # what notices and silences are about
    "{} #{} {}: {}": "{} #{} {}：{}",
    "digest of {} notices": "{} 条通知的汇总",
    "builder:{}: {}": "构建器 {}：{}",
    "channel:{}: {}": "渠道 {}：{}",
    "repository {}": "仓库 {}",
    "ref {}": "引用 {}",
    "events {}": "事件 {}",
    "channel {}": "渠道 {}",
    "active": "生效中",
    "ended": "已结束",
    # builds, deliveries and notices
    "{} has ended: {}": "{} 已结束：{}",
    "{} was cancelled before": "{} 已经取消过",
    "{} was cancelled before: {}": "{} 已经取消过：{}",
    "{} is not unknown: it is {}": "{} 的结果并非未知：状态是{}",
    "{} does not wait: it is dead": "{} 没有在等待：它发送失败了",
    "{} does not wait: it is {}": "{} 没有在等待：状态是{}",
    "{} has not ended: it is {}. Cancel it, or wait until it has ended": (
        "{} 尚未结束，状态是{}：请取消它，或等它结束"
    ),
    "{} is still to be sent: it is {}": "{} 尚待发送，状态是{}",
    "there is no notice of {} yet: it has not begun": "{} 还没有开始，没有可通知的内容",
    "there is no channel {} any more: add it to bridge.yaml": "已经没有渠道 {}：请把它加入 bridge.yaml",
    "there is no channel {}: there are {}": "没有渠道 {0}：现有的是 {1:list}",
    "there is no rule for {}": "没有 {} 的规则",
    "no push has named the clone URL yet: give --clone-url": "还没有推送给出过克隆地址：请写 --clone-url",
    "{}: no push has named the clone URL yet: give --clone-url": (
        "{}：还没有推送给出过克隆地址：请写 --clone-url"
    ),
    "the rule was made by API, and {} does not name {}": "规则是通过 API 创建的，{} 里没有 {}",
    "{}: no credential of the source was used": "{}：没有使用来源的凭据",
    "the push names another repository, {}": "推送指明的是另一个仓库 {}",
    # explain
    "there is no source {} of the kind {}": "没有 {1} 类型的来源 {0}",
    "there is no source {}: there are {}": "没有来源 {0}：现有的是 {1:list}",
    "{} came from no Git host ({}): see `deliveries show {}`": (
        "{} 不是来自代码平台（{}）：见 `deliveries show {}`"
    ),
    "{} holds no X.json or X.body with its X.headers beside it": (
        "{} 里没有 X.json 或 X.body 以及同名的 X.headers"
    ),
    "{} is over 64 MiB": "{} 超过 64 MiB",
    "{} cannot be read: {}": "{} 无法读取：{}",
    "{} cannot be written: {}": "{} 无法写入：{}",
    # builders, channels and sources
    "there is no builder {}; the configuration has {}": "没有构建器 {0}；配置里有 {1:list}",
    "there is no source {}; the configuration has {}": "没有来源 {0}；配置里有 {1:list}",
    "there is no source {}; the configuration has none": "没有来源 {}；配置里一个来源也没有",
    "there is no job to set up from here for a builder of the kind {}": (
        "{} 类型的构建器没有需要在这里设置的任务"
    ),
    "{} is a pool: test each of its channels, {}": "{} 是一个池：请分别测试其中的渠道 {}",
    "notice {} has no place yet: the daemon makes the store when it starts": (
        "通知 {} 还没有地方存放：守护进程启动时会建立存储"
    ),
    "no rule builds what is pushed to {}: write one first": "没有规则构建推送到 {} 的代码：请先写一条",
    "no rule {} builds what is pushed to {}": "没有规则 {} 构建推送到 {} 的代码",
    "ok: {} is there, but has no branch yet": "正常：{} 可以访问，但还没有分支",
    "ok: {} answers with `{}`: {} refs, HEAD is {}": "正常：{} 有应答（使用 `{}`）：{} 个引用，HEAD 是 {}",
    "what was seen of the job is not kept for `check`: {}": "测试时看到的任务情况没能留给 `check` 用：{}",
    "not set": "未设置",
    # missed pushes
    "named": "仅列出",
    "built": "已构建",
    "late": "Webhook 迟到",
    "asked": "已请求重发",
    "redelivered": "重发已收到",
    # how a test ended
    "ok: {} answers without a credential: {} refs, HEAD is {}": (
        "正常：{} 有应答（不用凭据）：{} 个引用，HEAD 是 {}"
    ),
    "ok: {} took a test notice": "正常：{} 已收下测试通知",
    "ok: {}": "正常：{}",
    "retry: {}": "没有成功，可以再试：{}",
    "unknown: {}": "不确定是否成功：{}",
    "ratelimited: {}": "对方要求稍后再试：{}",
    "dead: {}": "没有成功：{}",
    "suppressed: {}": "没有发送：{}",
    # the daemon
    "no daemon has the store {} now: start it, or restart one that has that of another store.url": (
        "现在没有守护进程在使用存储 {}：请启动它；如果它用的是另一个 store.url 的存储，请重启"
    ),
    "{}: only the user of the daemon, or root, may ask it: become that user": (
        "{}：只有守护进程的用户或 root 可以访问：请切换到那个用户"
    ),
    "the daemon did not answer within {} s: see its log": "守护进程在 {} 秒内没有应答：请看它的日志",
    "the daemon did not answer ({}): see its log": "守护进程没有应答（{}）：请看它的日志",
}
_OF_STORE: Final[Mapping[str, str]] = {
    "there is no store {} yet: the daemon makes it when it starts (`buildbridge serve`)": (
        "还没有存储 {}：守护进程启动时会建立它（`buildbridge serve`）"
    ),
    "it is in use by another daemon: stop that one, or name another database as store.url": (
        "数据库正被另一个守护进程使用：请停掉它，或者把 store.url 换成别的数据库"
    ),
    "there is no store {} yet: the daemon makes it when it starts": "还没有存储 {}：守护进程启动时会建立它",
    "{} is of an older release: start the daemon of this one, it upgrades it": (
        "{} 是旧版本的：请启动这个版本的守护进程，它会升级存储"
    ),
    "{} cannot be used as the store: {}": "{} 不能用作存储：{}",
    "{} is a backup: `buildbridge db restore` puts one in the place of the store": (
        "{} 是备份：请用 `buildbridge db restore` 恢复成存储"
    ),
    "{} was written by a newer release (schema {}, this one knows {}): install that release, or restore the "
    "backup made before the upgrade (`buildbridge db restore FILE`; `buildbridge db backup FILE` keeps what "
    "is here now)": (
        "{} 由更新的版本写入（结构 {}，这个版本只认识 {}）：请安装那个版本，或者恢复升级前的备份"
        "（`buildbridge db restore FILE`；`buildbridge db backup FILE` 可以保留现在的内容）"
    ),
    "{} was not upgraded within {} h": "{} 在 {} 小时内没有升级完",
    "{} cannot be upgraded: {}": "{} 无法升级：{}",
    "it stays of an older release": "它仍是旧版本的",
    "{}: {}: the store needs a folder it may write, and its file": (
        "{}：{}：存储需要一个可写的目录和其中的文件"
    ),
    "{}: {}: the store needs this file": "{}：{}：存储需要这个文件",
    "{} is in use by another daemon: stop that one, or name another file as store.url": (
        "{} 正被另一个守护进程使用：请停掉它，或者把 store.url 换成别的文件"
    ),
    "{} {} while the daemon had it open: it takes nothing more and ends. Put back the file that is to be "
    "used, with its -wal or without any (`buildbridge db check` says whether it is whole), and start the "
    "daemon again": (
        "守护进程打开着的 {} 有变动（{}）：它不再接收任何内容，随即退出。请放回要用的文件，带上它的 -wal "
        "或者不带"
        "（`buildbridge db check` 可以检查是否完整），再启动守护进程"
    ),
    "is another file now": "已换成另一个文件",
    "is gone ({})": "文件不见了：{}",
    "there is no store in the database yet: the daemon makes it when it starts (`buildbridge serve`)": (
        "数据库里还没有存储：守护进程启动时会建立它（`buildbridge serve`）"
    ),
    "the database is of an older release: start the daemon of this one, it upgrades it": (
        "数据库来自旧版本：请启动这个版本的守护进程，它会升级数据库"
    ),
    "whether the last rows were written is not known: a restart goes on from the database": (
        "无法知道最后几行是否已写入：重启后会从数据库继续"
    ),
    "the database was written by a newer release (schema {}, this one knows {}): install that release, or "
    "restore a dump made before the upgrade (`pg_restore`)": (
        "数据库由更新的版本写入（结构 {}，这个版本只认识到 {}）：请安装那个版本，"
        "或者恢复升级前的备份（`pg_restore`）"
    ),
    "{} was written by a newer release (schema {}, this one knows {}): {}": (
        "{} 由更新的版本写入（结构 {}，这个版本只认识到 {}）：{}"
    ),
    "{} has the encoding {}, which cannot keep every text: make another one with "
    "`createdb --encoding=UTF8 --template=template0 NAME`": (
        "{} 的编码是 {}，有些文字存不进去：请用 `createdb --encoding=UTF8 --template=template0 NAME` 另建一个"
    ),
    "the database has the encoding {}, which cannot keep every text: make another one with "
    "`createdb --encoding=UTF8 --template=template0 NAME`": (
        "数据库的编码是 {}，不能保存所有文字：请另建一个："
        "`createdb --encoding=UTF8 --template=template0 NAME`"
    ),
    "no store of the kind {} is supported: write sqlite:// and the path of a file, or postgresql:// and the "
    "address of a database": (
        "不支持 {} 这种存储：请写 sqlite:// 加文件路径，或者 postgresql:// 加数据库地址"
    ),
    "the database cannot be used as the store: {}": "这个数据库不能用作存储：{}",
    "PostgreSQL needs its driver ({}): install it with `pip install 'buildbridge[postgres]'`": (
        "使用 PostgreSQL 需要它的驱动（{}）：请用 `pip install 'buildbridge[postgres]'` 安装"
    ),
    "the store is a PostgreSQL database: back it up with `pg_dump`, put it back with `pg_restore`, and keep "
    "the key of the API's tokens with it": (
        "存储是 PostgreSQL 数据库：请用 `pg_dump` 备份，用 `pg_restore` 恢复，并且一起保存 API 令牌的密钥"
    ),
    "the store cannot be opened for writing: {}": "存储无法以写入方式打开：{}",
    "the store cannot be written: {}": "存储无法写入：{}",
    "the store's writer has died: {}: a restart goes on from the disk": (
        "存储的写入线程已停止：{}：重启后会从磁盘继续"
    ),
    "the store cannot be read: {}": "存储无法读取：{}",
    "{} is there and is no backup: name another file": "{} 已经存在，而且不是备份：请换一个文件名",
    "{} has {} MiB free of the {} MiB that are needed: make room there": (
        "{} 只剩 {} MiB，需要 {} MiB：请腾出空间"
    ),
    "{} is being written by another command: wait for that one": "{} 正由另一个命令写入：请等它完成",
    "{} belongs to another user: delete it": "{} 属于另一个用户：请删掉它",
    "{} cannot be read as a backup: {}": "{} 不能当作备份读取：{}",
    "{} is no backup and no store of Buildbridge": "{} 不是 Buildbridge 的备份，也不是存储",
    "{} is damaged: {}": "{} 已损坏：{}",
    "no backup was made: {}": "没有做成备份：{}",
    "no backup was made: {}: {}: the tokens need this key": "没有做成备份：{}：{}：令牌需要这个密钥",
    "nothing was restored: {}": "没有恢复任何内容：{}",
    "{}: another command has the store open: wait for it, then try again": (
        "{}：另一个命令正打开着存储：请等它结束再试"
    ),
    "{} is the store itself: name the file of a backup": "{} 就是存储本身：请写备份文件",
    "the store is restored, but not {}: {}: run this command again": (
        "存储已恢复，但 {} 没有恢复：{}：请再运行一次这个命令"
    ),
    "No such file or directory": "没有这个文件或目录",
    "Permission denied": "没有权限",
    "Is a directory": "这是目录",
    "Not a directory": "不是目录",
    "No space left on device": "磁盘空间不足",
    "File exists": "文件已存在",
    # db
    "the file is damaged: {}: {}": "文件已损坏：{}：{}",
    "{} deliveries wait for a decision, the oldest since {}: {}": (
        "{} 条接收记录等待处理，最早的从 {} 开始：{}"
    ),
    "{} builds wait for their trigger, the oldest since {}: {}": "{} 个构建等待触发，最早的从 {} 开始：{}",
    "{} builds have not ended, the oldest since {}: {}": "{} 个构建没有结束，最早的从 {} 开始：{}",
    "{} notices wait to be sent, the oldest since {}: {}": "{} 条通知等待发送，最早的从 {} 开始：{}",
    "is the daemon running? `systemctl status buildbridge`": (
        "守护进程在运行吗？请看 `systemctl status buildbridge`"
    ),
    "put back a backup: `buildbridge db restore FILE`": "请恢复备份：`buildbridge db restore FILE`",
    "{}-wal has grown to {} MiB: a command that reads for long keeps it from being copied into the store": (
        "{}-wal 已增长到 {} MiB：有命令长时间读取，使它不能并入存储"
    ),
    "end that one": "请结束那个命令",
    "{} has a second name (a hard link), as a restore leaves it that was killed: delete the other one, which "
    "is no copy": "{} 另有一个名字（硬链接），是被中断的恢复留下的：请删掉另一个名字，它不是副本",
    "look at their builders": "请到构建器上查看",
    "{} is not empty: name another folder": "{} 不是空的：请换一个目录",
    "{}: name a new file": "{}：请换一个新文件名",
    "{}: make room, and export again": "{}：请腾出空间，再导出一次",
    "no repository {} was made by API: one of a file is deleted in its file": (
        "没有通过 API 创建的仓库 {}：写在文件里的，请在文件里删除"
    ),
}

_OF_CONNECT: Final[Mapping[str, str]] = {
    "--verify changes nothing: leave the other options out": "--verify 不改动任何东西：请删掉其他选项",
    "there is no terminal to ask at: add --yes to do it, or --dry-run to only look": (
        "没有终端可以询问：要执行请加 --yes，只看请加 --dry-run"
    ),
    "there is no source {}": "没有来源 {}",
    "webhooks of {} are made by hand: `{}`": "{} 的 Webhook 要手动创建：见 `{}`",
    "server.public_url is missing: the host has to know where it reaches us": (
        "没有写 server.public_url：平台要知道推送发到哪里"
    ),
    "sources.{}.secrets is missing: give it the secret of the webhook": (
        "没有写 sources.{}.secrets：请给出 Webhook 的密钥"
    ),
    "sources.{}.api is missing: give it a token, {}": "没有写 sources.{}.api：请给出令牌，{}",
    "{} is not the name of a repository at the host, such as {}": "{} 不是平台上的仓库名，例如 {}",
}

CHINESE: Final[Mapping[str, str]] = {
    **_OF_COPYING,
    **_OF_DOCTOR,
    **_OF_NODES,
    **OF_WEBHOOKS,
    **_OF_STATES,
    **_OF_USE,
    **_OF_PARTS,
    **_OF_STORE,
    **_OF_CONNECT,
}
