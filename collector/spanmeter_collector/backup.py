"""`POST /api/v1/backup`: everything that is stored, as one file, while the sidecar goes on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from fastapi import FastAPI, Response
from fastapi.responses import StreamingResponse

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
        return StreamingResponse(chain((first,), archive), media_type="application/x-tar")


def archived(snapshots: Snapshots) -> Iterator[bytes]:
    """The archive of this moment, piece by piece; the snapshot ends with it."""
    with snapshots.take() as snapshot:
        yield from pieces(snapshot)


def _refusal(code: int, sentence: str) -> Response:
    return Response(Refusal(error=sentence).model_dump_json(), code, media_type="application/json")
