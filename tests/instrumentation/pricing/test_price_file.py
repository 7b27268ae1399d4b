"""What is refused in a price file, and how it is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from spanmeter.pricing import PriceBook
from spanmeter.pricing.price_file import parse_prices, read_price_file
from spanmeter.pricing.price_file_error import PriceFileError

EXAMPLE = Path(__file__).parents[3] / "deploy" / "prices.example.toml"
WHOLE = '[[price]]\nprovider = "openai"\nmodel = "gpt-4o"\nusd_per_mtok.input = 1\n'
NUMBER = "a number from 0 to 1000000000, without quotes"
RATE = f"{NUMBER}, or steps such as [[0, 1.25], [200000, 2.5]]"
SCOPE = "provider, model, models, tenant, service_tier, region, start, end, note"
TABLES = "[[price]], [[discount]], [[alias]]"
DATE = "a date such as 2026-01-31 or a time such as 2026-01-31T09:00:00Z, without quotes"
NAMES = 'a name or pattern in quotes such as "gpt-4o*", or a list of them'
TOKENS = (
    "input, cache_read, cache_write_5m, cache_write_1h, input_audio, cache_read_audio, input_image, cache_read_image, "
    "output, reasoning, output_audio, output_image, citation_tokens"
)

WRONG = {
    "unknown-table": ("prise = 1\n", "1: key 'prise': there is no such table; allowed: " + TABLES),
    "single-brackets": ("\n[price]\n", "2: key 'price': it must stand in double brackets; allowed: " + TABLES),
    "unknown-key": (
        WHOLE + "colour = 3",
        (
            f"5: key 'colour': [[price]] has no such key; allowed: {SCOPE}, usd_per_mtok, usd_per_unit, "
            "usd_per_second, usd_per_gpu_hour, gpus, concurrency, over_reported"
        ),
    ),
    "no-provider": (
        '[[price]]\nmodel = "m"\nusd_per_mtok.input = 1',
        "1: key 'provider': it is missing; allowed: a text in quotes",
    ),
    "no-model": (
        '[[price]]\nprovider = "p"\nusd_per_mtok.input = 1',
        f"1: key 'model': it is missing; allowed: {NAMES}",
    ),
    "model-of-another-type": (WHOLE.replace('"gpt-4o"', "4"), f"3: key 'model': it is 4; allowed: {NAMES}"),
    "a-model-without-name": (WHOLE.replace('"gpt-4o"', '["a", ""]'), f"3: key 'model': it is a list; allowed: {NAMES}"),
    "model-and-models": (WHOLE + 'models = ["x"]', "5: key 'models': there is 'model' too; allowed: one of both"),
    "unknown-bucket": (
        WHOLE + "usd_per_mtok.inptu = 1",
        f"5: key 'usd_per_mtok.inptu': there is no such bucket; allowed: {TOKENS}",
    ),
    "negative": (WHOLE.replace("= 1", "= -0.5"), f"4: key 'usd_per_mtok.input': it is -0.5; allowed: {RATE}"),
    "nan": (WHOLE.replace("= 1", "= nan"), f"4: key 'usd_per_mtok.input': it is NaN; allowed: {RATE}"),
    "infinite": (WHOLE.replace("= 1", "= inf"), f"4: key 'usd_per_mtok.input': it is Infinity; allowed: {RATE}"),
    "text-for-a-number": (
        WHOLE.replace("= 1", '= "1"'),
        f"4: key 'usd_per_mtok.input': it is the text '1'; allowed: {RATE}",
    ),
    "truth-for-a-number": (WHOLE.replace("= 1", "= true"), f"4: key 'usd_per_mtok.input': it is true; allowed: {RATE}"),
    "steps-that-fall": (
        WHOLE.replace("= 1", "= [[0, 1], [9, 2], [5, 3]]"),
        f"4: key 'usd_per_mtok.input': it is a list; allowed: {RATE}",
    ),
    "steps-without-beginning": (
        WHOLE.replace("= 1", "= [[5, 1]]"),
        f"4: key 'usd_per_mtok.input': it is a list; allowed: {RATE}",
    ),
    "number-for-buckets": (
        WHOLE.replace(".input", ""),
        "4: key 'usd_per_mtok': it is 1; allowed: a table such as { input = 2.5, output = 10 }",
    ),
    "no-price": (
        WHOLE.replace("usd_per_mtok.input", "#"),
        (
            "1: key 'usd_per_mtok': the entry has no price; allowed: at least one of usd_per_mtok, usd_per_unit, "
            "usd_per_second, usd_per_gpu_hour"
        ),
    ),
    "date-in-quotes": (WHOLE + 'start = "2026-01-01"', f"5: key 'start': it is the text '2026-01-01'; allowed: {DATE}"),
    "time-of-day": (WHOLE + "start = 09:00:00", f"5: key 'start': it is 09:00:00; allowed: {DATE}"),
    "end-before-start": (
        WHOLE + "start = 2026-02-01\nend = 2026-01-01",
        "6: key 'end': it is not after 'start'; allowed: the first day that is not meant, after 'start'",
    ),
    "tenant-of-another-type": (WHOLE + "tenant = 1", "5: key 'tenant': it is 1; allowed: a text in quotes"),
    "two-prices-by-time": (
        WHOLE + "usd_per_second = 1\nusd_per_gpu_hour = 1",
        "6: key 'usd_per_gpu_hour': there is 'usd_per_second' too; allowed: one of both",
    ),
    "gpus-without-price": (
        WHOLE + "gpus = 2",
        "5: key 'gpus': there is no 'usd_per_gpu_hour'; allowed: only beside 'usd_per_gpu_hour'",
    ),
    "no-gpus": (
        WHOLE + "usd_per_gpu_hour = 2\ngpus = 0",
        "6: key 'gpus': it is 0; allowed: a number above 0, up to 1000000000",
    ),
    "concurrency-without-price": (
        WHOLE + "concurrency = 2",
        (
            "5: key 'concurrency': the entry has no price by time; allowed: only beside 'usd_per_second' or "
            "'usd_per_gpu_hour'"
        ),
    ),
    "more-than-all-off": (
        '[[discount]]\nprovider = "p"\npercent = 101',
        "3: key 'percent': it is 101; allowed: a number from 0, up to 100",
    ),
    "no-discount": (
        '[[discount]]\nprovider = "p"',
        "1: key 'factor': an entry needs 'percent' or 'factor', and not both; allowed: percent = 15, or factor = 0.85",
    ),
    "unknown-bucket-of-a-discount": (
        '[[discount]]\nprovider = "p"\npercent = 1\nbuckets = ["inptu"]',
        "4: key 'buckets': there is no 'inptu'; allowed: a list of input",
    ),
    "no-truth": (
        WHOLE + 'over_reported = "yes"',
        "5: key 'over_reported': it is the text 'yes'; allowed: true or false",
    ),
    "no-target": (
        '[[alias]]\nprovider = "p"\nmodel = "m"',
        "1: key 'to_model': it is missing; allowed: a text in quotes",
    ),
    "contradiction": (
        WHOLE + WHOLE.replace("= 1", "= 2") + "start = 2026-01-01",
        (
            "5: key 'start': the price of input of openai gpt-4o differs from line 1, for a time that both name; "
            "allowed: times that do not overlap"
        ),
    ),
    "not-toml": ("\nx = = 1\n", "2: this is not TOML: Invalid value; allowed: TOML 1.0"),
    "not-toml-at-the-end": ("\nx =", "2: this is not TOML: Invalid value; allowed: TOML 1.0"),
    "twice-the-same-key": (WHOLE + "model = 3\n", "5: this is not TOML: Cannot overwrite a value; allowed: TOML 1.0"),
}


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_named_with_line_key_and_what_is_allowed(text: str, message: str) -> None:
    with pytest.raises(PriceFileError) as refused:
        parse_prices(text.encode(), name="/etc/prices.toml")
    assert str(refused.value).startswith(f"/etc/prices.toml:{message}")
    assert "\n" not in str(refused.value)


def test_all_that_is_wrong_is_listed_at_once_by_line() -> None:
    text = WHOLE + "colour = 1\nend = 1\n" + WHOLE.replace("= 1", "= 'x'") + "x = 1\n[y]\n"
    with pytest.raises(PriceFileError) as refused:
        parse_prices(text.encode(), name="p.toml")
    starts = [line.partition(": it is")[0].partition(": [[")[0] for line in str(refused.value).splitlines()]
    assert [start.partition(": there")[0] for start in starts] == [
        "p.toml:5: key 'colour'",
        "p.toml:6: key 'end'",
        "p.toml:10: key 'usd_per_mtok.input'",
        "p.toml:11: key 'x'",
        "p.toml:12: key 'y'",
    ]


def test_what_is_no_text_is_refused_with_its_line() -> None:
    with pytest.raises(PriceFileError, match=r"^p.toml:3: this is not UTF-8; allowed: a TOML file in UTF-8$"):
        parse_prices(b"\n\n# \xff", name="p.toml")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PriceFileError, match=r"nothing\.toml: cannot be read: No such file or directory"):
        read_price_file(tmp_path / "nothing.toml")


def test_an_empty_file_says_nothing() -> None:
    terms = parse_prices(b"", name="p.toml")
    assert (terms.prices, terms.discounts, terms.aliases) == ((), (), ())


def test_the_version_names_the_file_and_its_content() -> None:
    versions = [parse_prices(text.encode(), name="/etc/p.toml").version for text in (WHOLE, WHOLE, WHOLE + "#")]
    assert versions[0] == versions[1] == "p.toml 7caf95d49192"
    assert versions[2] != versions[0]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_line_endings_and_a_byte_order_mark_do_not_matter(ending: str) -> None:
    with pytest.raises(PriceFileError, match=r"^p.toml:5: key 'colour'"):
        parse_prices(b"\xef\xbb\xbf" + (WHOLE + "colour = 1").replace("\n", ending).encode(), name="p.toml")


def test_the_example_is_valid_and_has_every_kind_of_entry() -> None:
    terms = read_price_file(EXAMPLE)
    assert (len(terms.prices), len(terms.discounts), len(terms.aliases)) == (4, 3, 2)


def test_a_book_reads_the_file_that_the_environment_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own.toml").write_text(WHOLE)
    monkeypatch.setenv("SPANMETER_PRICES", str(tmp_path / "own.toml"))
    assert PriceBook.load().version == PriceBook.load(prices="").version + " + own.toml 7caf95d49192"
