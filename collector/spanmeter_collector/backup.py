"""`POST /api/v1/backup`: everything that is stored, as one file, while the sidecar goes on."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from itertools import chain
from typing import Any

from fastapi import FastAPI, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from spanmeter_collector.answers import Refusal
from spanmeter_collector.archive import pieces
from spanmeter_collector.snapshot import Snapshots, UnderWayError


def add_backup(api: FastAPI, snapshots: Snapshots, *, dependencies: Sequence[Any] = ()) -> None:
    """Let an API answer with an archive. It goes to who asks and nowhere on this machine."""

    @api.post(
        "/api/v1/backup",
        response_class=StreamingResponse,
        responses={code: {"model": Refusal} for code in (400, 401, 403, 409, 503)},
        dependencies=dependencies,
    )
    def post_backup() -> Response:
        """A tar file of all that was acknowledged before the question: store and log. One at a time."""
        archive = archived(snapshots)
        try:
            first = next(archive)  # what cannot be done is refused before the answer has begun
        except UnderWayError as error:
            return _refusal(409, str(error))
        except OSError as error:
            return _refusal(503, f"the backup could not be started: {error.strerror or error}")
        return _Archive(first, archive)


class _Archive(StreamingResponse):
    """An archive on its way; its snapshot ends with it, also where nobody waits for the rest any more."""

    def __init__(self, first: bytes, rest: Generator[bytes]) -> None:
        super().__init__(chain((first,), rest), media_type="application/x-tar")
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await run_in_threadpool(self._rest.close)


def archived(snapshots: Snapshots) -> Generator[bytes]:
    """The archive of this moment, piece by piece; the snapshot ends with it."""
    with snapshots.take() as snapshot:
        yield from pieces(snapshot)


def _refusal(code: int, sentence: str) -> Response:
    return Response(Refusal(error=sentence).model_dump_json(), code, media_type="application/json")
