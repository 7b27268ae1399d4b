"""The sidecar's process: opens the store, starts the pipeline and both doors, and ends them in order."""

from __future__ import annotations

import errno
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

import uvicorn
from clickhouse_connect.driver.exceptions import ClickHouseError

from spanmeter.pricing import PriceBook
from spanmeter_collector.api import create_api
from spanmeter_collector.asker import heeding
from spanmeter_collector.backlog import Limits
from spanmeter_collector.budget_file import read_budgets
from spanmeter_collector.budget_watch import at_work
from spanmeter_collector.budgets import Budgets
from spanmeter_collector.connection import said
from spanmeter_collector.damage import standing
from spanmeter_collector.destination import refuse_itself
from spanmeter_collector.disk import DiskCollector
from spanmeter_collector.forward import Forwarder, way_to
from spanmeter_collector.gate import App, create_app
from spanmeter_collector.intake import Redact
from spanmeter_collector.json_lines import write_json_lines
from spanmeter_collector.log import Log, LogInUseError
from spanmeter_collector.losses_gauge import LossCollector
from spanmeter_collector.memory import prepare_memory, return_engine_code
from spanmeter_collector.merging import merging_with_room
from spanmeter_collector.neighbours import neighbourly
from spanmeter_collector.pipeline import Pipeline
from spanmeter_collector.read_file import ReadFile
from spanmeter_collector.receive import Door
from spanmeter_collector.receive_grpc import GrpcDoor
from spanmeter_collector.redaction_key import kept_key
from spanmeter_collector.restore import refuse_unfinished
from spanmeter_collector.setting import Address, SettingError
from spanmeter_collector.settings import Settings
from spanmeter_collector.snapshot import Snapshots
from spanmeter_collector.status import OFF, Status
from spanmeter_collector.store import Store
from spanmeter_collector.storing import Forward
from spanmeter_collector.sweep import Sweep, sweeping
from spanmeter_collector.tls import Tls, TlsProtocol
from spanmeter_collector.turns import other_threads, stand_back, take_short_turns

_REQUESTS_END_S: Final = 5
_STOP: Final = (signal.SIGTERM, signal.SIGINT)
_DRAIN_S: Final = 10.0
_FORWARD_S: Final = 5.0
_TAKEN: Final = "another program listens there; stop it, or set {} to another host:port"
_logger = logging.getLogger(__name__)


def serve(settings: Settings) -> int:
    """Run the sidecar until SIGTERM or SIGINT, then store what is pending and return 0.

    Logs are JSON lines on standard error; the one with the message "ready" says where the doors are.

    Raises:
        SettingError: a port is taken, or the data directory or store cannot be used.
    """
    write_json_lines(settings.secrets)
    prepare_memory()
    take_short_turns()
    told = _noted_signals()
    status = Status()
    tls = Tls.open(settings.tls) if settings.tls else None
    redact = _redaction(settings, status)
    with ExitStack() as stack:
        http_socket = stack.enter_context(_bound(settings.listen, "SPANMETER_LISTEN"))
        http_address = Address(settings.listen.host, http_socket.getsockname()[1])
        forward = stack.enter_context(_forwarding(settings, status, http_address))
        works = stack.enter_context(_working(settings, status, forward))
        pipeline, store = works.pipeline, works.store
        grpc_door = GrpcDoor(pipeline, status, tokens=settings.ingest_tokens, redact=redact)
        grpc_address = stack.enter_context(_serving_grpc(grpc_door, settings.grpc_listen, tls))
        door = Door(pipeline, status, tokens=settings.ingest_tokens, redact=redact)
        definitions = read_budgets(settings.budgets)
        budgets = stack.enter_context(at_work(store, definitions, status, outbox=settings.data_dir / "webhooks"))
        api = _api(settings, status, works, budgets)
        app = create_app(
            door=door,
            api=heeding(api, store.stop),
            query_tokens=settings.query_tokens,
            ingest_tokens=settings.ingest_tokens,
        )
        stack.enter_context(_keeping(store, settings, status))
        return_engine_code()
        places = {"http": str(http_address), "grpc": str(grpc_address), "store": settings.shown_store}
        _logger.info("ready", extra=places)
        _run(_uvicorn(app, tls), http_socket, told)
        _logger.info("stopping")
    _logger.info("stopped")
    return 0


@dataclass(frozen=True, slots=True)
class _Works:
    """What takes in, what holds it, and what it is written to first."""

    pipeline: Pipeline
    store: Store
    log: Log


def _api(settings: Settings, status: Status, works: _Works, budgets: Budgets) -> App:
    """The API, with `/metrics` telling of the disk and of losses as well, and `/health` of the user's files."""
    prices = ReadFile(settings.prices, remedy="`spanmeter reprice` has it read again")
    status.tell("prices", prices.standing)
    status.tell("damage", partial(standing, works.store.damaged_parts))
    if settings.budgets:
        status.tell("budgets_file", ReadFile(settings.budgets, remedy="a restart has it read again").standing)
    api = create_api(
        store=works.store,
        status=status,
        load_book=partial(_load_book, settings),
        use_book=_noting(prices, works.pipeline.use),
        book_in_use=works.pipeline.book,
        loss_settle=settings.loss_settle,
        stores_content=settings.content,
        snapshots=Snapshots(works.store, works.log, settings.data_dir / "backup"),
        budgets=budgets,
    )
    status.registry.register(DiskCollector(works.store, settings.data_dir))
    status.registry.register(LossCollector(works.store, settle=settings.loss_settle))
    return api


def _noting(prices: ReadFile, use: Callable[[PriceBook], None]) -> Callable[[PriceBook], None]:
    def use_and_note(book: PriceBook) -> None:
        prices.note_read()
        use(book)

    return use_and_note


@contextmanager
def _forwarding(settings: Settings, status: Status, http_address: Address) -> Iterator[Forward | None]:
    """It ends after the pipeline: what is acknowledged until then goes on."""
    if settings.forward is None:
        status.tell("forward", lambda: OFF)
        yield None
        return
    refuse_itself(settings.forward, http_address, settings.grpc_listen)
    forwarder = Forwarder(way_to(settings.forward), status.registry, queue_bytes=settings.forward.queue_bytes)
    status.tell("forward", lambda: forwarder.standing)
    try:
        yield forwarder.take
    finally:
        forwarder.close(within_s=_FORWARD_S)


@contextmanager
def _working(settings: Settings, status: Status, forward: Forward | None) -> Iterator[_Works]:
    book = _load_book(settings)
    with closing(open_log(settings)) as log, closing(open_store(settings)) as store:
        stand_back(*other_threads())  # the engine's
        limits, content = Limits.of_megabytes(settings.log_mb), settings.content
        pipeline = Pipeline(
            log=log, store=store, book=book, status=status, limits=limits, content=content, forward=forward
        )
        pipeline.start()
        try:
            yield _Works(pipeline, store, log)
        finally:
            pipeline.close(within_s=_DRAIN_S)


@contextmanager
def _keeping(store: Store, settings: Settings, status: Status) -> Iterator[None]:
    """What keeps a store beside the doors: retention, what several sidecars did, and room to merge."""
    sweep = Sweep(store, settings.retention, status, damaged=settings.data_dir / "log" / "damaged")
    with sweeping(sweep, status), neighbourly(store, status), merging_with_room(store):
        yield


def _redaction(settings: Settings, status: Status) -> Redact | None:
    if settings.redact is None:
        return None
    from spanmeter_collector.redaction import Redaction  # noqa: PLC0415  # 5 MB that few need
    from spanmeter_collector.redaction_file import read_rules  # noqa: PLC0415

    rules = read_rules(settings.redact)
    key = settings.redact_key or kept_key(settings.data_dir / "redaction.key")
    return Redaction.of(rules, key, status.registry).apply


def _load_book(settings: Settings) -> PriceBook:
    return PriceBook.load(prices=settings.prices or "")


def open_log(settings: Settings) -> Log:
    """The log of a data directory.

    Raises:
        SettingError: another sidecar uses it, a restore into it is not finished, or it cannot be written.
    """
    directory = settings.data_dir
    try:
        refuse_unfinished(settings)
        return Log.open(directory / "log")
    except LogInUseError as error:
        reason = "another sidecar uses this directory; stop it, or set SPANMETER_DATA_DIR to another"
        raise SettingError("SPANMETER_DATA_DIR", str(directory), reason) from error
    except OSError as error:
        reason = f"the sidecar has to read and write all of it: {error.strerror}: {error.filename}"
        raise SettingError("SPANMETER_DATA_DIR", str(directory), reason) from error


def open_store(settings: Settings) -> Store:
    """The store that settings name.

    Raises:
        SettingError: it cannot be opened.
    """
    try:
        return Store.open(settings.store)
    except (ClickHouseError, OSError) as error:
        reason = f"the store cannot be opened: {said(error)}"
        raise SettingError("SPANMETER_STORE", settings.shown_store, reason) from error


@contextmanager
def _bound(address: Address, variable: str) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((address.host, address.port))
            bound.listen(1024)
        except OSError as error:
            raise SettingError(variable, str(address), _why_not(error, variable)) from error
        yield bound


def _why_not(error: OSError, variable: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return _TAKEN.format(variable)
    return f"cannot listen there: {error.strerror or error}"


@contextmanager
def _serving_grpc(door: GrpcDoor, address: Address, tls: Tls | None) -> Iterator[Address]:
    server = door.server()
    with _bound(address, "SPANMETER_GRPC_LISTEN"):
        pass
    try:
        place = str(address)
        port = server.add_secure_port(place, tls.credentials()) if tls else server.add_insecure_port(place)
    except RuntimeError as error:
        raise SettingError("SPANMETER_GRPC_LISTEN", str(address), _TAKEN.format("SPANMETER_GRPC_LISTEN")) from error
    server.start()
    try:
        yield Address(address.host, port)
    finally:
        server.stop(grace=_REQUESTS_END_S).wait()


def _uvicorn(app: App, tls: Tls | None) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=TlsProtocol if tls else "httptools",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_REQUESTS_END_S,
    )
    config.load()
    config.ssl = tls.context() if tls else None
    return uvicorn.Server(config)


def _noted_signals() -> list[int]:
    """Where signals that say stop are noted, as long as the server that heeds them is not there."""
    told: list[int] = []
    for number in _STOP:
        signal.signal(number, lambda number, _: told.append(number))
    return told


def _run(server: uvicorn.Server, http_socket: socket.socket, told: list[int]) -> None:
    """Serve until told to stop, or not at all when that has happened already.

    Uvicorn raises the signal that stopped it once more; by then it must not end the process.
    """
    for number in _STOP:
        signal.signal(number, server.handle_exit)
    server.should_exit = server.should_exit or bool(told)
    server.run(sockets=[http_socket])
