"""A failed build opens at the line that says why: in the stage that failed, else in the end of the log."""

from itertools import count
from pathlib import Path

import pytest
from support.scripted import Store
from support.services import add_queued

from bridge.model.build import Build, BuildState
from bridge.store.values import no_notices
from bridge.web.api.core.failed_step import failed_line

URL = "https://git.example.com/acme/shop.git/"
LOGS = Path(__file__).parents[2] / "data" / "logs"
_KEYS = count()

JENKINS = """\
Started by user ci
[Pipeline] Start of Pipeline
[Pipeline] { (Checkout)
error: something harmless that Checkout says
[Pipeline] }
[Pipeline] // stage
[Pipeline] stage
[Pipeline] { (Test)
+ make test
all is well so far
FAIL: test_sum
make: *** [Makefile:3: test] Error 1
[Pipeline] }
[Pipeline] // stage
[Pipeline] stage
[Pipeline] { (Declarative: Post Actions)
error: the cleaning of Post Actions failed, too
[Pipeline] }
[Pipeline] End of Pipeline
ERROR: script returned exit code 2
Finished: FAILURE
"""
STEPS = """\
== clone ==
error: no such cache, going on
== build / test ==
one
Error: the test broke
two
== notify ==
error: no server listens
"""
ACTIONS = """\
== lint ==
##[error]a warning that counts as an error
== build ==
##[group]Run make
make
##[endgroup]
##[error]Process completed with exit code 2.
== report ==
##[error]nothing to report
"""


async def failed(store: Store, text: str, stage: str = "") -> Build:
    build = await add_queued(store, f"b{next(_KEYS)}")
    piece = max(777, len(text) // 20)
    for at in range(0, len(text), piece):
        await store.builds.append_log(build.run_id, text[at : at + piece], at + piece, restarted=False)
    await store.builds.transition(build.run_id, BuildState.FAILED, no_notices, stage=stage)
    return await store.build(build.id)


async def opened(store: Store, text: str, stage: str = "") -> str | None:
    """The line at which the build opens."""
    build = await failed(store, text, stage)
    number = await failed_line(store.logs, build)
    if number is None:
        return None
    (row,) = (await store.logs.lines(build.id, number, 1)).rows
    return row.text


@pytest.mark.parametrize(
    ("text", "stage", "line"),
    [
        (JENKINS, "Test", "FAIL: test_sum"),
        (JENKINS, "Checkout", "error: something harmless that Checkout says"),
        (JENKINS, "", "error: something harmless that Checkout says"),
        (JENKINS, "no such stage", "error: something harmless that Checkout says"),
        (STEPS, "test", "Error: the test broke"),
        (STEPS, "build / test", "Error: the test broke"),
        (STEPS, "clone", "error: no such cache, going on"),
        (ACTIONS, "build / Run make", "##[error]Process completed with exit code 2."),
        (ACTIONS, "lint", "##[error]a warning that counts as an error"),
    ],
)
async def test_it_opens_in_the_stage_that_failed(store: Store, text: str, stage: str, line: str) -> None:
    assert await opened(store, text, stage) == line


@pytest.mark.parametrize(
    ("text", "stage", "line"), [(JENKINS, "Test", "FAIL: test_sum"), (STEPS, "test", "Error: the test broke")]
)
async def test_lines_that_have_the_name_of_the_stage_hide_no_beginning_of_it(
    store: Store, text: str, stage: str, line: str
) -> None:
    assert await opened(store, "compiling test file\n" * 1500 + text, stage) == line


async def test_a_stage_that_ran_twice_is_opened_in_its_last_run(store: Store) -> None:
    again = JENKINS.replace("test_sum", "test_product")
    assert await opened(store, JENKINS + again, "Test") == "FAIL: test_product"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("go", "--- FAIL: TestTotal (0.00s)"),
        ("npm", "npm error code ERESOLVE"),
        ("pytest", "test_cart.py:5: AssertionError"),
        ("maven", "[ERROR] COMPILATION ERROR :"),
        ("gradle", "> Task :test FAILED"),
        (
            "buildkit",
            '#6 ERROR: process "/bin/sh -c npm run build" did not complete successfully: exit code: 2',
        ),
        ("git", f"fatal: unable to access '{URL}': Could not resolve host: git.example.com"),
    ],
)
async def test_real_logs_open_at_their_first_error(store: Store, name: str, line: str) -> None:
    assert await opened(store, (LOGS / f"{name}.log").read_text()) == line


async def test_of_hundred_errors_that_harm_no_one_and_those_of_the_end_the_latter_are_opened(
    store: Store,
) -> None:
    text = "error: expected by this test\n" * 100 + "fine\n" * 200 + "panic: real\nits stack\n" + "+ exit 1\n"
    assert await opened(store, text) == "panic: real"


async def test_where_its_end_has_no_error_the_last_errors_are_opened(store: Store) -> None:
    text = "error: long before\n" + "fine\n" * 50 + "error: one\nits place\nerror: two\n" + "bye\n" * 300
    assert await opened(store, text) == "error: one"


async def test_a_line_that_only_says_the_exit_code_is_opened_where_there_is_no_other(store: Store) -> None:
    ended = "cleaning\n" * 200 + "failed: sh failed with exit code 2\n"
    assert await opened(store, f"app.c:12: error: no such name\n{ended}") == "app.c:12: error: no such name"
    assert await opened(store, ended) == "failed: sh failed with exit code 2"


async def test_an_error_counts_where_a_line_begins_with_it(store: Store) -> None:
    assert await opened(store, f"{'{} ' * 9000}error: in a document\nerror: real\n") == "error: real"


async def test_without_an_error_it_opens_at_the_last_line_that_says_something(store: Store) -> None:
    text = "tag=failure\nBuild step 'Execute shell' marked build as failure\nFinished: FAILURE\n\n"
    assert await opened(store, text) == "Build step 'Execute shell' marked build as failure"
    assert await opened(store, "") is None
    assert await opened(store, "\n\n") is None


async def test_the_failure_of_a_long_log_is_found_before_a_long_cleaning(store: Store) -> None:
    noise = "".join(f"{number} compiling\n" for number in range(30_000))
    text = f"== build / make ==\n{noise}ld: error: undefined\n== build / clean ==\n{noise}"
    build = await failed(store, text, "make")
    assert await failed_line(store.logs, build) == 30_002
