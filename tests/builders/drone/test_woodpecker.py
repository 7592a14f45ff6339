"""Woodpecker keeps what the contract suite asks of each kind: there the kind is tested as Drone."""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

import pytest
from builders import test_contract as contract
from builders import test_contract_runs as runs
from builders.drone.contract import WoodpeckerSite
from support.builder_contract import RemoteSite

Promise = Callable[..., Awaitable[None]]
PROMISES: Mapping[str, Promise] = {
    name: found
    for module in (contract, runs)
    for name, found in vars(module).items()
    if name.startswith("test_") and list(inspect.signature(found).parameters) == ["kind", "site"]
}


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[RemoteSite]:
    async with WoodpeckerSite.open(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize("name", PROMISES)
async def test_a_promise_is_kept(name: str, site: RemoteSite) -> None:
    await PROMISES[name]("drone", site)


@pytest.mark.parametrize("name", WoodpeckerSite.CASES)
async def test_an_answer_has_its_outcome_and_leads_to_one_build(name: str, site: RemoteSite) -> None:
    await contract.test_an_answer_to_a_trigger_has_its_outcome_and_the_contract_leads_to_one_build(
        "drone", name, site
    )


@pytest.mark.parametrize("name", contract.FAILURES)
async def test_no_failure_ends_a_build_or_proves_its_absence(name: str, site: RemoteSite) -> None:
    await contract.test_no_failure_ends_a_build_proves_its_absence_or_shows_a_secret("drone", name, site)


@pytest.mark.parametrize("succeeds", [True, False])
async def test_a_build_is_followed_to_its_end(succeeds: bool, site: RemoteSite) -> None:
    await contract.test_a_build_is_followed_to_its_end_by_one_process_after_the_other("drone", succeeds, site)


@pytest.mark.parametrize("end", runs.ENDS)
async def test_a_second_run_is_another_build(end: str, site: RemoteSite) -> None:
    await runs.test_a_second_run_is_another_build_to_the_builder("drone", end, site)
