"""What a query string selects."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from spanmeter_collector.clauses import grouped, matching
from spanmeter_collector.duplicates import OPTIONS as DUPLICATES
from spanmeter_collector.question_error import QuestionError
from spanmeter_collector.selection import CHARGES, SPANS, Options, grouped_by, read_selection
from spanmeter_collector.times import Period

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
OPTIONS = Options(CHARGES, {"since": "24h", "until": "", "group_by": "", "limit": "10"})


def test_everything_in_a_query_string_is_read() -> None:
    query = [("since", "1h"), ("group_by", "model, tag.k,model"), ("model", "a"), ("model", ""), ("tag.k", "v")]
    selection = read_selection(query, OPTIONS, now=NOW)
    assert selection.period == Period(since=datetime(2026, 11, 22, 11, tzinfo=UTC), until=NOW)
    assert selection.group_by == ("model", "tag.k")
    assert selection.filters == {"model": ("a", ""), "tag.k": ("v",)}
    assert selection.whole("limit", least=1, most=10) == 10


def test_an_empty_option_means_its_default() -> None:
    given = read_selection([("since", ""), ("group_by", ""), ("limit", "")], OPTIONS, now=NOW)
    assert given == read_selection([], OPTIONS, now=NOW)


@pytest.mark.parametrize(("name", "first", "second"), [("group_by", "model", "day"), ("since", "24h", "1h")])
def test_an_option_that_is_given_twice_is_refused_and_not_half_read(name: str, first: str, second: str) -> None:
    with pytest.raises(QuestionError, match=f"^{name} is given twice, '{first}' and '{second}'; allowed: once$"):
        read_selection([(name, first), (name, second)], OPTIONS, now=NOW)


def test_sql_is_made_of_our_words_and_values_are_bound() -> None:
    query = [("group_by", "day,tag.it's"), ("user", "x'"), ("tag.;", "y")]
    clauses = grouped(read_selection(query, OPTIONS, now=NOW), CHARGES, most="cost_usd", limit=10)
    assert clauses.fragments == {
        "dimensions": "toDate(charges.time) AS dim_0, charges.tags[{key_1:String}] AS dim_1",
        "keys": "dim_0, dim_1",
        "filters": "(charges.user) IN {filter_0:Array(String)}"
        " AND (charges.tags[{filter_key_1:String}]) IN {filter_1:Array(String)}",
        "order": "dim_0, cost_usd DESC NULLS LAST, dim_0, dim_1",
    }
    assert clauses.parameters == {
        "since": 1_795_262_400_000_000,
        "until": 1_795_348_800_000_000,
        "limit": 12,
        "key_1": "it's",
        "filter_0": ["x'"],
        "filter_1": ["y"],
        "filter_key_1": ";",
    }


def test_without_dimensions_and_filters_there_is_still_sql() -> None:
    clauses = grouped(read_selection([], OPTIONS, now=NOW), CHARGES, most="cost_usd", limit=10)
    assert clauses.fragments == {
        "dimensions": "materialize('') AS dim_0",
        "keys": "dim_0",
        "filters": "true",
        "order": "cost_usd DESC NULLS LAST, dim_0",
    }
    assert matching(read_selection([], OPTIONS, now=NOW), SPANS).fragments == {"matches": "true"}


def test_a_spans_tag_is_an_attribute() -> None:
    clauses = matching(read_selection([("tag.k", "v")], Options(SPANS, OPTIONS.defaults), now=NOW), SPANS)
    assert clauses.fragments == {
        "matches": "countIf((spans.attributes[{filter_key_0:String}]) IN {filter_0:Array(String)}) > 0"
    }
    assert clauses.parameters["filter_key_0"] == "spanmeter.tag.k"


def test_grouped_values_become_text() -> None:
    query = [("group_by", "hour,day,model")]
    row = {"dim_0": datetime(2026, 11, 22, 13), "dim_1": datetime(2026, 11, 22).date(), "dim_2": "m"}  # noqa: DTZ001
    assert grouped_by(row, read_selection(query, OPTIONS, now=NOW)) == {
        "hour": "2026-11-22T13:00:00Z",
        "day": "2026-11-22",
        "model": "m",
    }


def test_an_hour_in_another_zone_is_written_in_utc() -> None:
    hour = datetime(2026, 11, 22, 18, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    selection = read_selection([("group_by", "hour")], OPTIONS, now=NOW)
    assert grouped_by({"dim_0": hour}, selection) == {"hour": "2026-11-22T13:00:00Z"}


def test_a_choice_is_one_of_a_few() -> None:
    selection = read_selection([("limit", "x")], OPTIONS, now=NOW)
    with pytest.raises(QuestionError, match=r"^limit='x' is not allowed; allowed: a, b$"):
        selection.choice("limit", ("a", "b"))


@pytest.mark.parametrize(
    ("options", "name", "allowed"),
    [
        (OPTIONS, "grade", "reported, computed, estimated, unpriced"),
        (
            DUPLICATES,
            "reason",
            "wrapper, inside_call, same_span, has_model_descendant, same_response_id, same_interval",
        ),
    ],
)
def test_a_value_that_a_dimension_never_has_is_refused_and_an_empty_one_is_not(
    options: Options, name: str, allowed: str
) -> None:
    with pytest.raises(QuestionError, match=f"^{name}='none' is not allowed; allowed: {allowed}$"):
        read_selection([(name, "none")], options, now=NOW)

    several = (allowed.partition(",")[0], "")
    assert read_selection([(name, one) for one in several], options, now=NOW).filters == {name: several}
