from __future__ import annotations

from spanmeter_dashboard import palette


def test_a_value_keeps_its_colour_when_others_come_and_go() -> None:
    alone = palette.colours(["gpt-4.1"])
    assert palette.colours(["gpt-4.1", "zephyr"])["gpt-4.1"] == alone["gpt-4.1"]


def test_values_differ_in_colour_as_long_as_there_are_colours() -> None:
    names = [f"model-{number}" for number in range(len(palette.CATEGORICAL))]
    assert set(palette.colours(names).values()) == set(palette.CATEGORICAL)


def test_more_values_than_colours_share_them() -> None:
    names = [f"model-{number}" for number in range(25)]
    assert len(palette.colours(names)) == 25


def test_what_has_no_name_is_neutral() -> None:
    assert palette.colours(["", "other"]) == {"": palette.NEUTRAL, "other": palette.NEUTRAL}


def test_operations_that_only_hold_others_are_neutral() -> None:
    assert (palette.of_operation("chat"), palette.of_operation("node")) == ("#4c7ce0", palette.NEUTRAL)


def test_shades_start_at_the_colour_and_get_paler() -> None:
    assert [palette.shade("#4c7ce0", step) for step in range(3)] == ["#4c7ce0", "#799be3", "#99b1e5"]
