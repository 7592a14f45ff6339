"""Names of parameters that would take over a build are known."""

import pytest

from bridge.model.variables import steers_programs


@pytest.mark.parametrize(
    "name",
    [
        *(
            "PATH",
            "path",
            "LD_PRELOAD",
            "LD_LIBRARY_PATH",
            "LD_AUDIT",
            "BASH_ENV",
            "GIT_SSH_COMMAND",
            "GIT_SSH",
        ),
        *(
            "GIT_CONFIG_COUNT",
            "GIT_EXEC_PATH",
            "PYTHONPATH",
            "NODE_OPTIONS",
            "PERL5LIB",
            "PERL5OPT",
            "RUBYOPT",
        ),
        *("JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "IFS", "PROMPT_COMMAND", "BASH_FUNC_ls"),
    ],
)
def test_what_decides_which_programs_run(name: str) -> None:
    assert steers_programs(name)


@pytest.mark.parametrize(
    "name", ["FLAVOUR", "GIT_BRANCH", "ENV", "PATHS", "MY_PATH", "HOME", "LD", "codeBranch"]
)
def test_other_names_do_not(name: str) -> None:
    assert not steers_programs(name)
