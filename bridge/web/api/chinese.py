# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""Why a call was not done, in Chinese: the sentences of the code, with `{}` for what they are about.

The Chinese sentence has `{0}`, `{1}` … for that, in the order of the English one.
"""

from collections.abc import Mapping
from typing import Final

from bridge.web.api.chinese_callers import CALLERS
from bridge.web.api.chinese_lists import LISTS
from bridge.web.api.chinese_pages import OF_PAGES

SENTENCES: Final[Mapping[str, str]] = {
    **CALLERS,
    # Requests.
    "the body is over {} bytes": "请求体超过 {0} 字节",
    "the client closed the connection before the end of the body": "客户端在请求体发送完毕之前关闭了连接",
    "{}: send JSON": "{0}：请发送 JSON",
    "the body must be {}, but is {}": "请求体必须是 {0}，但现在是 {1}",
    "a JSON object": "JSON 对象",
    "a JSON array": "JSON 数组",
    "a single value": "单个值",
    "the body is not JSON that can be read: {}": "请求体不是可读取的 JSON：{0}",
    "the body is JSON of over {} objects or {} values": "请求体的 JSON 超过 {0} 个对象或 {1} 个值",
    "the body is JSON nested over {} deep": "请求体的 JSON 嵌套超过 {0} 层",
    "the body is JSON with the key {} twice in one object": "请求体的 JSON 在同一个对象中两次使用键 {0}",
    "there is no such path here: /openapi.json lists all of the API": (
        "没有这个路径：/openapi.json 列出了全部 API"
    ),
    "this path does not take {}: it takes {}": ("该路径不支持 {0}：支持的方法有 {1:list}"),
    "the store cannot be used now: try again later, the daemon's log has the reason": (
        "存储目前无法使用：请稍后重试，原因见守护进程的日志"
    ),
    "there are too many streams of events: close some, or try again later": (
        "事件流过多：请关闭一些，或稍后重试"
    ),
    "send 1 to {} letters, digits or signs, such as a UUID": (
        "请发送 1 至 {0} 个字母、数字或符号，例如一个 UUID"
    ),
    "a request with this Idempotency-Key is being done: send it again in a moment": (
        "使用此 Idempotency-Key 的请求正在处理：请稍后再次发送"
    ),
    "this Idempotency-Key was sent with another request: use a new one for each": (
        "此 Idempotency-Key 已用于另一个请求：请为每个请求使用新的键"
    ),
    "it was changed since you read it: read it again, and make your change to that": (
        "在您读取之后它已被修改：请重新读取，再在其基础上修改"
    ),
    "{} is not a whole number: write digits only": "{0} 不是整数：只能写数字",
    "is given twice": "给出了两次",
    **LISTS,
    **OF_PAGES,
    # Builds, deliveries and notices.
    "there is no such build, or it takes a token to see it": "没有这个构建，或者查看它需要令牌",
    "there is no such build, or your token may not see it": "没有这个构建，或者您的令牌不能查看它",
    "no silence has this id that your token may see: see /v1/silences": (
        "没有这个 id 的静默，或者您的令牌不能查看它：见 /v1/silences"
    ),
    "{} silences are in force, or {} of this namespace, and no more can be: end some, see /v1/silences": (
        "生效中的静默已达 {0} 条，或这个命名空间的已达 {1} 条，不能再加：请先结束一些，见 /v1/silences"
    ),
    "the silence has ended before: there is nothing to end": "这条静默已经结束，无需再结束",
    "without repository, ref, events and channel it would hold everything": (
        "repository、ref、events、channel 都没有给出，会拦下所有通知：请至少给出一个"
    ),
    "write the short name, {}": "请写短名称 {0}",
    "{} is no NAMESPACE/REPO_NAME: NS/* is a namespace": (
        "{0} 不是“命名空间/仓库名”：整个命名空间写成“命名空间/*”"
    ),
    "messages in the app keep every event: name another channel": (
        "站内消息保留所有事件，不能静默：请指定其他通知渠道"
    ),
    "there is no channel {}: there are {}": "没有通知渠道 {0}：现有的是 {1:list}",
    "{} cannot be a pattern: {}": "{0} 不是可用的模式：{1}",
    "{} is no time with its offset, such as 2026-11-21T08:00:00+08:00": (
        "{0} 不是带时区的时间：请写成 2026-11-21T08:00:00+08:00 的形式"
    ),
    "is past: give a later time": "已经过去：请给出更晚的时间",
    "is over {} days ahead: give an earlier time, and renew it then": (
        "超过 {0} 天：请给出更早的时间，到期后再续"
    ),
    "is to say why, in one line": "请用一行文字写明原因",
    "there is no builder of this name: see /v1/health for those that there are": (
        "没有这个名称的构建器：可用的构建器见 /v1/health"
    ),
    "there is no channel of this name: see /v1/health for those that there are": (
        "没有这个名称的通知渠道：可用的渠道见 /v1/health"
    ),
    "there is no such build: its number is too high": "没有这个构建：编号过大",
    "there is no build {}": "没有构建 {0}",
    "{} #{} has ended": "{0} #{1} 已结束",
    "{} #{} is not unknown: it is {}": "{0} #{1} 的结果并非未知：状态是 {2}",
    "{} #{} has ended, or is to end already": "{0} #{1} 已结束，或正在结束",
    "{} has not ended: it is {}. Cancel it, or wait until it has ended": (
        "{0} 尚未结束，状态为 {1}：请取消它，或等待它结束"
    ),
    "{} cannot be built again: {}": "{0} 无法再次构建：{1}",
    "{}/{} has no build yet": "{0}/{1} 还没有构建",
    "{}/{} builds no push: activate one of its tag_configs": (
        "{0}/{1} 不构建任何推送：请启用它的一个标签配置"
    ),
    "a build has one job here: its number is {}": "这里的构建只有一个任务：编号为 {0}",
    "there is no such step: the only one of each build is {}": "没有这个步骤：每个构建只有步骤 {0}",
    "no delivery has this id that your token may see: it is wrong, or the delivery is too old": (
        "没有这个 id 的接收记录，或者您的令牌不能查看它：可能 id 有误，也可能记录已过期清除"
    ),
    "no notice has this id that your token may see: it is wrong, or the notice is too old": (
        "没有这个 id 的通知，或者您的令牌不能查看它：可能 id 有误，也可能通知已过期清除"
    ),
    "there is no notice {}: see `notices list`": "没有通知 {0}：请查看 `notices list`",
    "the notices of {} went one by one: replay these": "{0} 的各条通知已逐条发送：请重发那些通知",
    "{} cannot be sent again: {}": "{0} 无法再次发送：{1}",
    "{} is still to be sent: it is {}": "{0} 尚待发送，状态为 {1}",
    "{} does not wait: it is {}": "{0} 并未在等待：它的状态是 {1}",
    "{} goes with others in the notice {}: drop that": "{0} 已并入通知 {1}：请丢弃那一条",
    "there is no notice of {} #{} yet: it has not begun": "{0} #{1} 还没有开始，尚无可通知的内容",
    "there is no channel {} any more: add it to bridge.yaml, then try again": (
        "渠道 {0} 已不存在：请把它加入 bridge.yaml，然后重试"
    ),
    # What is to be built.
    "give tag, as a tag configuration has it, or branch": "请给出 tag（与标签配置中的写法相同）或 branch",
    "no tag configuration of {} has {}: it has {}": "{0} 没有标签为 {1} 的标签配置：现有 {2:list}",
    "{} is built of tags: leave branch out": "{0} 由标签构建：请去掉 branch",
    "no branch of {} is built: name a branch or a tag": "{0} 没有会被构建的分支：请指定分支或标签",
    "{} stands for several {} names: give the one to build": (
        "{0} 代表多个{1:ref}名称：请给出要构建的那一个"
    ),
    "the commit id is not 40 or 64 hexadecimal digits": "提交 id 不是 40 或 64 位十六进制数字",
    "the ref name is over {} bytes long": "引用名称超过 {0} 字节",
    "the ref name is one that Git does not allow": "Git 不允许这样的引用名称",
    "{} is no parameter of {}, which has {}: add it to `parameters`": (
        "{0} 不是 {1} 的参数，已有的参数：{2:list}；请把它加入 `parameters`"
    ),
    "{} can be given to no build: it would decide which programs run": (
        "任何构建都不能使用参数 {0}：它会决定运行哪些程序"
    ),
    "the value of {} is over {} characters": "{0} 的值超过 {1} 个字符",
    "no push has named the clone URL yet: push once, or name it where the bridge runs: "
    "`buildbridge builds trigger {} --clone-url …`": (
        "还没有推送给出过克隆地址：请推送一次，或在服务所在的机器上指定："
        "`buildbridge builds trigger {0} --clone-url …`"
    ),
    "fork: a build runs again under its own number here: leave fork out": (
        "fork：此处的构建以原来的编号再次运行：请去掉 fork"
    ),
    "Last-Event-ID: {} is the id of no event here: leave it out": (
        "Last-Event-ID：此处没有 id 为 {0} 的事件：请去掉它"
    ),
    "there is no source {} of the kind {}, only {}": "没有类型为 {1} 的来源 {0}，只有 {2:list}",
    "the host names more refs than {} MiB hold": "平台列出的引用超过 {0} MiB，放弃读取",
    "git ls-remote did not answer: check the clone URL, or give the commit": (
        "git ls-remote 没有响应：请检查克隆地址，或给出提交"
    ),
    "the host has no {} {}: correct the name": "代码平台上没有{0:ref} {1}：请更正名称",
    "the host does not say what its refs are: {}": "代码平台没有给出其引用：{0}",
    "{}; nothing was lent: {}": "{0}；没有使用来源的凭据：{1}",
    "the clone URL cannot be read: correct it": "无法识别克隆地址：请更正",
    "the build is asked for as delivery {}, and made soon: look there": (
        "构建请求已保存为接收记录 {0}，即将处理：请查看该记录"
    ),
    "nothing is built: {}; see delivery {}": "没有触发构建：{0}；请查看接收记录 {1}",
    # What is explained.
    "give one of delivery, delivery_id and push": "请在 delivery、delivery_id 和 push 中给出一个",
    "give one of branch and tag": "请在 branch 和 tag 中给出一个",
    "{} came from no Git host: GET /v1/deliveries/{} has it": (
        "{0} 不是来自代码平台：请查看 GET /v1/deliveries/{1}"
    ),
    "{} cannot be understood: {}": "{0} 无法理解：{1}",
    "no known Git host sends such a delivery: name one of yours with {}": (
        "没有任何已知的代码平台会发送这样的请求：请用 {0} 指定您配置的一个来源"
    ),
    "there is no source {}: name one of bridge.yaml, or leave it out": (
        "没有来源 {0}：请指定 bridge.yaml 中的一个来源，或者去掉它"
    ),
    "over {} builds would be made: explain one ref at a time, as a push": (
        "将产生超过 {0} 个构建：请以 push 的形式逐个解释引用"
    ),
    "there is no kind {} of Git host; {}": "没有类型为 {0} 的代码平台；{1}",
    "name the repository as its host calls it, not by an address": (
        "请用代码平台中的名称指定仓库，而不是用地址"
    ),
    "the rules that were sent have {}: {}": "发送的规则有{0}：{1}",
    # Repositories and rules.
    "there is no such repository, or it takes a token to see it": "没有这个仓库，或者查看它需要令牌",
    "there is no such repository, or your token may not see it": "没有这个仓库，或者您的令牌不能查看它",
    "{} is defined in a file, {}: change it there": "{0} 在文件 {1} 中定义：请在文件中修改",
    "{} is defined in a file already, {}: change it there, or use another name": (
        "{0} 已在文件 {1} 中定义：请在文件中修改，或使用其他名称"
    ),
    "{} was made already, by the {}: change or delete it, or use another name": (
        "{0} 已经创建（{1}）：请修改或删除它，或使用其他名称"
    ),
    "all tag_configs of {} are inactive in a file, {}: set is_active there": (
        "{0} 的所有 tag_configs 在文件 {1} 中均未启用：请在文件中设置 is_active"
    ),
    "a repository of another namespace writes the image {}: give another one as build_config.image": (
        "另一个命名空间的仓库已使用镜像 {0}：请在 build_config.image 中给出其他镜像"
    ),
    "the address says {}: leave the key out": "地址中已给出 {0}：请去掉这个键",
    "{} is given twice: leave it out for a new one": "{0} 给出了两次：新的项请不要写 id",
    "{} is no tag_config of this repository: {}": "这个仓库没有 id 为 {0} 的标签配置：{1}",
    "its ids are {}": "现有的 id 是 {0:list}",
    "leave the id out for a new one": "新的标签配置请不要写 id",
    "names no channel: give channel or notice_type": "没有指定渠道：请给出 channel 或 notice_type",
    "nothing was changed, because of {}: {}": "未作任何修改，因为有{0}：{1}",
    "bridge.yaml and the rules have {}: what was good stays in force, correct the files and reload": (
        "bridge.yaml 和规则中有{0}：上一次有效的配置继续生效，请更正文件后重新加载"
    ),
    "a fault": "一处错误",
    "1 fault": "一处错误",
    "{} faults": " {0} 处错误",
    # Jobs of CodeArts.
    "no job has this id, or your token may not see it: the lists of jobs have all ids": (
        "没有这个 id 的构建任务，或者您的令牌不能查看它：任务列表中有所有 id"
    ),
    "no project has this id, or your token may not see it: /v1/job/list has their ids": (
        "没有这个 id 的项目，或者您的令牌不能查看它：/v1/job/list 中有项目的 id"
    ),
    "no project has this id: make its first repository by POST /v1/repositories/NAMESPACE": (
        "没有这个 id 的项目：请用 POST /v1/repositories/NAMESPACE 创建它的第一个仓库"
    ),
    "name and project of a job stay as they are: copy it, and delete this one": (
        "构建任务的名称和项目不能修改：请复制一份，再删除这一个"
    ),
    "{} is missing: a step is a tag configuration here": "缺少 {0}：这里的步骤就是一个标签配置",
    "over {} jobs would be looked at: give search, too": "需要查找的任务超过 {0} 个：请同时给出 search",
    "where a channel leads to is set in bridge.yaml: leave it out": (
        "渠道的地址在 bridge.yaml 中设置：请去掉它"
    ),
    "each job has its own notices here: leave it out, or say false": (
        "这里每个任务都有自己的通知：请去掉它，或设为 false"
    ),
    "MESSAGE always has all five events: every event is a message in the app, and none is sent": (
        "MESSAGE 始终包含全部五种事件：每个事件都是站内消息，不会向外发送"
    ),
    "there is no {} here, only {}": "这里没有 {0}，只有 {1:list}",
    "there is no {}, only {}": "没有 {0}，只有 {1:list}",
    "only {} have the address of a robot": "只有 {0:list} 有机器人地址",
    "has a space or another character that no address has": "含有空格或地址中不允许的字符",
    "this is not a URL": "这不是 URL",
    "the URL has to start with https:// and a host": "URL 必须以 https:// 和主机名开头",
    "the URL has to start with https://; plain http needs allow_private: true": (
        "URL 必须以 https:// 开头；使用 http 需要设置 allow_private: true"
    ),
    "the URL has to start with https://; plain http needs api.codearts.allow_private: true": (
        "URL 必须以 https:// 开头；使用 http 需要设置 api.codearts.allow_private: true"
    ),
    "there is no such host or port: write https:// and the name of a host": (
        "没有这样的主机或端口：请写 https:// 和主机名"
    ),
    "the host is a number: write its name, or set allow_private": (
        "主机是数字：请写主机名，或设置 allow_private"
    ),
    "the host is a number: write its name, or set api.codearts.allow_private": (
        "主机是数字：请写主机名，或设置 api.codearts.allow_private"
    ),
    "the host is inside of a private network: write a public one, or set allow_private": (
        "主机位于内部网络：请使用公网主机，或设置 allow_private"
    ),
    "the host is inside of a private network: write a public one, or set api.codearts.allow_private": (
        "主机位于内部网络：请使用公网主机，或设置 api.codearts.allow_private"
    ),
    "the job is disabled, by {}: enable it first": "任务已被 {0} 禁用：请先启用",
    "a name is given twice": "名称给出了两次",
    "{}, branch and build_tag name different refs: give one of them": (
        "{0}、branch 和 build_tag 指向不同的引用：请只给出其中一个"
    ),
    "the job has no build yet": "任务还没有构建",
    "must be at most {} days after start_time": "距 start_time 不得超过 {0} 天",
    "{} is not written {}": "{0} 的写法不是 {1}",
}

PROBLEMS: Final[Mapping[str, str]] = {
    "is missing": "缺失",
    "is not known": "无法识别",
    "is not known; did you mean {}?": "无法识别；是不是想写 {0}？",
    "is not known; known are {}": "无法识别；已知的有 {0:list}",
    "holds the full-width {}: write {}": "含有全角的 {0}：请写 {1}",
    "is shorthand: write {}": "是简写：请写 {0}",
    "{}: write {}": "{0}：请写 {1}",
    "{}: write {} without quotes": "{0}：请写 {1}，不要加引号",
    "{}: write digits only": "{0}：只写数字",
    "{}: write one value, without [ ] and dashes": "{0}：只写一个值，不要 [ ] 和短横线",
    "{}: write a dash and a space before each entry": "{0}：每一项前面写一个短横线和一个空格",
    "{}: write NAME: {…} for each, without dashes": "{0}：每一项写成“名称: {{…}}”，不要短横线",
    "{}: write {}: below {}, and the list below that": "{0}：在 {2} 下面先写 {1}:，再在它下面写列表",
    "{}: leave out the dashes before its keys": "{0}：去掉各个键前面的短横线",
    "{}: its keys, such as {}, stand below it": "{0}：它的键（例如 {1}）写在它下面",
    "is not known here: it belongs in {}": "在此处无法识别：它属于 {0}",
    "the top level": "最外层",
    "an entry of {}": "{0} 的每一项",
    "{} is not known; did you mean {}?": "无法识别 {0}；是不是想写 {1}？",
    "{} is not {}; did you mean {}?": "{0} 不是 {1:list}；是不是想写 {2}？",
    "{} is not {}": "{0} 不是 {1:list}",
    "must be {}, but is {}": "必须是{0:list}，但现在是{1}",
    "{}: put it in quotes": "{0}：请加上引号",
    "{}: put text that begins with { in quotes": "{0}：以 {{ 开头的文本请加上引号",
    "must be more than {}": "必须大于 {0}",
    "must be at least {}": "不得小于 {0}",
    "must be less than {}": "必须小于 {0}",
    "must be at most {}": "不得大于 {0}",
    "needs at least {} entry": "至少需要 {0} 项",
    "needs at least {} entries": "至少需要 {0} 项",
    "can have at most {} entry": "最多可以有 {0} 项",
    "can have at most {} entries": "最多可以有 {0} 项",
    "is empty": "为空",
    "is over {} characters": "超过 {0} 个字符",
    "must be a valid integer, unable to parse string as an integer": "必须是整数",
    "must be a valid number, unable to parse string as a number": "必须是数字",
    "must be a valid boolean, unable to interpret input": "必须是布尔值",
    "must match pattern '{}'": "必须符合模式 '{0}'",
    "text": "文本",
    "a whole number": "整数",
    "a number": "数字",
    "a decimal number": "小数",
    "true or false": "true 或 false",
    "a truth value": "布尔值",
    "a list": "列表",
    "a mapping": "映射",
    "something else": "其他类型",
    "empty": "空",
}
"""What is wrong with one value of a request; of a whole sentence these words could be any part."""
