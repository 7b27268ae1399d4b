"""FOCUS 1.2, the FinOps Open Cost and Usage Specification: how the ledger reads in its columns.

https://focus.finops.org/focus-specification/v1-2/. One row an hour for each component of a model and each price of it,
by tenant, service, feature, team and tags. What the specification calls an account is the provider, a sub account is
the tenant. There is one amount to a charge: the ledger knows what was agreed to be paid, and that stands in all four
cost columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PROVIDER_NAMES: Final[Mapping[str, str]] = {
    "anthropic": "Anthropic",
    "aws.bedrock": "Amazon Web Services",
    "azure.ai.inference": "Microsoft",
    "azure.ai.openai": "Microsoft",
    "cohere": "Cohere",
    "deepseek": "DeepSeek",
    "gcp.gemini": "Google",
    "gcp.gen_ai": "Google",
    "gcp.vertex_ai": "Google",
    "groq": "Groq",
    "ibm.watsonx.ai": "IBM",
    "mistral_ai": "Mistral AI",
    "openai": "OpenAI",
    "openrouter": "OpenRouter",
    "perplexity": "Perplexity",
    "x_ai": "xAI",
}
"""How the providers of the GenAI conventions call themselves; others keep the name they were told by."""


def _moment(expression: str) -> str:
    return f"formatDateTime({expression}, '%Y-%m-%dT%H:%i:%SZ', 'UTC')"


_USD: Final = "cost"
COLUMNS: Final[Mapping[str, str]] = {
    "BilledCost": _USD,
    "BillingAccountId": "named",
    "BillingAccountName": "provider_name",
    "BillingCurrency": "'USD'",
    "BillingPeriodEnd": _moment("toDateTime(addMonths(period, 1), 'UTC')"),
    "BillingPeriodStart": _moment("toDateTime(period, 'UTC')"),
    "ChargeCategory": "'Usage'",
    "ChargeClass": "if(is_correction, 'Correction', NULL)",
    "ChargeDescription": "concat(sku_model, ' ', meter)",
    "ChargeFrequency": "'Usage-Based'",
    "ChargePeriodEnd": _moment("addHours(hour, 1)"),
    "ChargePeriodStart": _moment("hour"),
    "ConsumedQuantity": "used",
    "ConsumedUnit": "units",
    "ContractedCost": _USD,
    "ContractedUnitPrice": "price",
    "EffectiveCost": _USD,
    "InvoiceId": "NULL",
    "InvoiceIssuerName": "provider_name",
    "ListCost": _USD,
    "ListUnitPrice": "price",
    "PricingCategory": "'Standard'",
    "PricingQuantity": "priced",
    "PricingUnit": "if(pricing_size = 1, units, concat(toString(pricing_size), ' ', units))",
    "ProviderName": "provider_name",
    "PublisherName": "provider_name",
    "ServiceCategory": "'AI and Machine Learning'",
    "ServiceName": "concat(provider_name, ' API')",
    "ServiceSubcategory": "'Generative AI'",
    "SkuId": "sku",
    "SkuMeter": "initcap(meter)",
    "SkuPriceDetails": "toJSONString(map('x_Component', label[1], 'x_Model', sku_model))",
    "SkuPriceId": "concat(sku, '@', toString(price))",
    "SubAccountId": "nullIf(toString(tenant), '')",
    "SubAccountName": "nullIf(toString(tenant), '')",
    "SubAccountType": "if(tenant = '', NULL, 'Tenant')",
    "Tags": "toJSONString(mapUpdate(own_tags, CAST(tags, 'Map(String, String)')))",
    "x_Framework": "framework",
    "x_Grade": "grade",
    "x_Operation": "operation",
    "x_PriceVersion": "price_version",
}
"""The columns in the order of the specification, ours last, each with its expression in `export_focus.sql`."""
