"""The API of Huawei CodeArts Build at the paths of its manual: Huawei's own SDK drives Buildbridge with it.

A job is a repository, a project its namespace, a record a build. Each answer has the shape that the manual
gives this call.
"""

from collections.abc import Sequence
from typing import ClassVar

from bridge.web.api.codearts.base import CodeArtsBase
from bridge.web.api.codearts.configs import CONFIGS
from bridge.web.api.codearts.editing import EDITING
from bridge.web.api.codearts.history import HISTORY
from bridge.web.api.codearts.jobs import JOBS
from bridge.web.api.codearts.notices import NOTICES
from bridge.web.api.codearts.records import RECORDS
from bridge.web.api.codearts.runs import RUNS
from bridge.web.api.codearts.sign_in import SIGN_IN
from bridge.web.api.operation import Operation


class CodeArtsApi(CodeArtsBase):
    """All its calls; views, subject by subject, have modules of their own."""

    operations: ClassVar[Sequence[Operation]] = (
        *SIGN_IN,
        *JOBS,
        *CONFIGS,
        *EDITING,
        *NOTICES,
        *RUNS,
        *RECORDS,
        *HISTORY,
    )
