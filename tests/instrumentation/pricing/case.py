"""Responses with their arithmetic, read from the tables in `cases`."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from spanmeter.pricing import Usage
from spanmeter.pricing.response import Response

_TABLES: Final = Path(__file__).with_name("cases")
_PLACES: Final = Decimal("1e-12")
_PER: Final = {"/M": 10**6, "/h": 3600}


@dataclass(frozen=True)
class Case:
    """A response, what is in it and what it costs; `usd` None where no price is known."""

    id: str
    response: Response
    buckets: Usage
    arithmetic: str
    usd: Decimal | None
    grade: str
    notes: tuple[str, ...]

    @property
    def worked_out(self) -> Decimal | None:
        """What the arithmetic comes to: `count x price` added up, a price per million (`/M`), per hour or each."""
        if not self.arithmetic:
            return None
        amounts = (term.split(" x ") for term in self.arithmetic.split(" + "))
        return sum((Decimal(count) * _each(price) for count, price in amounts), Decimal(0)).quantize(_PLACES)


def _each(price: str) -> Decimal:
    per = _PER.get(price[-2:])
    return Decimal(price[:-2]) / per if per else Decimal(price)


def cases() -> Iterator[Case]:
    """Every case of every table."""
    for table in sorted(_TABLES.glob("*.toml")):
        for row in tomllib.loads(table.read_text(encoding="utf-8"))["case"]:
            yield _case(table.stem, row)


def _case(table: str, row: dict[str, Any]) -> Case:
    response = Response(
        provider=row["provider"],
        model=row["model"],
        api=row["api"],
        at=row["at"],
        usage=json.loads(row["usage"]),
        request_context=json.loads(row.get("asked", "{}")),
        response_extra=json.loads(row.get("said", "{}")),
    )
    return Case(
        id=f"{table}-{row['id']}",
        response=response,
        buckets=Usage(**row["buckets"]),
        arithmetic=row.get("arithmetic", ""),
        usd=Decimal(row["usd"]) if "usd" in row else None,
        grade=row.get("grade", "computed"),
        notes=tuple(row.get("notes", ())),
    )
