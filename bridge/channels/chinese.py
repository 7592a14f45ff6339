# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""What the bridge itself says in notices, in Chinese: `{}` stands for any words. Builders have their own."""

from collections.abc import Mapping
from typing import Final

CHINESE: Final[Mapping[str, str]] = {
    # builds
    "superseded by #{}: {} was pushed": "已被 #{}（{}）取代",
    "cancelled by {}": "由 {} 取消",
    "resolved by {}: {}": "由 {0} 确认结果：{1}",
    "failed in the stage {}": "阶段 {} 失败",
    "rejected: {}": "构建器拒绝：{}",
    "given up after a day: {}": "一天后仍未成功，已放弃：{}",
    "the builder may or may not have started it, and cannot be asked: look there": (
        "不确定构建器是否已经启动它，也查不到：请到构建器上查看，必要时重新触发"
    ),
    "the builder does not have it": "构建器上没有这个构建",
    "the builder could not be asked: {}": "查询构建器失败：{}",
    "no answer within {} s": "{} 秒内没有应答",
    "no end within {} h (last seen: {})": "{} 小时内没有结束（最后的状态：{}）",
    "the builder says {}, which is not known here: look there": "构建器返回了未知的状态 {}：请到构建器上查看",
    "not stopped: {}": "未能停止：{}",
    "the adapter failed: {}": "程序内部出错：{}",
    "older than {}, which was already pushed; a person asked for it": "比已推送的 {} 旧；由人工指定构建",
    "{}: ask for the build again, `builds trigger`": "{}：请用 `builds trigger` 重新触发",
    "there is no builder {} any more": "已经没有构建器 {}",
    "there is no builder {} any more, since {}": "从 {1} 起没有构建器 {0}",
    "its builder is there again": "构建器已恢复",
    "it was on the machine of a node that did not come back: look there": (
        "它在一个没有恢复的节点的机器上：请到那里查看"
    ),
    "this node stood still, or did not reach the store: other nodes may have taken over": (
        "这个节点曾经停住，或者连不上存储：其他节点可能已经接手"
    ),
    "its builder moved to another place by a change of the configuration: look at the old one": (
        "配置改动后构建器换了地方：请到原来的构建器上查看"
    ),
    "one run for this build and {}": "这个构建和 {} 是同一次运行",
    "the job does not receive {}": "任务没有接收 {}",
    "the workflow does not receive {}": "工作流没有接收 {}",
    "the images to build (IMAGE, TAGS)": "要构建的镜像（IMAGE、TAGS）",
    "the builder does not have it: {}": "构建器上没有这个构建：{}",
    "no answer": "没有应答",
    "it was open in the backup that was restored, and may have been triggered since the backup was made: "
    "look at the builder, then `builds retry` builds it": (
        "恢复的备份里它还没有结束，备份之后可能已经触发：请先到构建器上查看，再用 `builds retry` 重新构建"
    ),
    # parts of the bridge
    "it answers again": "已恢复应答",
    "the rules on disk are good again, and in force": "规则文件已改好并生效",
    "nothing in bridge.yaml waits for a restart": "bridge.yaml 里没有等待重启的改动了",
    "there is room again": "磁盘空间已够用",
    "it took a test notice": "已收下测试消息",
    "{}: missed once until {}, since {}": "{0}：到 {1} 为止错过 1 次，因为{2}",
    "{}: missed over {} times until {}, since {}": "{0}：到 {2} 为止错过 {1} 次以上，因为{3}",
    "{}: missed {} times until {}, since {}": "{0}：到 {2} 为止错过 {1} 次，因为{3}",
    "the bridge was not running": " Buildbridge 没有运行",
    "the clock went from {} to {} at once": "时钟从 {} 一下跳到 {}",
    "the store failed": "存储出错",
    "{}: moved without a webhook: {}": "{0:list} 有变动，但没有收到 Webhook：{1}",
    "the bridge was not running for a time between {} and {}": "{} 到 {} 之间 Buildbridge 有一段时间没有运行",
    "the Git host did not answer for a time from {} on": "从 {} 起 Git 平台有一段时间没有应答",
    "no webhook has ever come from the source {}": "来源 {} 从未发来过 Webhook",
    "no webhook came from the source {} since {}": "来源 {} 自 {} 起没有再发来 Webhook",
    "no webhook arrived for it, while others of the source {} did": (
        "来源 {} 的其他 Webhook 都到了，唯独没有这次推送的"
    ),
    "1 request of the source was rejected meanwhile: {}": "期间拒绝了该来源的 1 次请求：{}",
    "{} requests of the source were rejected meanwhile: {}": "期间拒绝了该来源的 {} 次请求：{}",
    "{} could not deliver it ({}), and was asked to send it again": "{} 没能送达（{}），已请求重发",
    "pushes of {} cannot be looked for: {}": "无法查找 {} 的推送：{}",
    "pushes of {} and {} more cannot be looked for: {}": "无法查找 {} 等仓库的推送（另有 {} 个）：{}",
    "nothing says where it is: give its rule code_repo_clone_url": (
        "没有写明它的地址：请在规则里写上 code_repo_clone_url"
    ),
    "the host does not say what its refs are: {}": "代码平台没有给出其引用：{}",
    "git ls-remote did not answer: check the clone URL": "git ls-remote 没有响应：请检查克隆地址",
    "git is not installed here: install it, so that missed pushes are found": (
        "本机没有安装 git：请安装，才能找出没有收到 Webhook 的推送"
    ),
    "git cannot be run here: {}": "本机无法运行 git：{}",
    "the host names no branch and no tag any more: if all were removed, this counts in an hour": (
        "平台上一个分支和标签都没有了：如果确实已全部删除，一小时后按此处理"
    ),
    "the host names more refs than {} MiB hold": "平台列出的引用超过 {} MiB，放弃读取",
    "the host has {} branches and tags, and at most {} are compared": (
        "平台上有 {} 个分支和标签，最多比较 {} 个"
    ),
    "the clone URL cannot be read: correct it": "无法识别克隆地址：请更正",
    "it takes notices again": "已恢复发送",
    "{} gets its notices meanwhile": "其间的通知改由渠道 {} 发送",
    "{} waits for a restart": "{} 重启后生效",
    "{} wait for a restart": "{} 重启后生效",
    "nothing in its rule is active any more": "规则里的配置已全部停用",
    "there is no rule for it any more": "它的规则已删除",
    "changed: {}": "有改动：{}",
    "changed: {}, by {}": "有改动：{}（操作人 {}）",
    "nothing in its rule is active any more, by {}": "规则里的配置已全部停用（操作人 {}）",
    "there is no rule for it any more, by {}": "它的规则已删除（操作人 {}）",
    "and {} more repositories have changed: the log names them": "另有 {} 个仓库有改动，名称见日志",
    "less than {} are free on the disk of {}: no build starts": (
        "{1} 所在的磁盘剩余空间不足 {0}：不再启动构建"
    ),
    # any channel, and the services that call it
    "no whole answer from {}: {}": "{} 没有完整应答：{}",
    "the answer of {} is over {} bytes": "{} 的应答超过 {} 字节",
    "cannot connect to {}: {}": "连不上 {}：{}",
    "All connection attempts failed": "连接失败",
    "the name cannot be resolved": "域名解析失败",
    "the name could not be looked up in time": "域名没有及时解析出来",
    "{} is at {}, which is not public: set allow_private: true if that is meant": (
        "{} 的地址是 {}，不是公网地址：确实要用，请设置 allow_private: true"
    ),
    "port {} of {} speaks TLS: write https:// in the url": "{1} 的 {0} 端口用 TLS：url 请写 https://",
    "the server asks for fewer requests (HTTP 429)": "服务器要求减少请求（HTTP 429）",
    "{} answers in place of {} (HTTP {}): check the {}, and any proxy or portal on the way": (
        "应答的是{0}，不是{1}（HTTP {2}）：请检查 {3}，以及途中的代理和认证网关"
    ),
    "a sign-in page at {}": " {} 上的登录页",
    "a sign-in page": "登录页",
    "a web page": "网页",
    "the server redirects (HTTP {}), and the bridge does not follow: check the {}": (
        "服务器要求跳转（HTTP {}），这里不会跟随：请检查 {}"
    ),
    "the server answered HTTP {}": "服务器返回 HTTP {}",
    "the answer is {}: it does not come from {}, check the {}": "应答是{0}：不是{1}返回的，请检查 {2}",
    "the answer has no {}: it does not come from {}, check the {}": (
        "应答里没有 {0}：不是{1}返回的，请检查 {2}"
    ),
    "the answer has no message in it: it does not come from {}, check the {}": (
        "应答里没有消息：不是{0}返回的，请检查 {1}"
    ),
    "not JSON": "非 JSON 内容",
    "not ok": "非 ok 内容",
    "not 202": "非 202 应答",
    "the robot": "机器人",
    "the workflow": "工作流",
    "the receiver": "接收方",
    "the ntfy server": " ntfy 服务器",
    "perhaps sent: {}": "可能已发送：{}",
    "the channel is of another kind now: a message of it holds less": "渠道换了类型：一条消息装不下这么多",
    "the message could not be stored: {}": "消息未能写入存储：{}",
    "the store cannot be written: {}": "存储无法写入：{}",
    "the store cannot be read: {}": "存储无法读取：{}",
    "the store is behind: too many writes wait": "存储繁忙：等待写入的太多",
    "the store took no write for too long": "存储长时间没有完成写入",
    "the store is closed": "存储已关闭",
    # certificates
    "the certificate of {} {}": "{} 的证书{}",
    "comes from an authority that is not trusted here: {} its certificate": (
        "来自这里不信任的颁发机构：{}它的证书"
    ),
    "comes from an authority that is not trusted here: {} that authority's certificate, or have the server "
    "send the intermediate ones": "来自这里不信任的颁发机构：{}这个机构的证书，或者让服务器发送中间证书",
    "comes from an authority that is not trusted here: {} that authority's certificate": (
        "来自这里不信任的颁发机构：{}这个机构的证书"
    ),
    "set ca_file to a PEM file with": "请把 ca_file 设为一个 PEM 文件，里面有",
    "is signed by itself: {} it": "是自签名的：{}它",
    "is not valid yet: compare the clocks of both machines": "还没有生效：请核对两台机器的时钟",
    "has expired: renew it there": "已过期：请在那边更新",
    "if it is still good, the clock of this machine is wrong": "如果它其实没有过期，就是这台机器的时钟不对",
    "was revoked: replace it there": "已被吊销：请在那边更换",
    "is for another name than {}: use a name that it lists, or replace it there": (
        "里没有 {}：请用证书里的域名，或者在那边更换证书"
    ),
    "is for another name than: use a name that it lists, or replace it there": (
        "里没有这个域名：请用证书里的域名，或者在那边更换证书"
    ),
    "is not accepted ({}): replace it there": "不被接受（{}）：请在那边更换",
    "{} answers without TLS at this port: {}": "{} 的这个端口不用 TLS：{}",
    "check the address and its port": "请检查地址和端口",
    "{} speaks no version of TLS that is accepted here: it needs TLS 1.2 or newer": (
        "{} 的 TLS 版本太旧：要 TLS 1.2 或更新"
    ),
    "{} asks for a client certificate, and the bridge has none: let it in without one": (
        "{} 要求客户端证书，这里没有：请允许不带证书访问"
    ),
    "the TLS handshake with {} failed: {}": "和 {} 的 TLS 握手失败：{}",
    "the ca_file {} cannot be used: it has to hold PEM certificates": (
        "ca_file {} 不可用：里面应该是 PEM 证书"
    ),
    # the address of a channel
    "this is not a URL": "这不是 URL",
    "the URL has to start with https:// and a host": "URL 要以 https:// 和主机名开头",
    "the URL has to start with https://": "URL 要以 https:// 开头",
    "plain http needs allow_private: true": "用 http 要设置 allow_private: true",
    "the URL has no {}…: copy the webhook address whole": "URL 里没有 {}…：请完整复制 Webhook 地址",
    "the proxy is not usable: {}": "代理不可用：{}",
    # why a notice waits
    "quiet hours of {} until {}": "渠道 {} 免打扰，到 {} 为止",
    "waits for the other builds of its push, until {} at most": "在等同一次推送的其他构建，最晚到 {}",
    "{} may send no more before {}": "渠道 {} 的发送频率已到上限，{} 之后再发",
    "{} down since {}: {}": "{} 从 {} 起异常：{}",
    "{} paused until {}: {}": "{} 暂停到 {}：{}",
    "again at {}": "{} 再试",
    "behind notice {}": "排在通知 {} 后面",
    "goes with notice {}": "并入通知 {}",
    # why a notice ended without being sent
    "silence {} of {} until {}: {}": "静默 {0}，由 {1} 设置，到 {2}：{3}",
    "taken apart: its notices go to {}": "已拆开：里面的通知改由渠道 {} 发送",
    "to {}: {} is out of order": "渠道 {1} 异常，改由渠道 {0} 发送",
    "back to {}: there is no channel {} any more": "已经没有渠道 {1}，改回渠道 {0} 发送",
    "taken apart: its notices go back": "已拆开：里面的通知改回原来的渠道",
    "{} is out of order, and {} has a notice of the same event": ("渠道 {} 异常，渠道 {} 已有同一事件的通知"),
    "there is no channel {} any more, and {} has a notice of the same event": (
        "已经没有渠道 {}，渠道 {} 已有同一事件的通知"
    ),
    "their channel is not configured": "渠道已不在配置里",
    "there is no channel {} any more": "已经没有渠道 {}",
    "taken apart: silence {} holds some of it": "已拆开：静默 {} 拦下了其中一部分",
    "the last attempt: {}": "上次发送：{}",
    "it could not be sent in time": "未能在有效期内发送",
    "a message is for one recipient": "一条消息只发给一个收件人",
    "a digest does not fold": "汇总不再合并",
    "dropped by {}": "由 {} 丢弃",
}


def with_answer(cures: Mapping[str, str]) -> dict[str, str]:
    """The sentences alone, and with what the vendor answered behind them."""
    return {**cures, **{f"{english} ({{}})": f"{chinese}（{{}}）" for english, chinese in cures.items()}}
