from __future__ import annotations

import numpy as np

from spanmeter_rag.provider.vectors import DIMENSIONS, embed


def test_a_vector_has_length_one_and_the_dimensions_asked_for() -> None:
    assert embed("class bodies").shape == (DIMENSIONS,)
    assert embed("class bodies", dimensions=256).shape == (256,)
    assert np.isclose(np.linalg.norm(embed("class bodies")), 1.0)


def test_the_same_text_gives_the_same_vector() -> None:
    assert np.array_equal(embed("slicing a list"), embed("slicing a list"))


def test_a_text_about_the_same_is_nearer_than_one_about_something_else() -> None:
    asked = embed("How are default argument values evaluated?")
    near = embed("Default parameter values are evaluated from left to right.")
    far = embed("Complex numbers cannot be ordered.")
    assert asked @ near > 0.3 > asked @ far


def test_a_text_that_says_nothing_is_near_to_nothing() -> None:
    assert not embed("and so on").any()
