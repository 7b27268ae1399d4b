"""What real applications call, as the provider counts it, is in the ledger or missing in the loss check."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from counting import Provider, serving

ROOT: Final = Path(__file__).parents[2]
Account = tuple[int, int, Decimal]
NONE: Final[Account] = (0, 0, Decimal(0))


class Sidecar:
    """One that can be killed and started again where it was."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._listen = "127.0.0.1:0"
        self.start()

    def start(self) -> None:
        told = {"LISTEN": self._listen, "GRPC_LISTEN": "127.0.0.1:0", "DATA_DIR": str(self._directory)}
        environment = {"PATH": os.environ["PATH"], **{f"SPANMETER_{name}": value for name, value in told.items()}}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "spanmeter_collector", "collector"],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert self.process.stderr is not None
        ready = next(json.loads(line) for line in self.process.stderr if '"message": "ready"' in line)
        self._listen = ready["http"]
        self.url = f"http://{self._listen}"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stderr is not None:
            self.process.stderr.close()

    def losses(self) -> Any:
        return httpx.get(f"{self.url}/api/v1/losses?settle=0s", trust_env=False, timeout=30).json()

    def until(self, holds: Callable[[Any], bool]) -> Any:
        """The loss check once it says what it has to in the end."""
        deadline = time.monotonic() + 60
        while not holds(answer := self.losses()):
            assert time.monotonic() < deadline, json.dumps(answer, indent=2)
            time.sleep(0.2)
        return answer


class Application:
    """A real one in a process of its own."""

    def __init__(self, framework: str, sidecar: Sidecar, provider: Provider, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.telling", framework, sidecar.url, provider.url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | environment,
        )

    def do(self, order: str) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{order}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"

    def leave(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(60)


@pytest.fixture
def provider() -> Iterator[Provider]:
    with serving(Provider()) as served:
        yield served


@pytest.fixture
def sidecar(tmp_path: Path) -> Iterator[Sidecar]:
    started = Sidecar(tmp_path / "data")
    yield started
    started.kill()


@contextmanager
def running(framework: str, sidecar: Sidecar, provider: Provider, **environment: str) -> Iterator[Application]:
    application = Application(framework, sidecar, provider, **environment)
    try:
        yield application
    finally:
        application.process.kill()
        application.process.wait()
        for pipe in (application.process.stdin, application.process.stdout):
            assert pipe is not None
            pipe.close()


def account(answer: Any, kind: str) -> Account:
    return answer[kind]["calls"], answer[kind]["tokens"], Decimal(answer[kind]["usd"])


def spent(provider: Provider, since: int = 0) -> Account:
    """What the provider counted from a number of answers on."""
    accounts = [answered.account for answered in provider.answers[since:]]
    return (
        len(accounts),
        sum(asked + said for _, asked, said, _ in accounts),
        sum((usd for *_, usd in accounts), Decimal(0)),
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_nothing_is_missing_of_processes_that_start_again_fork_sample_and_are_killed(
    sidecar: Sidecar, provider: Provider
) -> None:
    """Of one that is killed, what it called since it told last arrives untold."""
    fixed = {"OTEL_RESOURCE_ATTRIBUTES": "service.instance.id=pod-7"}
    half = {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.5"}
    with running("langchain", sidecar, provider, **fixed) as application:
        for order in ("call 3", "tell", "call 2", "fork 4"):
            application.do(order)
        application.leave()
    with running("llama_index", sidecar, provider, **fixed, **half) as application:
        for order in ("call 40", "tell"):
            application.do(order)
        told = spent(provider)
        application.do("call 1")

    answer = sidecar.until(lambda found: found["told"]["calls"] == 49 and not found["processes_missing"])

    assert account(answer, "told") == told
    assert 0 < answer["unsampled"]["calls"] < 40
    left_out, arrived = account(answer, "unsampled"), account(answer, "arrived")
    assert (left_out[0] + arrived[0], left_out[1] + arrived[1], left_out[2] + arrived[2]) == told
    assert (account(answer, "surplus"), answer["processes"], answer["not_covered"]) == (NONE, 2, {})


def test_what_was_given_up_is_missing_to_the_cent_and_what_waits_is_not_once_it_came(
    sidecar: Sidecar, provider: Provider
) -> None:
    """Two processes whose sidecar is away: one without a spool, whose queue holds five spans, and one with."""
    small = {"OTEL_BSP_MAX_QUEUE_SIZE": "5", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "5", "SPANMETER_SPOOL_MB": "0"}
    with (
        running("langchain", sidecar, provider, **small) as forgetful,
        running("llama_index", sidecar, provider) as careful,
    ):
        for application in (forgetful, careful):
            application.do("call 2")
            application.do("tell")
        sidecar.kill()
        careful.do("call 7")
        careful.do("tell")
        before = len(provider.answers)
        forgetful.do("call 30")
        forgetful.do("tell")
        given_up = spent(provider, before)
        sidecar.start()
        for application in (forgetful, careful):
            application.do("call 1")
            application.leave()

    answer = sidecar.until(lambda found: found["told"]["calls"] == 43 and found["processes_missing"] == 1)

    assert (account(answer, "missing"), account(answer, "told")) == (given_up, spent(provider))
    assert answer["rows"][0]["reason"] in {"no_spool", "several"}
    assert [sum(row["dropped_spans"].values()) for row in answer["rows"]] == [30, 0]
