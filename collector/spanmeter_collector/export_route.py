"""`GET /api/v1/export`: the ledger as a file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import chain

from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse

from spanmeter_collector import export
from spanmeter_collector.description import REFUSALS, describe
from spanmeter_collector.selection import read_selection
from spanmeter_collector.store import Store


def add_export(api: FastAPI, store: Store, now: Callable[[], datetime]) -> None:
    """Let an API give out the ledger, piece by piece."""

    @api.get(
        "/api/v1/export",
        response_class=StreamingResponse,
        responses=REFUSALS,
        openapi_extra=describe(export.OPTIONS),
    )
    def get_export(request: Request) -> Response:
        """The ledger as a file: its entries as CSV or Parquet, or FOCUS 1.2 as CSV.

        FOCUS has no place for calls without a known price; `x-spanmeter-unpriced-calls` tells how many are left out.
        """
        selection = read_selection(request.query_params.multi_items(), export.OPTIONS, now=now())
        chosen = export.chosen_format(selection)
        headers = {"content-disposition": f'attachment; filename="spanmeter.{chosen.suffix}"'}
        if selection.options["format"] == "focus":
            headers["x-spanmeter-unpriced-calls"] = str(export.unpriced_calls(store, selection))
        pieces = export.export(store, selection)
        first = next(pieces)  # what the store refuses is refused before the answer has begun
        return StreamingResponse(chain((first,), pieces), headers=headers, media_type=chosen.media_type)
