from __future__ import annotations

import pytest
from genai_prices import Usage, calc_price

from spanmeter_rag.provider.models import MODELS, Model
from spanmeter_rag.settings import Models


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.name)
def test_every_release_has_a_list_price(model: Model) -> None:
    price = calc_price(Usage(input_tokens=1000), model_ref=model.release, provider_id="openai")
    assert price.input_price > 0


def test_every_model_the_service_uses_is_offered() -> None:
    used = Models()
    own = {used.chain, used.engine, used.mixture, used.agent, used.embedding}
    assert own | {*used.fallbacks} | {"gpt-4.1-nano"} == set(MODELS)  # the last for routing, which is off
