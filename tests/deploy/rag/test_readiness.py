from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from spanmeter_rag.breaker import Breaker
from spanmeter_rag.patience import Patience
from spanmeter_rag.ports import free
from spanmeter_rag.readiness import OK, has_failed, indexes_check, models_check, provider_check, telemetry
from spanmeter_rag.router import Router
from spanmeter_rag.settings import Settings
from spanmeter_rag.workload import Workload

if TYPE_CHECKING:
    from tests.deploy.rag.conftest import Finish, RunningProvider


async def _checks_of_a_build() -> list[str]:
    building: asyncio.Future[Workload] = asyncio.Future()
    checks = [indexes_check(building)]
    building.set_result(Workload({}, Router(None, Patience())))
    failed: asyncio.Future[Workload] = asyncio.Future()
    failed.set_exception(ValueError("no passages"))
    assert [has_failed(each) for each in (building, failed, asyncio.Future())] == [False, True, False]
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


def test_a_model_that_is_left_alone_is_named() -> None:
    failing, well = Breaker("gpt-4o", failures=1, open_s=10), Breaker("gpt-5-mini", failures=1, open_s=10)
    assert models_check([failing, well]) == OK
    failing.failed()
    assert models_check([failing, well]) == "gpt-4o is not asked for 10 s"


def test_telemetry_tells_of_this_processs_spans() -> None:
    assert sorted(telemetry()) == ["dropped_spans", "spans", "spooled_spans"]
