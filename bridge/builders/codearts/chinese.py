# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""What a CodeArts builder says of a build, in Chinese; `{}` stands for any words."""

from collections.abc import Mapping
from typing import Final

from bridge.builders.chinese import CHINESE as OF_SERVERS

CHINESE: Final[Mapping[str, str]] = {
    **OF_SERVERS,
    "CodeArts ended it: it ran longer than its job may": "被 CodeArts 结束：超过了任务允许的时长",
    "CodeArts found nothing to run it on": "CodeArts 没有可用的执行机",
    "aborted in CodeArts": "在 CodeArts 上被中止",
    "gone from CodeArts: no record of its number {} is ours, {} while CodeArts showed the job": (
        "在 CodeArts 上找不到了：编号 {} 的记录不是我们的（CodeArts 显示任务期间{}查找）"
    ),
    "the job {} was not started: {}": "任务 {} 没有启动：{}",
    "the parameters of the job have just changed": "任务的参数刚被改过",
    "CodeArts rejects the signature: check `access_key`, `secret_key` and the clock of this machine, and "
    "that no proxy changes the request ({})": (
        "CodeArts 不接受签名（{}）：请检查 `access_key`、`secret_key` 和本机时钟，并确认没有代理改动请求"
    ),
    "CodeArts answered {}: {}": "CodeArts 返回 {}：{}",
    "it does not take these values": "不接受这些值",
    "there is no such job: check `job_id`": "没有这个任务：请检查 `job_id`",
    "its network is busy": "它的网络繁忙",
    "CodeArts did not stop the build": "CodeArts 没有停止构建",
    "CodeArts shows no job {} to this caller: check `job_id`, the rights of the caller, and `url`": (
        "这个调用者在 CodeArts 上看不到任务 {}：请检查 `job_id`、调用者的权限和 `url`"
    ),
    "CodeArts shows no job {} in this project to this caller: check `job` and `project_id`": (
        "这个调用者在 CodeArts 的项目里看不到任务 {}：请检查 `job` 和 `project_id`"
    ),
    # tests
    "signed in": "已登录",
    "the job {} declares {} parameters": "任务 {} 声明了 {} 个参数",
    "it is disabled, so CodeArts will reject builds: enable it": "它被禁用，CodeArts 会拒绝构建：请启用",
    "it does not declare {}: add a text parameter of that name, otherwise an interrupted trigger "
    "cannot be checked": "它没有声明 {}：请添加这个名字的文本参数，否则中断的触发无法核对",
    "it does not receive the images to build ({}): add text parameters of these names, or say in "
    "`names` what it calls them": (
        "它收不到要构建的镜像（{}）：请添加这些名字的文本参数，或者在 `names` 里写明它们在任务里的名字"
    ),
    "CodeArts Build has no such call at `url` ({}): check `url` and its region": (
        "CodeArts Build 在 `url` 处没有这个接口（{}）：请检查 `url` 和区域"
    ),
    "IAM makes no token ({}): check `username`, `password`, `domain` and `region`": (
        "IAM 不发令牌（{}）：请检查 `username`、`password`、`domain` 和 `region`"
    ),
    "CodeArts rejects a token that has just been made: check that `region` is that of `url` ({})": (
        "CodeArts 不接受刚生成的令牌（{}）：请确认 `region` 与 `url` 的区域一致"
    ),
    # settings
    "write the 32 letters and digits of the id": "请写 id 的 32 个字母和数字",
    "name the job once: by `job_id`, or by `job` with `project_id`": (
        "任务请只指定一次：用 `job_id`，或者用 `job` 和 `project_id`"
    ),
    "say who calls, in one way: `access_key` and `secret_key`, or `username`, `password`, `domain` "
    "and `region`": (
        "调用者请只写一种：`access_key` 和 `secret_key`，或者 `username`、`password`、`domain`、`region`"
    ),
    # advice
    "the job {}, as it was seen at {}, does not declare {}": "任务 {}（{} 看到的）没有声明 {}",
    "the job {}, as it was seen at {}, does not receive {}": "任务 {}（{} 看到的）收不到 {}",
    "the job {}, as it was seen at {}, does not declare, and so does not get, {}": (
        "任务 {}（{} 看到的）没有声明、因此收不到 {}"
    ),
    "the job {}, as it was seen at {}, does not receive the images to build ({})": (
        "任务 {}（{} 看到的）收不到要构建的镜像（{}）"
    ),
    "add a text parameter of that name, otherwise an interrupted trigger cannot be checked": (
        "请添加同名的文本参数，否则触发中断后无法查证"
    ),
    "add text parameters of these names, or say in `names` what it calls them": (
        "请添加同名的文本参数，或者在 `names` 里写明任务里的名称"
    ),
    "add text parameters of these names to it, or remove them from `parameters`": (
        "请给任务添加同名的文本参数，或者从 `parameters` 里删掉"
    ),
    "then `buildbridge builders test {}` sees it anew": "然后用 `buildbridge builders test {}` 重新查看",
}
