from __future__ import annotations

from spanmeter_rag.answer import Source, as_context


def test_a_context_names_the_title_of_every_passage() -> None:
    context = as_context((Source("a", "Title a", "Text a.", 0.2), Source("b", "Title b", "Text b.", 0.1)))
    assert context == "[Title a]\n\nText a.\n\n[Title b]\n\nText b."
