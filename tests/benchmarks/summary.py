"""What the summary costs a span: CPU of its thread to count one that ended, the best of many rounds.

make bench-summary
"""

from __future__ import annotations

import platform
import sys
from time import thread_time
from typing import Final

from spanmeter.component import Components

ROUNDS: Final = 15
SPANS: Final = 20_000
TARGET_US: Final = 2
KEYS: Final = [("langchain", "chat", f"chat model-{number}") for number in range(20)]


def best_us() -> float:
    """The least CPU of any round, in microseconds a span."""
    components, taken = Components(), []
    for _ in range(ROUNDS):
        started = thread_time()
        for number in range(SPANS):
            components.add(KEYS[number % len(KEYS)], 0.1 + number * 1e-6, failed=False)
        taken.append((thread_time() - started) / SPANS)
    return min(taken) * 1e6


def main() -> None:
    """Measure and say."""
    measured = f"{best_us():.2f} us of CPU a span (target {TARGET_US}), the best of {ROUNDS} rounds of {SPANS}"
    sys.stdout.write(f"{measured}; Python {platform.python_version()}\n")


if __name__ == "__main__":
    main()
