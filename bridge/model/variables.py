"""Environment variables that decide which programs run: no parameter may have such a name."""

import re
from typing import Final

_STEERING: Final = re.compile(
    r"PATH|IFS|CDPATH|SHELL|SHELLOPTS|BASHOPTS|PS4|PROMPT_COMMAND|BASH_ENV|BASH_FUNC_.*|ZDOTDIR"
    r"|LD_.*|DYLD_.*|GLIBC_TUNABLES|GCONV_PATH|LOCPATH"
    r"|GIT_(SSH|SSH_COMMAND|ASKPASS|EXEC_PATH|PROXY_COMMAND|EDITOR|SEQUENCE_EDITOR|PAGER|EXTERNAL_DIFF"
    r"|TEMPLATE_DIR|DIR|WORK_TREE|CONFIG.*)|SSH_ASKPASS"
    r"|PYTHON(PATH|HOME|STARTUP|BREAKPOINT|WARNINGS)|PERL(5?LIB|5OPT|5DB)|RUBY(LIB|OPT)"
    r"|NODE_(OPTIONS|PATH)|(_?JAVA|JDK_JAVA|JAVA_TOOL)_OPTIONS",
    re.IGNORECASE,
)


def steers_programs(name: str) -> bool:
    """Whether a variable of this name makes a program run another, or load code from elsewhere."""
    return _STEERING.fullmatch(name) is not None
