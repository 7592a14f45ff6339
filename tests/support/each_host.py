"""Tests of one delivery, run with all that there are: where each has a test, most time goes into tests."""

from collections.abc import Callable, Sequence
from functools import wraps

import pytest
from support.deliveries import HOSTS, Sample


def of_each_host(found: Sequence[Sample]) -> Callable[[Callable[[Sample], None]], Callable[[str], None]]:
    """Have a test of one delivery be one for each host, of all its deliveries; a failure names it."""

    def mark(test: Callable[[Sample], None]) -> Callable[[str], None]:
        @pytest.mark.parametrize("host", HOSTS)
        @wraps(test)
        def run(host: str) -> None:
            tried = [sample for sample in found if sample.forge.host == host]
            assert tried
            for sample in tried:
                try:
                    test(sample)
                except BaseException as error:
                    error.add_note(f"with {sample}, {sample.expected['event']}")
                    raise

        del run.__wrapped__  # it takes a host, not a delivery
        return run

    return mark
