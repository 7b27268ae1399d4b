"""What the user's own prices make of a call's cost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from spanmeter.pricing import Component, PriceBook, PriceKey, Usage
from spanmeter.pricing.listing import Listing
from spanmeter.pricing.overlay import Overlay
from spanmeter.pricing.price_file import parse_prices

AT = datetime(2026, 6, 15, 12, tzinfo=UTC)
MILLION = Usage(input=1_000_000, cache_read=1_000_000, output=1_000_000)
GPT = PriceKey("openai", "gpt-4o")  # listed at 2.50, cached 1.25, output 10; batch at half of it, cached not
LLAMA = PriceKey("vllm", "llama-3.3-70b")


def _book(text: str) -> PriceBook:
    return PriceBook(Listing(Overlay.load(), parse_prices(text.encode(), name="prices.toml")))


def _entry(table: str = "price", model: str = "gpt-4o", **keys: str) -> str:
    given = {"provider": '"openai"', "model": f'"{model}"'} | keys
    return f"[[{table}]]\n" + "".join(f"{key} = {value}\n" for key, value in given.items())


def _price(**keys: str) -> str:
    return _entry(usd_per_mtok="{ input = 2 }", **keys)


def _discount(**keys: str) -> str:
    return _entry("discount", **({"percent": "10"} | keys))


@dataclass(frozen=True)
class Case:
    """`prices` are those of a million tokens of input, of cached input and of output."""

    id: str
    text: str
    prices: tuple[str, str, str]
    key: PriceKey = GPT
    at: datetime = AT


LISTED = ("2.5", "1.25", "10")
OWN = ("2", "1.25", "10")
CASES = [
    Case("a-price-changes-its-bucket-only", _price(), OWN),
    Case("a-pattern", _price(model="gpt-4?"), OWN),
    Case("names-without-a-prefix", _price(), OWN, PriceKey("openai", "openai/gpt-4o")),
    Case("capitals", _price(model="GPT-4o"), OWN, PriceKey("OpenAI", "Gpt-4O")),
    Case("a-provider-by-its-other-name", _price(provider='"azure_openai"'), OWN, PriceKey("azure.ai.openai", "gpt-4o")),
    Case("any-provider", _price(provider='"*"'), OWN),
    Case("another-provider", _price(provider='"azure"'), LISTED),
    Case("another-model", _price(model="gpt-4o-*"), LISTED),
    Case("steps", _entry(usd_per_mtok="{ input = [[0, 1], [1000000, 2]] }"), OWN),
    Case("the-tenant", _price(tenant='"acme*"'), OWN, GPT._replace(tenant="acme-1")),
    Case("another-tenant", _price(tenant='"acme"'), LISTED, GPT._replace(tenant="other")),
    Case("no-tenant", _price(tenant='"acme"'), LISTED),
    Case("from-its-start", _price(start="2026-06-15T12:00:00Z"), OWN),
    Case("before-its-start", _price(start="2026-06-15T12:00:01Z"), LISTED),
    Case("until-its-end", _price(end="2026-06-15T14:00:01+02:00"), OWN),
    Case("at-its-end", _price(end="2026-06-15T12:00:00Z"), LISTED),
    Case("a-day-is-utc", _price(start="2026-06-15", end="2026-06-16"), OWN),
    Case("a-discount", _discount(), ("2.25", "1.125", "9")),
    Case("a-factor", _discount(percent="0").replace("percent = 0", "factor = 0.8"), ("2", "1", "8")),
    Case("a-discount-on-all-models", '[[discount]]\nprovider = "openai"\npercent = 10', ("2.25", "1.125", "9")),
    Case("a-discount-on-a-bucket", _discount(buckets='["cache_read"]'), ("2.5", "1.125", "10")),
    Case(
        "a-bucket-goes-before-all",
        _discount(percent="50", buckets='["cache_read"]') + _discount(),
        ("2.25", "0.625", "9"),
    ),
    Case("a-discount-is-not-off-agreed-prices", _price() + _discount(), ("2", "1.125", "9")),
    Case("discounts-do-not-add-up", _discount(model="*") + _discount(percent="20"), ("2", "1", "8")),
    Case("the-narrower-model-counts", _discount(percent="20") + _discount(model="gpt-*"), ("2", "1", "8")),
    Case(
        "the-tenant-goes-before-the-model",
        _discount(model="*", tenant='"acme"', percent="20") + _discount(),
        ("2", "1", "8"),
        GPT._replace(tenant="acme"),
    ),
    Case("the-later-counts", _discount(model="gpt-*") + _discount(model="*t-4o", percent="20"), ("2", "1", "8")),
    Case("batch-keeps-its-proportion", _price(), ("1", "1.25", "5"), GPT._replace(service_tier="batch")),
    Case(
        "batch-has-its-own-price",
        _price() + _entry(service_tier='"batch"', usd_per_mtok="{ output = 4 }"),
        ("1", "1.25", "4"),
        GPT._replace(service_tier="Batch"),
    ),
    Case("batch-is-not-the-standard", _price(service_tier='"batch"'), LISTED),
    Case(
        "steps-of-a-tier-keep-their-proportion",
        _entry(usd_per_mtok="{ input = [[0, 2], [1000000, 4]] }"),
        ("2", "1.25", "5"),
        GPT._replace(service_tier="batch"),
    ),
    Case(
        "a-tier-that-is-not-listed",
        _entry(service_tier='"scale"', usd_per_mtok="{ output = 4 }"),
        ("2.5", "1.25", "4"),
        GPT._replace(service_tier="scale"),
    ),
    Case(
        "a-region",
        _entry(region='"eu*"', usd_per_mtok="{ input = 3 }"),
        ("3", "1.25", "10"),
        GPT._replace(region="eu-west"),
    ),
    Case(
        "data-residency-keeps-its-factor",
        _entry(provider='"anthropic"', model="claude-opus-4-6", usd_per_mtok="{ input = 4 }"),
        ("4.4", "0.55", "27.5"),
        PriceKey("anthropic", "claude-opus-4-6", region="us"),
    ),
    Case(
        "an-alias",
        _entry("alias", provider='"azure"', model="prod-*", to_model='"gpt-4o"'),
        LISTED,
        PriceKey("azure", "azure/prod-chat"),
    ),
    Case(
        "an-alias-with-a-price",
        _entry("alias", model="mine", to_model='"gpt-4o"') + _price(),
        OWN,
        PriceKey("openai", "mine"),
    ),
    Case(
        "an-alias-with-another-provider-has-its-prices",
        _entry("alias", model="mine", to_provider='"anthropic"', to_model='"claude-opus-4-6"')
        + _discount(model="*", percent="50"),
        ("5", "0.5", "25"),
        PriceKey("openai", "mine"),
    ),
    Case(
        "an-alias-has-dates",
        _entry("alias", model="mine", to_model='"gpt-4o"', end="2026-06-15T12:00:01Z")
        + _entry("alias", model="mine", to_model='"gpt-4o-mini"', start="2026-06-15T12:00:01Z"),
        LISTED,
        PriceKey("openai", "mine"),
    ),
    Case("a-model-of-one-s-own", _price(model="mine*"), ("2", "2", "0"), PriceKey("openai", "mine-1")),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_prices_of_a_million_tokens(case: Case) -> None:
    cost = _book(case.text).cost(case.key, MILLION, at=case.at)
    assert [line.usd or 0 for line in cost.components] == [Decimal(price) for price in case.prices]
    assert cost.grade == ("computed" if case.prices[2] != "0" else "unpriced")


def test_an_entry_that_ends_at_noon_counts_in_the_morning_only() -> None:
    book = _book(_price(end="2026-06-15T12:00:00Z"))
    times = [AT.replace(hour=11, minute=59), AT]
    usage = Usage(input=1_000_000)
    assert [book.cost(GPT, usage, at=at).usd for at in times] == [Decimal(2), Decimal("2.5")]


TIMED = {
    "second": ("usd_per_second = 0.002", "0.003"),
    "gpu-hour": ("usd_per_gpu_hour = 3.6", "0.0015"),
    "gpus": ("usd_per_gpu_hour = 3.6\ngpus = 4", "0.006"),
    "concurrency": ("usd_per_gpu_hour = 3.6\ngpus = 4\nconcurrency = 8", "0.00075"),
    "a-price-without-end": ("usd_per_gpu_hour = 1", "0.000416666667"),
}


@pytest.mark.parametrize(("text", "usd"), TIMED.values(), ids=TIMED)
def test_a_model_is_paid_by_the_time_of_its_calls(text: str, usd: str) -> None:
    book = _book(f'[[price]]\nprovider = "vllm"\nmodel = "llama-*"\n{text}\n')
    known = {"at": AT, "duration_s": Decimal("1.5")}
    cost = book.cost(LLAMA, MILLION, **known)  # type: ignore[arg-type]
    assert (cost.usd, cost.grade, [(line.label, line.count) for line in cost.components]) == (
        Decimal(usd),
        "computed",
        [("compute_ms", 1500)],
    )
    assert book.amount(LLAMA, MILLION, **known) == (cost.usd, cost.grade)  # type: ignore[arg-type]


BY_TIME = '[[price]]\nprovider = "*"\nmodel = "*"\nusd_per_second = 1\n'


@pytest.mark.parametrize("duration", [None, "-1", "NaN", "Infinity"])
def test_a_call_of_unknown_duration_is_unpriced_where_time_is_paid(duration: str | None) -> None:
    book = _book(BY_TIME)
    cost = book.cost(LLAMA, MILLION, at=AT, duration_s=None if duration is None else Decimal(duration))
    reason = "the model is paid by time, and how long the call took is not known"
    assert (cost.usd, cost.grade, cost.reason) == (None, "unpriced", reason)


def test_time_is_paid_also_where_no_usage_was_reported() -> None:
    assert _book(BY_TIME).cost(LLAMA, Usage(), at=AT, duration_s=Decimal("0.25")).usd == Decimal("0.25")


def test_a_model_paid_by_time_has_no_list_prices_but_its_own_beside() -> None:
    own = _entry(usd_per_second="1", usd_per_mtok="{ output = 3 }")
    cost = _book(own).cost(GPT, MILLION, at=AT, duration_s=Decimal(2))
    assert [(line.label, line.usd) for line in cost.components] == [("output", Decimal(3)), ("compute_ms", Decimal(2))]


def test_units_have_prices() -> None:
    book = _book(_entry(usd_per_unit="{ requests = 0.5, web_searches = 0.125 }"))
    cost = book.cost(GPT, Usage(web_searches=3), at=AT)
    assert cost.components == (
        Component("web_searches", 3, None, Decimal("0.125"), Decimal("0.375")),
        Component("requests", 1, None, Decimal("0.5"), Decimal("0.5")),
    )


REPORTED = Decimal(7)


@pytest.mark.parametrize(
    ("text", "usd", "grade"),
    [
        (_price(), "7", "reported"),
        (_price(over_reported="true"), "2", "computed"),
        (_discount(over_reported="true"), "2.25", "computed"),
        (_price(over_reported="true", tenant='"acme"'), "7", "reported"),
        (_price(model="other", over_reported="true"), "7", "reported"),
    ],
    ids=["not-without-being-told", "price", "discount", "of-another-tenant", "of-another-model"],
)
def test_a_reported_cost_goes_first_unless_the_entry_says_otherwise(text: str, usd: str, grade: str) -> None:
    usage = Usage(input=1_000_000)
    cost = _book(text).cost(GPT, usage, at=AT, reported_usd=REPORTED)
    assert (cost.usd, cost.grade) == (Decimal(usd), grade)
    assert _book(text).amount(GPT, usage, at=AT, reported_usd=REPORTED) == (cost.usd, cost.grade)


def test_a_reported_cost_stays_where_the_entry_cannot_price_the_call() -> None:
    text = _entry(model="mine", usd_per_mtok="{ input = 1 }", over_reported="true")
    cost = _book(text).cost(PriceKey("openai", "mine"), MILLION, at=AT, reported_usd=REPORTED)
    assert (cost.usd, cost.grade) == (REPORTED, "reported")


def test_the_source_of_a_price_names_the_line() -> None:
    text = _price() + _discount() + _entry(service_tier='"batch"', usd_per_mtok="{ output = 4 }")
    book = _book(text)
    sheet = book.listing.sheet(GPT._replace(service_tier="batch"), AT)
    assert sheet is not None
    assert sheet["output_mtok"].source == "prices.toml:9"
    standard = book.listing.sheet(GPT, AT)
    assert standard is not None
    assert [standard[key].source for key in ("input_mtok", "output_mtok")] == [
        "prices.toml:1",
        "genai-prices 0.2.3, times 0.9 (discount, prices.toml:5)",
    ]


def test_tenants_without_prices_of_their_own_share_a_place() -> None:
    book = _book(_price(tenant='"acme"'))
    for number in range(100):
        book.cost(GPT._replace(tenant=f"t{number}"), MILLION, at=AT)
    book.cost(GPT._replace(tenant="acme"), MILLION, at=AT)
    assert {key.tenant for key, _ in book._schedules} == {"", "acme"}


@pytest.mark.parametrize(
    ("agreed_with", "served_by", "usd"),
    [
        ("google-vertex", "gcp.vertex_ai", "2"),
        ("vertex_ai", "google-vertex", "2"),
        ("google-vertex", "gcp.gemini", "1.25"),
        ("google", "gcp.gemini", "2"),
        ("google", "gcp.vertex_ai", "2"),
    ],
)
def test_what_was_agreed_with_vertex_is_not_about_the_gemini_api(agreed_with: str, served_by: str, usd: str) -> None:
    book = _book(_price(model="gemini-2.5-pro", provider=f'"{agreed_with}"'))
    key = PriceKey(served_by, "publishers/google/models/gemini-2.5-pro")
    assert book.cost(key, Usage(input=100_000), at=AT).usd == Decimal(usd) / 10
