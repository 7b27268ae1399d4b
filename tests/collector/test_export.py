"""Exports of a real ledger, held against the ledger and against the rules of FOCUS 1.2."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal

import pyarrow.parquet  # type: ignore[import-untyped]
import pytest

from spanmeter_collector import cost
from spanmeter_collector.batch import Batch
from spanmeter_collector.charge import Charge, reversal
from spanmeter_collector.export import OPTIONS, export, unpriced_calls
from spanmeter_collector.question_error import QuestionError
from spanmeter_collector.selection import read_selection
from spanmeter_collector.store import Store

Row = dict[str, str]
NOW = datetime(2026, 11, 22, 18, tzinfo=UTC)
DAY_MS = 86_400_000
TIME = 1_795_352_400_000_000_007
CALL = Charge(
    time=TIME,
    recorded_at=TIME // 10**6,
    entry="charge",
    trace_id=b"\x0a" * 16,
    span_id=b"\x01" * 8,
    component="call",
    calls=1,
    quantity=1,
    grade="computed",
    price_version="book 1",
    service='shop "rag"',
    framework="langchain",
    operation="chat",
    provider="openai",
    model="gpt-4o-mini",
    user="u1",
    tenant="acme",
    feature="search",
    tags={"branch": "main, the"},
)
INPUT = CALL._replace(
    component="input",
    calls=0,
    input_tokens=1234,
    quantity=1234,
    unit="token",
    usd_per_unit=Decimal("0.00000015"),
    usd=Decimal("0.0001851"),
)
SEARCH = INPUT._replace(
    component="web_searches",
    input_tokens=0,
    quantity=2,
    unit="search",
    usd_per_unit=Decimal("0.01"),
    usd=Decimal("0.02"),
    tenant="",
)
UNPRICED = [
    CALL._replace(model="mystery-1", span_id=b"\x02" * 8, usd=None, grade="unpriced", unpriced_calls=1),
    INPUT._replace(model="mystery-1", span_id=b"\x02" * 8, usd=None, usd_per_unit=None, grade="unpriced"),
]
OCTOBER = INPUT._replace(
    time=TIME - 30 * DAY_MS * 10**6, recorded_at=CALL.recorded_at - 30 * DAY_MS, span_id=b"\x03" * 8
)
DEARER = OCTOBER._replace(recorded_at=CALL.recorded_at, usd_per_unit=Decimal("0.00000016"), usd=Decimal("0.00019744"))


def write(store: Store, *entries: Charge) -> None:
    store.write(Batch(charges=entries), token=repr(entries))


def content(store: Store, **options: str) -> bytes:
    return b"".join(export(store, read_selection(list(options.items()), OPTIONS, now=NOW)))


def rows(store: Store, **options: str) -> list[Row]:
    return list(csv.DictReader(io.StringIO(content(store, since="60d", **options).decode())))


def total(amounts: Iterable[str]) -> Decimal:
    return sum(map(Decimal, amounts), Decimal(0))


def ledger_usd(store: Store) -> Decimal:
    answer = cost.answer_cost(store, read_selection([("since", "60d")], cost.OPTIONS, now=NOW))
    return Decimal(answer.total.cost_usd or 0)


def test_csv_holds_every_entry_with_all_its_columns(store: Store) -> None:
    write(store, INPUT, *UNPRICED[:1])

    first, unpriced = sorted(rows(store, format="csv"), key=lambda row: row["model"])

    assert list(first) == list(Charge._fields)
    assert first == {
        **{name: str(value) for name, value in INPUT._asdict().items()},
        "time": "2026-11-22T13:00:00.000000007Z",
        "recorded_at": "2026-11-22T13:00:00.000Z",
        "ended_at": "1970-01-01T00:00:00.000Z",
        "trace_id": "0a" * 16,
        "span_id": "01" * 8,
        "usd_per_unit": "0.00000015",
        "usd": "0.0001851",
        "tags": '{"branch":"main, the"}',
    }
    assert (unpriced["usd"], unpriced["usd_per_unit"], unpriced["unpriced_calls"]) == ("", "", "1")


def test_parquet_holds_the_same_with_money_as_decimals(store: Store) -> None:
    write(store, INPUT, SEARCH, *UNPRICED)

    table = pyarrow.parquet.read_table(io.BytesIO(content(store, format="parquet")))

    assert table.column_names == list(Charge._fields)
    types = {name: str(table.schema.field(name).type) for name in ("time", "usd", "usd_per_unit", "quantity")}
    assert types == {
        "time": "timestamp[ns, tz=UTC]",
        "usd": "decimal128(38, 12)",
        "usd_per_unit": "decimal128(38, 18)",
        "quantity": "int64",
    }
    known = [usd for usd in table["usd"].to_pylist() if usd is not None]
    assert (len(known), sum(known)) == (2, ledger_usd(store))


FOCUS: Row = {
    "BilledCost": "0.000185100000",
    "BillingAccountId": "openai",
    "BillingAccountName": "OpenAI",
    "BillingCurrency": "USD",
    "BillingPeriodEnd": "2026-12-01T00:00:00Z",
    "BillingPeriodStart": "2026-11-01T00:00:00Z",
    "ChargeCategory": "Usage",
    "ChargeClass": "",
    "ChargeDescription": "gpt-4o-mini input tokens",
    "ChargeFrequency": "Usage-Based",
    "ChargePeriodEnd": "2026-11-22T14:00:00Z",
    "ChargePeriodStart": "2026-11-22T13:00:00Z",
    "ConsumedQuantity": "1234.000000",
    "ConsumedUnit": "Tokens",
    "ContractedCost": "0.000185100000",
    "ContractedUnitPrice": "0.150000000000000000",
    "EffectiveCost": "0.000185100000",
    "InvoiceId": "",
    "InvoiceIssuerName": "OpenAI",
    "ListCost": "0.000185100000",
    "ListUnitPrice": "0.150000000000000000",
    "PricingCategory": "Standard",
    "PricingQuantity": "0.001234",
    "PricingUnit": "1000000 Tokens",
    "ProviderName": "OpenAI",
    "PublisherName": "OpenAI",
    "ServiceCategory": "AI and Machine Learning",
    "ServiceName": "OpenAI API",
    "ServiceSubcategory": "Generative AI",
    "SkuId": "openai/gpt-4o-mini/input",
    "SkuMeter": "Input Tokens",
    "SkuPriceDetails": '{"x_Component":"input","x_Model":"gpt-4o-mini"}',
    "SkuPriceId": "openai/gpt-4o-mini/input@0.15",
    "SubAccountId": "acme",
    "SubAccountName": "acme",
    "SubAccountType": "Tenant",
    "Tags": r'{"spanmeter\/service":"shop \"rag\"","spanmeter\/feature":"search","branch":"main, the"}',
    "x_Framework": "langchain",
    "x_Grade": "computed",
    "x_Operation": "chat",
    "x_PriceVersion": "book 1",
}


def test_a_row_of_focus_has_these_columns(store: Store) -> None:
    write(store, CALL, INPUT)
    assert rows(store, format="focus") == [FOCUS]


def test_focus_sums_an_hour_by_price_and_by_whom_it_was_for(store: Store) -> None:
    later = INPUT._replace(time=TIME + 10**12, span_id=b"\x04" * 8)
    write(store, INPUT, later, later._replace(tenant="other"), later._replace(time=TIME + 3600 * 10**9), SEARCH)

    told = [
        (row["ChargePeriodStart"][11:13], row["SubAccountId"], row["ConsumedQuantity"], row["PricingUnit"])
        for row in rows(store, format="focus")
    ]

    assert sorted(told) == [
        ("13", "", "2.000000", "Searches"),
        ("13", "acme", "2468.000000", "1000000 Tokens"),
        ("13", "other", "1234.000000", "1000000 Tokens"),
        ("14", "acme", "1234.000000", "1000000 Tokens"),
    ]


def test_what_is_corrected_within_its_month_is_netted_and_later_is_a_correction(store: Store) -> None:
    again = INPUT._replace(
        usd_per_unit=Decimal("0.0000002"), usd=Decimal("0.0002468"), recorded_at=INPUT.recorded_at + 5
    )
    write(store, INPUT, reversal(INPUT, recorded_at=again.recorded_at), again)
    write(store, OCTOBER, reversal(OCTOBER, recorded_at=DEARER.recorded_at), DEARER)

    told = [
        (row["ChargePeriodStart"][:10], row["BillingPeriodStart"][:7], row["ChargeClass"], row["BilledCost"])
        for row in rows(store, format="focus")
    ]

    assert sorted(told) == [
        ("2026-10-23", "2026-10", "", "0.000185100000"),
        ("2026-10-23", "2026-11", "Correction", "-0.000185100000"),
        ("2026-10-23", "2026-11", "Correction", "0.000197440000"),
        ("2026-11-22", "2026-11", "", "0.000246800000"),
    ]
    assert total(row["BilledCost"] for row in rows(store, format="focus")) == ledger_usd(store)


def test_calls_without_a_price_are_left_out_of_focus_and_counted(store: Store) -> None:
    write(store, CALL, INPUT, *UNPRICED)
    selection = read_selection([("format", "focus"), ("since", "60d")], OPTIONS, now=NOW)
    assert ([row["x_Grade"] for row in rows(store, format="focus")], unpriced_calls(store, selection)) == (
        ["computed"],
        1,
    )


MANDATORY = [
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "ServiceCategory",
    "ServiceName",
]
MAY_BE_NULL = {"ChargeClass", "InvoiceId", "SubAccountId", "SubAccountName", "SubAccountType", "x_Framework"}
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
DECIMALS = ("Cost", "Quantity", "UnitPrice")


def breaches(row: Row) -> list[str]:
    """The rules of the specification that a row does not keep, by the column's name."""
    found = [name for name in MANDATORY if name not in row]
    found += [name for name, value in row.items() if not value and name not in MAY_BE_NULL]
    found += [name for name in row if name.endswith(("Start", "End")) and not MOMENT.fullmatch(row[name])]
    found += [name for name in row if name.endswith(DECIMALS) and not Decimal(row[name]).is_finite()]
    found += [name for name in ("Tags", "SkuPriceDetails") if not isinstance(json.loads(row[name]), dict)]
    price, quantity = Decimal(row["ListUnitPrice"]), Decimal(row["PricingQuantity"])
    if row["ChargeClass"] != "Correction" and abs(price * quantity - Decimal(row["ListCost"])) >= Decimal("1e-9"):
        found.append("ListCost")
    if price < 0 or Decimal(row["ContractedUnitPrice"]) < 0:
        found.append("ListUnitPrice")
    if row["ChargeClass"] not in {"", "Correction"}:
        found.append("ChargeClass")
    if not row["ChargePeriodStart"] < row["ChargePeriodEnd"]:
        found.append("ChargePeriodEnd")
    if bool(row["SubAccountId"]) != bool(row["SubAccountName"]):
        found.append("SubAccountName")
    return found


KINDS: dict[str, list[Charge]] = {
    "tokens": [CALL, INPUT],
    "searches": [SEARCH],
    "unknown provider": [INPUT._replace(provider="", model="")],
    "reported": [
        INPUT._replace(component="reported", unit="call", quantity=1, usd_per_unit=Decimal("0.5"), usd=Decimal("0.5")),
        INPUT._replace(usd_per_unit=None, usd=Decimal(0), grade="reported"),
    ],
    "other model": [INPUT._replace(component="input@claude-haiku-4-5")],
    "rest in the call": [CALL._replace(usd=Decimal("0.001"))],
    "time": [INPUT._replace(component="compute_ms", unit="millisecond", usd_per_unit=Decimal("0.00000015"))],
    "correction": [OCTOBER, reversal(OCTOBER, recorded_at=DEARER.recorded_at), DEARER],
}


@pytest.mark.parametrize("entries", KINDS.values(), ids=KINDS)
def test_every_kind_of_entry_keeps_the_rules_of_focus(store: Store, entries: list[Charge]) -> None:
    write(store, *entries)
    told = rows(store, format="focus")
    assert [breaches(row) for row in told] == [[] for _ in told]
    assert total(row["BilledCost"] for row in told) == ledger_usd(store)


def test_sums_of_many_small_charges_are_exact(store: Store) -> None:
    usd = [Decimal(1 + number * 7919 % 999_983).scaleb(-12) for number in range(100_000)]
    store.write(
        Batch(
            charges=[
                INPUT._replace(span_id=number.to_bytes(8), time=TIME + number * 10**7, usd=amount)
                for number, amount in enumerate(usd)
            ]
        ),
        token="small",
    )

    exported = rows(store, format="csv")

    assert ledger_usd(store) == total(row["usd"] for row in exported) == sum(usd)
    assert total(row["BilledCost"] for row in rows(store, format="focus")) == sum(usd)


def test_filters_and_periods_select_what_is_exported(store: Store) -> None:
    write(store, INPUT, SEARCH, OCTOBER)
    asked = [content(store, format="csv", component="input").count(b"\n"), content(store, since="5h").count(b"\n")]
    assert asked == [2, 3]


def test_an_empty_export_holds_the_names_of_the_columns(store: Store) -> None:
    assert content(store, format="focus").decode() == ",".join(FOCUS) + "\n"
    assert pyarrow.parquet.read_table(io.BytesIO(content(store, format="parquet"))).num_rows == 0


def test_an_unknown_format_is_refused(store: Store) -> None:
    with pytest.raises(QuestionError, match="format='xlsx' is not allowed; allowed: csv, focus, parquet"):
        content(store, format="xlsx")
