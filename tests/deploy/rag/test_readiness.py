from __future__ import annotations

import asyncio
from types import MappingProxyType
from typing import TYPE_CHECKING

from spanmeter_rag.ports import free
from spanmeter_rag.readiness import OK, indexes_check, provider_check
from spanmeter_rag.settings import Settings
from spanmeter_rag.workload import Workload

if TYPE_CHECKING:
    from tests.deploy.rag.conftest import Finish, RunningProvider


async def _checks_of_a_build() -> list[str]:
    building: asyncio.Future[Workload] = asyncio.Future()
    checks = [indexes_check(building)]
    building.set_result(MappingProxyType({}))
    failed: asyncio.Future[Workload] = asyncio.Future()
    failed.set_exception(ValueError("no passages"))
    return [*checks, indexes_check(building), indexes_check(failed)]


def test_indexes_are_being_built_then_there_or_say_what_went_wrong(finish: Finish) -> None:
    assert finish(_checks_of_a_build()) == [
        "being built; this takes some seconds",
        OK,
        "could not be built: ValueError: no passages",
    ]


def test_a_provider_that_lists_its_models_is_well_and_no_call_is_made(
    provider: RunningProvider, finish: Finish
) -> None:
    assert finish(provider_check(provider.settings)) == OK
    assert provider.record.report()["requests"] == []


def test_a_provider_that_refuses_or_is_not_there_is_named(provider: RunningProvider, finish: Finish) -> None:
    nobody = f"http://127.0.0.1:{free()}"
    assert finish(provider_check(Settings(provider_url=nobody))) == f"{nobody} does not answer: ConnectError"
    assert finish(provider_check(Settings(provider_url=provider.url))) == f"{provider.url} answers 404"
