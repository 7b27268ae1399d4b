"""Whether tokens can be counted here when a provider reports no usage."""

from __future__ import annotations

from typing import Final

from spanmeter.doctor.finding import Finding
from spanmeter.estimate.encodings import encoding

CHECK: Final = "estimates"
ENCODINGS: Final = ("o200k_base", "cl100k_base")


def check() -> list[Finding]:
    """Which encodings lie on this machine."""
    missing = [name for name in ENCODINGS if encoding(name) is None]
    if not missing:
        return [Finding.ok(CHECK, f"tiktoken's {' and '.join(ENCODINGS)} are on this machine")]
    text = f"{' and '.join(missing)} are not on this machine: calls without usage are estimated by their characters"
    advice = (
        "for narrower estimates install llama-index-core, which ships them, or set TIKTOKEN_CACHE_DIR to a filled one"
    )
    return [Finding.warning(CHECK, text, advice)]
