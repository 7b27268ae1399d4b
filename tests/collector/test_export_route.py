from __future__ import annotations

import httpx
import pytest


@pytest.mark.parametrize(
    ("wanted", "media_type", "filename", "left_out"),
    [
        ("csv", "text/csv; charset=utf-8", "spanmeter.csv", None),
        ("focus", "text/csv; charset=utf-8", "spanmeter.csv", "1"),
        ("parquet", "application/vnd.apache.parquet", "spanmeter.parquet", None),
    ],
)
async def test_an_export_is_a_file(
    client: httpx.AsyncClient, wanted: str, media_type: str, filename: str, left_out: str | None
) -> None:
    response = await client.get(f"/api/v1/export?format={wanted}")
    told = [
        response.headers.get(name) for name in ("content-type", "content-disposition", "x-spanmeter-unpriced-calls")
    ]
    assert told == [media_type, f'attachment; filename="{filename}"', left_out]
    assert len(response.content) > 500
