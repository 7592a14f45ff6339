# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""What is wrong in `bridge.yaml`, or in a file of it or of the rules, in Chinese: `{}` stands for any words.

A fault is said as `cause: cure`: both are found by themselves, and so is what follows `; `.
"""

from collections.abc import Mapping
from typing import Final

_NEEDED: Final = {
    "text": "文本",
    "a whole number": "整数",
    "a number": "数字",
    "true or false": " true 或 false",
    "a list": "列表",
    "a mapping": "键值对",
}
_GIVEN: Final = {
    "empty": "值为空",
    "a truth value": "写的是布尔值",
    "a number": "写的是数字",
    "a decimal number": "写的是小数",
    "text": "写的是文本",
    "a list": "写的是列表",
    "a mapping": "写的是键值对",
    "something else": "类型不对",
}
_OF_TYPES: Final[Mapping[str, str]] = {
    f"must be {needed}, but is {given}": f"应该是{chinese}，现在{now}"
    for needed, chinese in _NEEDED.items()
    for given, now in _GIVEN.items()
} | {
    f"must be {{}} or {{}}, but is {given}": f"应该是 {{}} 或 {{}}，现在{now}"
    for given, now in _GIVEN.items()
}

CHINESE: Final[Mapping[str, str]] = {
    **_OF_TYPES,
    # values
    "is missing": "没有写",
    "is empty": "不能为空",
    "is over {} characters": "超过 {} 个字符",
    "needs at least {} entry": "至少要有 {} 项",
    "needs at least {} entries": "至少要有 {} 项",
    "can have at most {} entry": "最多只能有 {} 项",
    "can have at most {} entries": "最多只能有 {} 项",
    "must be more than {}": "应该大于 {}",
    "must be at least {}": "不能小于 {}",
    "must be less than {}": "应该小于 {}",
    "must be at most {}": "不能大于 {}",
    "must match pattern {}": "要符合正则表达式 {}",
    "must be a finite number": "应该是有限的数字",
    "must be {} or {}": "应该是 {} 或 {}",
    "{} is not {} or {}": "{} 不可用，只能是 {} 或 {}",
    "{} is not {}": "{} 不可用，只能是 {}",
    "{} is not known": "没有 {} 这个值",
    "is not known": "没有这个键",
    "is not known here": "这里没有这个键",
    "it belongs in {}": "它应该写在 {} 里",
    "did you mean {}?": "您要写的是不是 {}？",
    "did you mean {}? {} is for a plain Git server, whose rules have code_repo_clone_url": (
        "您要写的是不是 {}？{} 用于普通的 Git 服务器，规则里要写 code_repo_clone_url"
    ),
    "known are {}": "可用的有 {}",
    "is shorthand": "不能简写",
    "write {}": "请写成 {}",
    "write {} without quotes": "{} 不要加引号",
    "write digits only": "请只写数字",
    "write one value, without [ ] and dashes": "请只写一个值，不要 [ ] 和短横线",
    "put text that begins with { in quotes": "以 {{ 开头的文本要加引号",
    "put it in quotes": "请加引号",
    "write a dash and a space before each entry": "每一项前面要写短横线和空格",
    "write NAME: {…} for each, without dashes": "每一项请写成 NAME: {{…}}，不要短横线",
    "write NAME: {…}": "请写成 NAME: {{…}}",
    "write {}: below {}, and the list below that": "请在 {1} 下面写 {0}:，列表再写在它下面",
    "leave out the dashes before its keys": "键前面不要写短横线",
    "its keys, such as {}, stand below it": "{} 等键要写在它下面",
    "a duration needs a number and a unit, such as 30s, 5m, 2h or 30d": (
        "时长要写数字和单位，例如 30s、5m、2h 或 30d"
    ),
    "a size needs a number and a unit, such as 64KiB, 25MiB or 2GiB": (
        "大小要写数字和单位，例如 64KiB、25MiB 或 2GiB"
    ),
    "a rate needs a number and a unit of time, such as 10/s, 600/m or 5000/h": (
        "频率要写次数和时间单位，例如 10/s、600/m 或 5000/h"
    ),
    "must be longer than 0": "应该大于 0",
    "must be from {} to {}: each look asks the Git host for all refs": (
        "应该在 {} 到 {} 之间：每次查看都向代码平台查询所有 ref"
    ),
    "is from {} to {}": "应该在 {} 到 {} 之间",
    "is a time of the day, such as {}": "应该是一天里的时刻，例如 {}",
    "from and to are the same: leave quiet_hours out, or name hours": (
        "from 和 to 相同：请删掉 quiet_hours，或者写出时间段"
    ),
    "there is no time zone {}": "没有时区 {}",
    "write one such as {} or {}": "请写 {} 或 {} 这样的时区",
    "write one such as {}": "请写 {} 这样的时区",
    "must be an address such as {}": "应该是 {} 这样的地址",
    "must not contain a user or a password": "不能带用户名和密码",
    "everyone can see this address": "这个地址所有人都能看到",
    # secrets
    "the secret is empty, and would prove nothing": "密钥是空的，起不到校验作用",
    "the secret file {} is empty, and would prove nothing": "密钥文件 {} 是空的，起不到校验作用",
    "the environment variable {} is empty, and would prove nothing": "环境变量 {} 是空的，起不到校验作用",
    "the credential {} is empty, and would prove nothing": "凭据 {} 是空的，起不到校验作用",
    "fill it in": "请填上",
    "the environment variable {} is not set": "没有设置环境变量 {}",
    "set it where this starts": "请在启动的地方设置它",
    "there is no credential {}": "没有凭据 {}",
    "start under systemd with LoadCredential={}": "请用 systemd 启动，并写上 LoadCredential={}",
    "the secret file {} cannot be read": "无法读取密钥文件 {}",
    "the secret file {} cannot be read: {}": "无法读取密钥文件 {}：{}",
    "the secret file {} is over 64 KiB": "密钥文件 {} 超过 64 KiB",
    "the secret file {} is not a regular file": "密钥文件 {} 不是普通文件",
    "a pipe, such as {}, cannot be read again by a reload": "{} 这样的管道，重新加载时无法再读一次",
    "says no known place": "不知道到哪里去取",
    "write {env: NAME}, {file: /path} or {credential: NAME}": (
        "请写 {{env: NAME}}、{{file: /path}} 或 {{credential: NAME}}"
    ),
    **{
        f"a {what} is a text, or one of {{env: NAME}}, {{file: /path}}, {{credential: NAME}}": (
            "应该是文本，或者 {{env: NAME}}、{{file: /path}}、{{credential: NAME}} 之一"
        )
        for what in ("secret", "text")
    },
    "is shorter than {} characters": "不到 {} 个字符",
    "`{}` prints a good one": "可以用 `{}` 生成",
    # files and their syntax
    "cannot be read": "无法读取",
    "cannot be read: {}": "无法读取：{}",
    "create it, or correct what names it": "请创建它，或者改正引用它的地方",
    "No such file or directory": "没有这个文件或目录",
    "Permission denied": "没有权限",
    "Is a directory": "这是目录",
    "Not a directory": "不是目录",
    "not UTF-8 text": "不是 UTF-8 文本",
    "not text": "不是文本",
    "is not a file": "不是文件",
    "is not UTF-8 text": "不是 UTF-8 文本",
    "is over 1 MiB": "超过 1 MiB",
    "split it into several files": "请拆成几个文件",
    "split it": "请拆开",
    "the file holds over {} values": "文件里的值超过 {} 个",
    "the file holds over {} documents": "文件里的文档超过 {} 个",
    "a second document begins here": "这里开始了第二个文档",
    "only one is allowed": "只能有一个",
    "is nested over {} deep": "嵌套超过 {} 层",
    "the control character {} is not allowed": "不能有控制字符 {}",
    "a key must be text": "键应该是文本",
    "put a value that begins with { or [ in quotes": "以 {{ 或 [ 开头的值要加引号",
    "is given twice": "写了两次",
    "the first is at {}": "第一次在 {}",
    "{} is a YAML alias, which is not allowed": "{} 是 YAML 别名，这里不能用",
    "write the value out, or put a text that begins with * in quotes": (
        "请把值直接写出来；如果是以 * 开头的文本，请加引号"
    ),
    "{} is a YAML anchor, which is not allowed": "{} 是 YAML 锚点，这里不能用",
    "{} is a YAML tag, which is not allowed": "{} 是 YAML 标签，这里不能用",
    "leave it out, or put a text that begins with {} in quotes": ("请删掉；如果是以 {} 开头的文本，请加引号"),
    "is not YAML: {}": "YAML 写法不对，常见原因是前面的 [ 没有闭合，或者缩进不一致（解析器报告：{}）",
    "a quote has no end, or a backslash in it is not doubled": "引号没有成对，或者里面的反斜杠没有写成两个",
    "holds a full-width space": "有全角空格",
    "holds the full-width {}": "有全角的“{}”",
    "a full-width space means nothing in YAML": "YAML 不支持全角空格",
    "the full-width {} means nothing in YAML": "YAML 不支持全角的“{}”",
    "write a space": "请写半角空格",
    "write {} and a space": "请写“{}”和空格",
    "no space stands after the colon": "冒号后面没有空格",
    "no colon stands after the key": "键后面没有冒号",
    "write a colon and a space between key and value": "键和值之间要写冒号和空格",
    "a tab cannot indent here": "这里不能用制表符缩进",
    "use spaces": "请用空格",
    "a value cannot begin with {}": "值不能以 {} 开头",
    "a second colon in a line is not allowed": "一行里不能有第二个冒号",
    "write {} in braces": "请用花括号写成 {}",
    "a colon is not allowed here": "这里不能有冒号",
    "put the value in quotes, or correct the indentation": "请给值加引号，或者改正缩进",
    "${…} is not replaced here": "这里不会替换 ${{…}}",
    "write {env: NAME}, or put the value in quotes": "请写 {{env: NAME}}，或者给值加引号",
    "a comma is missing before this, or the {} after it": "这前面缺少逗号，或者后面缺少 {}",
    "this line is not indented as those above it": "这一行的缩进和上面的不一致",
    "begin it exactly below what it stands beside": "请和同级的内容左对齐",
    # sources, builders, channels and people
    "there is no kind {} of {}": "{1} 里没有 {0} 这种类型",
    "there is no builder {} with a kind": "没有写明类型的构建器 {}",
    "there is no channel {}": "没有渠道 {}",
    "no channel is of kind {}": "没有 {} 类型的渠道",
    "several channels are of kind {}": "{} 类型的渠道不止一个",
    "give channel, {}": "请写明 channel，可用的有 {}",
    "{} is not the kind of channel {}, which is {}": "渠道 {1} 的类型是 {2}，不是 {0}",
    "names no channel": "没有写渠道",
    "give channel or notice_type": "请写 channel 或 notice_type",
    "this name belongs to the in-app messages": "这个名字留给站内消息",
    "choose another": "请换一个",
    "a name has 1 to {} letters, digits, '.', '_' or '-', and begins with a letter or digit": (
        "名字由 1 到 {} 个字母、数字、“.”、“_”或“-”组成，以字母或数字开头"
    ),
    "must not contain ':' or control characters": "不能有冒号和控制字符",
    "Git cannot send them": "Git 发不出去",
    "Basic authentication does not allow them": "Basic 认证不允许",
    "is not an address or network, such as {} or {} (no host bits set)": (
        "应该是地址或网段，例如 {} 或 {}（主机位都是 0）"
    ),
    "holds a port": "里面有端口",
    "write {} and {}": "请写成 {} 和 {}",
    "is a name or an address alone, such as {}: leave http:// and paths out": (
        "只写主机名或地址，例如 {}：不要 http:// 和路径"
    ),
    "has a password": "里面有密码",
    "write that as store.password, such as {}": "请写在 store.password 里，例如 {}",
    "has {}, which the daemon sets itself": "里面有 {}，它由守护进程自己设置",
    "has {}, which others could read": "里面有 {}，别人可能读到",
    "write that into ~/.pg_service.conf, and name its section with {}": (
        "请写进 ~/.pg_service.conf，再用 {} 指明它的段名"
    ),
    "is no address of a PostgreSQL database": "不是 PostgreSQL 数据库的地址",
    "is for a PostgreSQL database, and url is a file": "只用于 PostgreSQL 数据库，而 url 是一个文件",
    "is of a user, whom url does not name": "是用户的密码，而 url 里没有用户",
    "must be sqlite:// and the path of a file: {}, or the address of a PostgreSQL database: {}": (
        "应该是 sqlite:// 加文件路径，例如 {}，或者是 PostgreSQL 数据库的地址，例如 {}"
    ),
    "must be an origin as browsers send it, in small letters, without a path and the usual port: {}": (
        "应该是浏览器发送的来源，小写，不带路径和默认端口，例如 {}"
    ),
    "is for {} only": "只用于 {}",
    "{} sends no user name, leave it out": "{} 不发送用户名，请删掉",
    "give its kind, or with server the name of a builder on the same server": (
        "请写 kind，或者用 server 写出同一服务器上另一个构建器的名字"
    ),
    "has the kind of its server": "类型和 server 指的构建器相同",
    "leave out kind or server": "kind 和 server 请只写一个",
    "is of {}, too": "也写给了 {}",
    "leave it with the one whom it is to mention": "请只留给要 @ 的那个人",
    "must be an e-mail address": "应该是邮箱地址",
    "it is compared with the address of the commit's author": "它要和提交作者的邮箱比较",
    "must be a name without @": "应该是不带 @ 的名字",
    "an address belongs in emails": "邮箱地址请写在 emails 里",
    "does not exist, nor does {}": "不存在，{} 也不存在",
    "name the file with --config or $BRIDGE_CONFIG": "请用 --config 或 $BRIDGE_CONFIG 指定文件",
    "the key of the API's tokens": "API 令牌的密钥",
    "the key of the API's tokens: {}: the daemon and `token add` both need this file": (
        "API 令牌的密钥：{}：守护进程和 `token add` 都要用这个文件"
    ),
    "the daemon and `token add` both need this file": "守护进程和 `token add` 都要用这个文件",
    "holds no key": "里面没有密钥",
    "delete it, and a new one is made": "请删掉它，会重新生成",
    "tokens that were made before are void then": "之前创建的令牌随之失效",
    "is the name of a channel, too": "也是渠道的名字",
    "{} is in the pool already": "{} 已经在这个池里",
    "a channel of the kind {} is no robot in a group": "{} 类型的渠道不是群机器人",
    "{} is of the kind {}, and {} of {}": "{} 是 {} 类型，{} 是 {} 类型",
    "a pool has one kind": "一个池里只能有一种类型",
    "{} and {} have other {}": "{} 和 {} 的 {} 不同",
    "give both the same, or name them in notices": "请改成相同的，或者写在 notices 里",
    "{} is the same robot as {}": "{} 和 {} 是同一个机器人",
    "create another one, or leave it out": "请再建一个，或者删掉",
    "{} is a pool": "{} 是一个池",
    "name one of its channels, {}": "请写其中一个渠道：{}",
    "is the same robot": "是同一个机器人",
    "is this channel itself": "就是这个渠道自己",
    "name another one, or leave it out": "请换一个，或者删掉",
    "the kind {} shows how builds are, which no other kind can": "{} 类型显示构建状态，别的类型做不到",
    "leave it out": "请删掉",
    "{} is of the kind {}, which has no messages": "{} 是 {} 类型，没有消息",
    "name a channel that has": "请换一个有消息的渠道",
    "leads back to {} ({})": "绕回了 {}（{}）",
    "{} gives notices up sooner than this channel": "{} 放弃通知比这个渠道早",
    "give it a ttl of at least {}": "请把它的 ttl 设为不少于 {}",
    "leave it out at one of them": "请在其中一处删掉",
    # sign_in
    "must be the name of a header, such as {}": "应该是请求头的名称，例如 {}",
    "{} does not name a user": "{} 不是用户名所在的请求头",
    "the proxy sends the user in another header": "请写代理用来发送用户名的请求头",
    "give the address of the proxy, such as [127.0.0.1], or [unix]": (
        "请写代理的地址，例如 [127.0.0.1]，或者 [unix]"
    ),
    "must be the name of a user as the proxy sends it, in one line": "应该是代理发送的用户名，在一行之内",
    # clone
    "must be the address of the host alone, such as {}": "应该只是主机的地址，例如 {}",
    "must be one line without control characters": "应该是一行，不带控制字符",
    "copy it anew": "请重新复制",
    "is no private key of ssh": "不是 SSH 私钥",
    "`{}` makes one": "可以用 `{}` 生成",
    "is the public half of the key, which the host gets": "这是公钥，公钥是给代码平台的",
    "give the file without .pub": "请用不带 .pub 的文件",
    "is a key of PuTTY": "这是 PuTTY 的密钥",
    "`{}` writes one for ssh": "请用 `{}` 转换",
    "needs a pass phrase, and no one is there to type it": "私钥有口令，运行时没有人能输入",
    "remove it, `{}`": "请用 `{}` 去掉口令",
    "{} is no line such as `ssh-keyscan HOST` prints": "{} 不是 `ssh-keyscan HOST` 输出的那种行",
    "host, kind of key, key": "主机、密钥类型、密钥",
    "has no key of a host": "没有主机公钥",
    "`{}` prints them, `-p PORT` before it for another port": "可以用 `{}` 取得，其他端口加 `-p PORT`",
    "opens nothing": "什么凭据也没有",
    "give a token, or ssh_key with known_hosts": "请写 token，或者 ssh_key 和 known_hosts",
    "username is for a token": "username 要和 token 一起用",
    "give one, or leave username out": "请补上 token，或者删掉 username",
    "known_hosts is for ssh_key": "known_hosts 要和 ssh_key 一起用",
    "give one, or leave known_hosts out": "请补上 ssh_key，或者删掉 known_hosts",
    "known_hosts is missing, so that anyone could pretend to be the host": (
        "没有写 known_hosts，别人可以冒充这台主机"
    ),
    "write what `ssh-keyscan {}` prints into a file, compare it with what the host publishes, and give "
    "known_hosts: {file: FILE}": (
        "请把 `ssh-keyscan {}` 的输出写进文件，和平台公布的核对，再写 known_hosts: {{file: FILE}}"
    ),
    "prefer: ssh needs ssh_key and known_hosts": "prefer: ssh 需要 ssh_key 和 known_hosts",
    "prefer: https needs a token": "prefer: https 需要 token",
    "url is missing": "没有写 url",
    # how a source hears of pushes
    "secrets is missing": "没有写 secrets",
    "write that of the webhook, or poll: 1m where the host cannot send webhooks": (
        "请写 Webhook 的密钥；平台不能发送 Webhook 时写 poll: 1m"
    ),
    # api of a source
    "the URL has to start with https:// where a proxy is between": "经过代理时 url 要以 https:// 开头",
    "is for {}": "只用于 {}",
    "at {} webhooks are made by hand, leave it out": "{} 的 Webhook 要手动创建，请删掉这一项",
    "{} takes no username": "{} 不需要 username",
    "the URL has to start with https://": "url 要以 https:// 开头",
    "plain http needs allow_private: true": "用 http 要设置 allow_private: true",
    "the address of your {}, such as {}": "请写您的 {} 的地址，例如 {}",
    "username is missing": "没有写 username",
    "{} wants the one that the token belongs to": "{} 要求写出令牌所属的用户名",
    # tracing
    "ends with {}, which is added by itself": "末尾的 {} 会自动加上",
    "leave that out": "请删掉它",
    "the value of a header is one line of ASCII, without spaces around it": (
        "请求头的值应该是一行 ASCII 文本，首尾没有空格"
    ),
    "its name has only letters, digits and '-'": "名称只能有字母、数字和 -",
    "needs OpenTelemetry, which is not installed here": "需要 OpenTelemetry，这里没有安装",
    "`pip install 'buildbridge[tracing]'`, or leave it out": (
        "请运行 `pip install 'buildbridge[tracing]'`，或者删掉这一段"
    ),
    # warnings
    "no sources are configured": "没有配置来源",
    "no host can send deliveries": "没有代码平台能发来推送",
    "holds the path of a hook, which the bridge adds by itself": "带了钩子的路径，这部分会自动加上",
    "leave {} out": "请去掉 {}",
    "has the path {}, below which pages do not work": "带了路径 {}，页面在路径下面不能用",
    "give the bridge its own host name": "请给 Buildbridge 单独的主机名",
    "everyone on the way to {} can read the token": "到 {} 的途中谁都能读到令牌",
    "fetch over https, or over SSH": "请用 https 或 SSH 取代码",
    "everyone on the way to {} can read the headers": "到 {} 的途中谁都能读到请求头",
    "send over https": "请用 https 发送",
    "is shorter than {} characters, and can be guessed": "不到 {} 个字符，可能被猜出",
    "other users may read the secret file": "其他用户也能读这个密钥文件",
}
