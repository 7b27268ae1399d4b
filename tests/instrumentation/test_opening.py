from __future__ import annotations

from spanmeter.opening import Opening, opening_attributes


def test_a_region_with_prices_of_its_own_is_told_to_the_ledger() -> None:
    opening = Opening("chat", "chat m", "langchain", provider="aws.bedrock", model="m", region="eu-west-1")

    assert opening_attributes(opening) == {
        "gen_ai.operation.name": "chat",
        "spanmeter.framework": "langchain",
        "gen_ai.provider.name": "aws.bedrock",
        "gen_ai.request.model": "m",
        "spanmeter.price.region": "eu-west-1",
    }
