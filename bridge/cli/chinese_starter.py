# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""The comments of what `init` writes, in Chinese by the English ones; what stands before them stays."""

from collections.abc import Mapping
from typing import Final

_PROXIES: Final = {
    "the server": "服务器",
    "CodeArts": " CodeArts",
    "GitHub": " GitHub",
    "Jenkins": " Jenkins",
}
_PROXIES_OF_CHANNELS: Final = {
    "the service": "服务",
    "the host": "代码平台",
    "the robot": "机器人",
    "Discord": " Discord",
    "the server": "服务器",
    "Slack": " Slack",
    "the workflow": "工作流",
    "Telegram": " Telegram",
    "the receiver": "接收方",
}
_PRIVATE: Final = {
    "the service": "服务",
    "the host": "代码平台",
    "the robot": "机器人",
    "the server": "服务器",
    "that": "它",
    "the receiver": "接收方",
}

COMMENTS: Final[Mapping[str, str]] = {
    **{
        f"an HTTP proxy to {english}; the environment's proxy is not used": (
            f"访问{chinese}用的 HTTP 代理；不使用环境变量里的代理"
        )
        for english, chinese in _PROXIES.items()
    },
    **{
        f"an HTTP proxy to {english}": f"访问{chinese}用的 HTTP 代理"
        for english, chinese in _PROXIES_OF_CHANNELS.items()
    },
    **{
        f"if {english} has a private address, or no TLS": f"{chinese}在内网，或者没有 TLS 时"
        for english, chinese in _PRIVATE.items()
    },
    # bridge.yaml
    "Written by `buildbridge init`. What is marked CHANGE holds an invented value; "
    "`buildbridge check` says what": (
        "由 `buildbridge init` 写成。标着 CHANGE 的是编造的值；`buildbridge check` 会指出哪里有问题，"
    ),
    "is wrong, and where.": "以及在第几行。",
    "Secrets stand in files of their own: "
    "{file: secrets/name} counts from the folder of this file. {env: NAME}": (
        "密钥放在单独的文件里：{file: secrets/name} 从这个文件所在的目录算起；{env: NAME} 读环境变量，"
    ),
    "reads an environment variable, {credential: NAME} a systemd credential.": (
        "{credential: NAME} 读 systemd 凭据。"
    ),
    "behind a reverse proxy that speaks TLS; 0.0.0.0 to be reached directly": (
        "前面有处理 TLS 的反向代理；要直接访问请写 0.0.0.0"
    ),
    "beside this file; a server keeps it below /var/lib": "在这个文件旁边；服务器上一般放在 /var/lib 下",
    "files or folders, read recursively": "文件或目录，包括子目录",
    "of notices: en or zh-CN": "通知的语言：en 或 zh-CN",
    "Who may call us, at <public_url>/hooks/<name>.": "谁可以推送过来，地址是 <public_url>/hooks/<名称>。",
    "Who may use the API: sent as Authorization: Bearer <token>.": (
        "谁可以调用 API：请求带上 Authorization: Bearer <令牌>。"
    ),
    # rules
    "The first rule: a push to main builds the tag latest, and the Git tag v1.2.0 a tag of the same name.": (
        "第一条规则：推送到 main 构建标签 latest，推送 Git 标签 v1.2.0 构建同名的标签。"
    ),
    "The file may be called as you like, and hold several rules.": (
        "文件名可以随意，一个文件里可以写多条规则。"
    ),
    "CHANGE: The names of the repository are invented: write those of your own.": (
        "CHANGE：仓库的名字是编造的：请写自己仓库的名字。"
    ),
    "CHANGE: The address code_repo_clone_url is invented: write the setting bridge.cloneUrl of the hook.": (
        "CHANGE：code_repo_clone_url 的地址是编造的：请写钩子里 bridge.cloneUrl 的值。"
    ),
    "the id and the group": "编号和组",
    "organisation and group": "组织和代码组",
    "the project's key": "项目的 Key",
    # builders
    "Build systems. Rules that name no builder use the first one.": "构建器。规则没有指明时，用第一个。",
    "CHANGE: the address below which its API has /v1/builds": "CHANGE：API 的地址，下面有 /v1/builds",
    "CHANGE: put the API token of a user who may build into this file": (
        "CHANGE：把有权构建的用户的 API 令牌写进这个文件"
    ),
    "CHANGE: the namespace and the name of the build repository": "CHANGE：构建仓库的命名空间和名称",
    "the docker_repo_tag to build; else the first tag of a build that the repository has": (
        "要构建的 docker_repo_tag；不写则用构建的标签里仓库也有的第一个"
    ),
    "of one call": "一次调用的时限",
    "how often running builds are polled": "多久查询一次进行中的构建",
    "with which it may say that a build has changed": "构建状态变化时，它凭这个密钥通知这里",
    "authorities to trust instead of the public ones": "信任这些颁发机构，代替公共的",
    "CHANGE: the endpoint of CodeArts Build in your region": "CHANGE：您所在区域的 CodeArts Build 终端节点",
    "CHANGE: a job that declares BRIDGE_BUILD_ID, IMAGE, TAGS, …": (
        "CHANGE：声明了 BRIDGE_BUILD_ID、IMAGE、TAGS 等参数的任务"
    ),
    "or the name of the job, with the CodeArts project that has it": (
        "或者写任务的名称，再写它所属的 CodeArts 项目"
    ),
    "CHANGE: the access key (AK) that signs requests": "CHANGE：给请求签名的访问密钥（AK）",
    "CHANGE: put its secret key (SK) into this file": "CHANGE：把对应的私有密钥（SK）写进这个文件",
    "in place of the two keys, an IAM user: it gets a token": "不用这两个密钥时，写 IAM 用户，由它取得令牌",
    "the account that the user belongs to": "用户所属的账号",
    "what the token is for": "令牌用于哪个区域",
    "where tokens are made, if not at the region's public address": "取得令牌的地址，如果不是区域的公网地址",
    "what the job calls our parameters, if not as we do": "参数在任务里的名称，如果和这里的不同",
    "CHANGE: put the token of a user who may start builds into this file": (
        "CHANGE：把有权启动构建的用户的令牌写进这个文件"
    ),
    "CHANGE: the full name of the repository on that server": "CHANGE：仓库在那台服务器上的全名",
    "Drone 1 and 2; or woodpecker (2 and 3), or drone-0.5; if left out, it is asked": (
        "Drone 1 和 2；或者 woodpecker（2 和 3）、drone-0.5；不写则自动识别"
    ),
    "whose pipeline always runs, and fetches COMMIT by itself; else what was pushed": (
        "总是运行这个分支的流水线，由它自己取 COMMIT；不写则用推送的分支"
    ),
    "how Drone 0.5 builds: by forks, by a hook from us, or it is followed (follow)": (
        "Drone 0.5 的构建方式：fork、hook（由这里发起），或 follow（只跟踪）"
    ),
    "for mode: hook; from the address of its hook at the Git host": (
        "用于 mode: hook；取自代码平台上它的钩子地址"
    ),
    "builds nothing: for trying out rules and notices": "不真的构建：用来试规则和通知",
    "of a build; a rule's parameter DUMMY_DURATION says otherwise": (
        "构建用时；规则的参数 DUMMY_DURATION 可以另定"
    ),
    "or failed; a rule's parameter DUMMY_RESULT says otherwise": (
        "或 failed；规则的参数 DUMMY_RESULT 可以另定"
    ),
    "CHANGE: Gitea or Forgejo": "CHANGE：Gitea 或 Forgejo",
    "CHANGE: put a token with the scope write:repository into this file": (
        "CHANGE：把有 write:repository 权限的令牌写进这个文件"
    ),
    "CHANGE: the repository that has the workflow": "CHANGE：工作流所在的仓库",
    "CHANGE: its file, which declares BRIDGE_BUILD_ID, IMAGE, TAGS, COMMIT, …": (
        "CHANGE：工作流文件，声明了 BRIDGE_BUILD_ID、IMAGE、TAGS、COMMIT 等输入"
    ),
    "whose workflow always runs, and checks out COMMIT by itself; else what was pushed": (
        "总是运行这个分支的工作流，由它自己检出 COMMIT；不写则用推送的分支"
    ),
    "the API of an Enterprise Server, in place of github.com": "Enterprise Server 的 API，代替 github.com",
    "CHANGE: put a token with Actions: write and Contents: read into this file": (
        "CHANGE：把有 Actions: write 和 Contents: read 权限的令牌写进这个文件"
    ),
    "in place of the token, a GitHub App and its installation": "不用令牌时，写 GitHub App 和它的安装编号",
    "CHANGE: its file, with `run-name: ${{ inputs.BRIDGE_BUILD_ID }}` and inputs": (
        "CHANGE：工作流文件，写有 `run-name: ${{ inputs.BRIDGE_BUILD_ID }}` 和输入"
    ),
    "a repository_dispatch of this type starts it, in place of a call by hand": (
        "用这个类型的 repository_dispatch 启动，代替手动调用"
    ),
    "CHANGE: without /api/v4": "CHANGE：不带 /api/v4",
    "CHANGE: put an access token with the scope api into this file": (
        "CHANGE：把有 api 权限的访问令牌写进这个文件"
    ),
    "starts pipelines; then `token` needs read_api only": "用它启动流水线；这时 `token` 只需要 read_api",
    "CHANGE: the full path of the project, or its number": "CHANGE：项目的完整路径，或者编号",
    "in place of variables": "代替变量",
    "CHANGE: the user whose API token it is": "CHANGE：API 令牌所属的用户",
    "CHANGE: put the token into this file": "CHANGE：把令牌写进这个文件",
    "CHANGE: a job that declares BRIDGE_BUILD_ID, IMAGE, TAGS, COMMIT, …": (
        "CHANGE：声明了 BRIDGE_BUILD_ID、IMAGE、TAGS、COMMIT 等参数的任务"
    ),
    "in place of `token`, where the user can have none": "用户不能有令牌时，代替 `token`",
    "with which the job of `builders setup` clones: an id in Jenkins": (
        "`builders setup` 建的任务用它取代码：Jenkins 里的凭据编号"
    ),
    "with which that job pushes: an id in Jenkins": "那个任务用它推送镜像：Jenkins 里的凭据编号",
    "calls at once": "同时调用的数量",
    "on this machine, with buildah, podman, docker or buildctl": (
        "在本机构建，用 buildah、podman、docker 或 buildctl"
    ),
    "CHANGE: put before images that name no registry": "CHANGE：镜像没有写镜像仓库时，加在前面",
    "builds at once": "同时构建的数量",
    "of buildkitd, with `engine: buildctl`; else its usual socket": (
        "`engine: buildctl` 时 buildkitd 的地址；不写则用默认的 socket"
    ),
    "ca.pem, cert.pem and key.pem for it": "里面是 ca.pem、cert.pem 和 key.pem",
    "its cache, shared by all who build with it": "构建缓存，所有使用者共享",
    "of the registry; Docker's daemon has its own setting": "校验镜像仓库的证书；Docker 另有自己的设置",
    "credentials of the registry, as `buildah login` writes them": (
        "镜像仓库的凭据，格式同 `buildah login` 写的"
    ),
    "of one build": "一次构建的时限",
    "where builds are, if not beside the store": "构建所在的目录，如果不在存储旁边",
    "how long an image is pushed again while its registry is down": "镜像仓库异常时，继续重推镜像多久",
    "of one checkout": "一次检出的上限",
    "what may be fetched over; add file for repositories on this machine": (
        "取代码允许的协议；本机上的仓库请加 file"
    ),
    "true fetches submodules, recursive those of submodules as well": (
        "true 取子模块，recursive 连子模块的子模块也取"
    ),
    "true fetches the files of Git LFS; needs git-lfs": "true 取 Git LFS 的文件；需要 git-lfs",
    "one commit; full: those before it, too; tags: also all tags, for `git describe`": (
        "只取一个提交；full：连同之前的；tags：还有全部标签，供 `git describe` 用"
    ),
    "of what builds fetched, so that the next one fetches only what is new": (
        "保留取过的代码，下次只取新的部分"
    ),
    "an image for each, under one digest": "各构建一个镜像，共用一个摘要",
    "of what a build runs, where the machine has control groups": "构建可用的资源，需要机器支持 cgroup",
    "of every step; builds can print it": "每一步的环境变量；构建可以把它打印出来",
    "instead of engine and registry: run in the checkout, without a shell": (
        "代替 engine 和 registry：在检出的目录里运行，不经过 shell"
    ),
    # channels
    'Where notices go. The channel "message" (in the app) always exists and gets every notice.': (
        "通知渠道。“message”（站内消息）始终存在，收到所有通知。"
    ),
    'Where notices go. The channel "message" (in the app) always exists and gets every notice; '
    "add others here.": ("通知渠道。“message”（站内消息）始终存在，收到所有通知；其他渠道加在这里。"),
    "For rules that say nothing about notices; serviceDegraded: a builder or a channel is down, "
    "rules are faulty.": ("规则没有写通知时用这些；serviceDegraded：构建器或渠道异常、规则有错误。"),
    "For rules that say nothing about notices: the commit shows how each build is.": (
        "规则没有写通知时用这些：提交上显示每次构建的状态。"
    ),
    "always, changes (the first failure, and fixed), failures": (
        "always（每次）、changes（首次失败和恢复）、failures（失败）"
    ),
    "CHANGE: put the URL of the service, in the form of Apprise, into this file": (
        "CHANGE：把服务的 URL 按 Apprise 的写法写进这个文件"
    ),
    "CHANGE: or GitLab, Gitee, Gitea, Forgejo, Bitbucket, BitbucketServer": (
        "CHANGE：或者 GitLab、Gitee、Gitea、Forgejo、Bitbucket、BitbucketServer"
    ),
    "CHANGE: put a token that may set commit statuses into this file": (
        "CHANGE：把有权设置提交状态的令牌写进这个文件"
    ),
    "the API of a server of your own": "自建服务器的 API",
    "for tokens of Bitbucket that go with one": "Bitbucket 的令牌需要用户名时",
    "what the names of the statuses begin with": "状态名称的开头",
    "CHANGE: put the robot's whole webhook address into this file": (
        "CHANGE：把机器人完整的 Webhook 地址写进这个文件"
    ),
    'if the robot\'s security setting is "sign"': "机器人的安全设置是“加签”时",
    'if its security setting is "keywords": one of them': "安全设置是“自定义关键词”时：其中一个",
    'if its security setting is "custom keywords": one of them': "安全设置是“自定义关键词”时：其中一个",
    "or card: with a button for the log": "或 card：带有查看日志的按钮",
    "CHANGE: put the whole webhook URL into this file": "CHANGE：把完整的 Webhook 地址写进这个文件",
    "if it is a relay with a private address, or no TLS": "用的是内网或没有 TLS 的中转时",
    "if the robot verifies signatures": "机器人开启了签名校验时",
    "or post (rich text), text": "或 post（富文本）、text",
    "or implicit (port 465)": "或 implicit（端口 465）",
    "if the server asks for a login, with": "服务器要求登录时，和下一行一起写",
    "with tls: none, for a relay on this machine": "和 tls: none 一起，用于本机的中转",
    "CHANGE: put server and topic into this file": "CHANGE：把服务器和主题写进这个文件",
    "if the server asks for a login": "服务器要求登录时",
    "CHANGE: put the whole URL of the workflow into this file": "CHANGE：把工作流完整的地址写进这个文件",
    "CHANGE: put what @BotFather said into this file": "CHANGE：把 @BotFather 给出的内容写进这个文件",
    "CHANGE: the id of the group": "CHANGE：群的编号",
    "the number of a topic, in a group that has topics": "话题的编号，用于分话题的群",
    "a server of the Bot API of your own": "自建的 Bot API 服务器",
    "CHANGE: put the receiver's address into this file": "CHANGE：把接收方的地址写进这个文件",
    "CHANGE: what the receiver verifies signatures with": "CHANGE：接收方校验签名用的密钥",
    "or markdown_v2 (lists), card": "或 markdown_v2（支持列表）、card",
    "CHANGE: the id of your company (企业 ID)": "CHANGE：企业 ID",
    "CHANGE: put the application's Secret into this file": "CHANGE：把应用的 Secret 写进这个文件",
    "CHANGE: the application's AgentId": "CHANGE：应用的 AgentId",
    "or user ids: [alice, bob]; everyone who may see the application": (
        "应用可见范围内的所有人；或者写成员账号：[alice, bob]"
    ),
    "numbers of departments": "部门的编号",
    "numbers of tags": "标签的编号",
    "markdown has colours; the WeChat plugin shows text only": "markdown 有颜色；微信插件只显示 text",
    "an HTTP proxy to WeCom, such as one with a trusted address": (
        "访问企业微信用的 HTTP 代理，例如有可信 IP 的代理"
    ),
    "a relay of your own": "自建的中转",
}
