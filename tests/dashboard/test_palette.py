from __future__ import annotations

from spanmeter_dashboard import palette


def test_a_value_keeps_its_colour_when_others_come_and_go() -> None:
    register = palette.Register()
    first = register.colours(["gpt-4.1", "gpt-5"])
    names = [f"model-{number}" for number in range(8)]
    assert register.colours([*names, "gpt-5", "gpt-4.1"]).items() >= first.items()


def test_values_differ_in_colour_as_long_as_there_are_colours() -> None:
    names = [f"model-{number}" for number in range(len(palette.CATEGORICAL))]
    assert set(palette.Register().colours(names).values()) == set(palette.CATEGORICAL)


def test_a_picture_never_shows_a_colour_twice_while_there_are_others() -> None:
    register = palette.Register()
    for number in range(40):
        register.colours([f"user-{number}"])
    assert len(set(register.colours(f"user-{number}" for number in range(0, 40, 4)).values())) == 10


def test_more_values_than_colours_share_them() -> None:
    names = [f"model-{number}" for number in range(25)]
    assert list(palette.Register().colours(names)) == names


def test_what_has_no_name_is_neutral() -> None:
    assert palette.Register().colours(["", "other"]) == {"": palette.NEUTRAL, "other": palette.NEUTRAL}


def test_operations_that_only_hold_others_are_neutral() -> None:
    assert (palette.of_operation("chat"), palette.of_operation("node")) == ("#4c7ce0", palette.NEUTRAL)


def test_shades_start_at_the_colour_and_get_paler() -> None:
    assert [palette.shade("#4c7ce0", step) for step in range(3)] == ["#4c7ce0", "#799be3", "#99b1e5"]
