# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""What is wrong in rules, in Chinese, as `bridge.config.chinese` has it for all files."""

from collections.abc import Mapping
from typing import Final

CHINESE: Final[Mapping[str, str]] = {
    # files
    "there are over {} rule files": "规则文件超过 {} 个",
    "folders are nested over {} deep": "目录嵌套超过 {} 层",
    "there are over {} repositories": "仓库超过 {} 个",
    "{} is defined twice": "{} 定义了两次",
    "{} is defined here and also by the API ({})": "{} 在这里定义，又通过 API 定义过（{}）",
    "remove it from the file, or delete the other one with DELETE {}": (
        "请从文件里删掉，或者用 DELETE {} 删掉另一个"
    ),
    "{} (put right what it needs, or delete {}: `{}`)": "{0}（请补上它需要的内容，或者用 `{2}` 删掉 {1}）",
    # names
    "must be without a slash": "不能有斜杠",
    "contains a slash": "里面有斜杠",
    "is an address": "这是地址",
    "write its path only, {}": "请只写路径 {}",
    "must be as in the repository's address": "应该和仓库地址里的一样",
    "no spaces, no slash at an end": "不能有空格，首尾不能有斜杠",
    "must be as {} shows it": "应该和 {} 上显示的一样",
    "My Project, not My%20Project, no slash at an end": ("写 My Project 而不是 My%20Project，首尾不能有斜杠"),
    "must be a clone address, such as {}": "应该是克隆地址，例如 {}",
    "the builder has its own": "构建器有自己的凭据",
    "a parameter's name has letters, digits and '_', and does not begin with a digit": (
        "参数名由字母、数字和“_”组成，不能以数字开头"
    ),
    "there is no kind {} of Git host": "没有 {} 这种代码平台",
    "there is no source {} of the kind {}": "没有 {1} 类型的来源 {0}",
    "there is no builder {}": "没有构建器 {}",
    "no builder is configured": "没有配置构建器",
    "add one to builders in bridge.yaml": "请在 bridge.yaml 的 builders 里添加一个",
    "code_repo_clone_url is missing": "没有写 code_repo_clone_url",
    "it names the repository of a {} host": "{} 平台的仓库用它来指定",
    "a {} host has code_repo_clone_url only": "{} 平台只用 code_repo_clone_url",
    "leave namespace and name out": "不要写 namespace 和 name",
    "{} is missing": "没有写 {}",
    "it names the repository at {}": "它指定 {} 上的仓库",
    # images and tags
    "the image {} {}; or give build_config.image": "镜像 {}：{}；也可以写明 build_config.image",
    "leave {} out": "请去掉 {}",
    "{} is not a registry, such as {} or {}": "{} 不是镜像仓库，镜像仓库如 {} 或 {}",
    "must not contain a tag or a digest": "不能带标签或摘要",
    "the tag belongs in docker_repo_tag": "标签请写在 docker_repo_tag 里",
    "must be lower-case: {}": "应该全部小写：{}",
    "is not an image name": "不是镜像名",
    "use parts of a-z and 0-9, joined by '.', '_', '__', '-', separated by '/'": (
        "各段由 a-z 和 0-9 组成，可用“.”“_”“__”“-”连接，段之间用“/”分隔"
    ),
    "{} is no placeholder": "{} 不是占位符",
    "there is no placeholder {}": "没有占位符 {}",
    "write {{ for a brace": "要写花括号本身，请写 {{{{",
    "a group cannot be called {}": "分组不能叫 {}",
    "a placeholder has this name": "这是占位符的名字",
    "{} has no value": "{} 没有值",
    "{} has no groups": "{} 里没有分组",
    "what is not left out has no groups": "没有被排除的名字里没有分组",
    "{} has {} group": "{} 里只有 {} 个分组",
    "{} has {} groups": "{} 里只有 {} 个分组",
    "{} has no value for a branch": "对分支来说 {} 没有值",
    "{} has no value for a tag": "对标签来说 {} 没有值",
    "has a { that does not belong to a placeholder such as {branch}": (
        "这里的 {{ 不属于 {{branch}} 这样的占位符"
    ),
    "has a } that does not belong to a placeholder such as {branch}": (
        "这里的 }} 不属于 {{branch}} 这样的占位符"
    ),
    "has over {} placeholders": "占位符超过 {} 个",
    "a tag cannot contain {}, only letters, digits, '_', '.' and '-'": (
        "标签里不能有 {}，只能有字母、数字、“_”“.”“-”"
    ),
    "a tag begins with a letter, a digit or '_' and has at most 128 characters": (
        "标签以字母、数字或“_”开头，最多 128 个字符"
    ),
    "is one tag": "只能是一个标签",
    "for a further one add the same entry to tag_configs with that tag": (
        "要再打一个标签，请在 tag_configs 里再加一项"
    ),
    "0 none, 1 the time, 2 the commit id": "0 不加，1 加时间，2 加提交 id",
    # branches, tags and paths
    "looks like a regular expression": "像是正则表达式",
    "write it between slashes, {}": "请写在两个斜杠之间：{}",
    "is not a regular expression in RE2's syntax: {}": "不是正确的 RE2 正则表达式：{}",
    "invalid escape sequence: {}": "转义写法 {} 不对",
    "missing ): {}": "缺少 )：{}",
    "missing ]: {}": "缺少 ]：{}",
    "no argument for repetition operator: {}": "{} 前面没有可重复的内容",
    "bad repetition operator: {}": "重复写法 {} 不对",
    "invalid repetition size: {}": "重复次数 {} 不对",
    "invalid perl operator: {}": "RE2 不支持 {}",
    "invalid character class range: {}": "字符范围 {} 不对",
    "unexpected ): {}": "多了一个 )：{}",
    "has {} groups, {} are allowed": "有 {} 个分组，最多 {} 个",
    "only leaves out": "这里只有排除",
    "write a list, {}": "请写成列表 {}",
    "has a [ without its ]": "[ 没有配对的 ]",
    "has an empty set []": "有空的 []",
    "write the short name, {}": "请写短名称 {}",
    "code_repo_type says which it is": "是分支还是标签由 code_repo_type 指定",
    "no branch or tag can have this name": "分支和标签不能叫这个名字",
    "Git allows no space in it": "Git 不允许其中有空格",
    "Git allows no slash at an end": "Git 不允许首尾有斜杠",
    "Git allows no .lock at the end": "Git 不允许以 .lock 结尾",
    "Git allows no {}": "Git 不允许 {}",
    "for several write {}": "要写几个，请写成 {}",
    "must stay inside the repository": "不能超出仓库",
    "without '..' and control characters": "不能有“..”和控制字符",
    "a path has 1 to {} characters": "路径的长度是 1 到 {} 个字符",
    "paths begin at the repository's root": "路径从仓库根目录算起",
    "{} is a folder": "{} 是目录",
    "write {} for all files below it": "要包括它下面的所有文件，请写 {}",
    "no file can have this name": "文件不能叫这个名字",
    "the filter is too large": "过滤条件太大",
    "the filter is too large: {}": "过滤条件太大：{}",
    "they switch between globs with and without ! over {} times": "带 ! 和不带 ! 的交替超过 {} 次",
    # schedules
    "five fields are needed": "要写五个字段",
    "minute, hour, day, month, day of week": "分、时、日、月、星期",
    "such as {}": "例如 {}",
    "{} is not a valid {}": "{} 用作 {} 不正确",
    "minute": "分钟",
    "hour": "小时",
    "day": "日期",
    "month": "月份",
    "day of week": "星期",
    "use numbers, names, '*', '-', '/' and ','": "请用数字、名称、“*”“-”“/”“,”",
    "cron would run on every day that either field names": "日期和星期都写时，cron 两者满足其一就执行",
    "give day or day of week, not both": "日期和星期请只写一个",
    "a step is at least 1": "步长至少是 1",
    "never due": "永远不会执行",
    "there is no such day": "没有这样的日子",
    "{} is not a day of week": "{} 不是星期",
    "use 0 to 7 or sun to sat": "请用 0 到 7 或 sun 到 sat",
    # warnings
    "no rules here": "这里没有规则",
    "nothing will be built": "不会构建任何内容",
    "no tag_config is for the branch {}": "没有用于分支 {} 的 tag_config",
    "no source of kind {} is configured": "没有配置 {} 类型的来源",
    "no push will arrive": "不会收到推送",
    "pushes to {} are looked for (poll), and nothing says where its code is": (
        "来源 {} 的推送靠查询得到（poll），但没有写明代码的地址"
    ),
    "add code_repo_clone_url": "请写上 code_repo_clone_url",
    "{} is a name to us": "{} 在这里当作名字",
    "write a regular expression between slashes, {}": "正则表达式请写在两个斜杠之间：{}",
    "no Git host calls a repository so": "没有代码平台这样称呼仓库",
    "has no effect": "不起作用",
    "the builder decides where it builds": "在哪里构建由构建器决定",
    "add a notice of type MAIL to `notices`": "请在 `notices` 里加一条 MAIL 类型的通知",
    "{} writes {}, too": "{0} 也写 {1}",
    "their builds run one after the other, and the last one has the tag": (
        "两者的构建依次进行，标签归最后完成的那个"
    ),
    "give one of them another tag or image": "请给其中一个换标签或镜像",
    "tag_configs[{}] and [{}] both build {} into {}": "tag_configs[{0}] 和 [{1}] 都把 {2} 构建成 {3}",
    "tag_configs[{}] and [{}] both build {} into {}, in two builds": (
        "tag_configs[{0}] 和 [{1}] 都把 {2} 构建成 {3}，分成两次构建"
    ),
    "the later one has the tag": "标签归后完成的那个",
    "builds what is pushed to any of the sources {}": "推送到来源 {} 中任何一个都会构建",
    "builds what is pushed to any of the sources {} (so does one more rule of this file)": (
        "推送到来源 {} 中任何一个都会构建（这个文件里还有 1 条规则也是）"
    ),
    "builds what is pushed to any of the sources {} (so do {} more rules of this file)": (
        "推送到来源 {} 中任何一个都会构建（这个文件里还有 {} 条规则也是）"
    ),
    "name one with code_repo_source, so that pushes are looked for there, too": (
        "请用 code_repo_source 指明一个，这样也会到平台上查找推送"
    ),
    "{} is damaged in the store and not in force": "存储里的 {} 已损坏，没有生效",
    "create it again by API": "请通过 API 重新创建",
    "damaged": "已损坏",
    "what the store has cannot be read, and those of the rule hold": "存储里的内容无法读取，按规则里的执行",
    "set them again": "请重新设置",
    "{} has notices that were set by the {}": "{0} 的通知是用 {1} 设置的",
    "found by a look at the Git host: no webhook had reported the push": (
        "核对 Git 平台时发现：没有收到这次推送的 Webhook"
    ),
    "{} was disabled by {} ({})": "{0} 由 {1} 停用（{2}）",
    "{} was disabled by {} ({}): {}": "{0} 由 {1} 停用（{2}）：{3}",
}
