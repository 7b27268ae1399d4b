"""Start the local provider: `python -m spanmeter_rag.provider --port 8601 --record usage.jsonl`."""

from __future__ import annotations

import argparse
from pathlib import Path

import uvicorn

from spanmeter_rag.provider.app import Provider, create_app
from spanmeter_rag.provider.conditions import Conditions, Weather
from spanmeter_rag.provider.faults import Faults
from spanmeter_rag.provider.prefixes import PrefixCache
from spanmeter_rag.provider.record import Record
from spanmeter_rag.provider.tokens import load_tokenizer


def main() -> None:
    """Serve until interrupted."""
    options = _parse()
    record = Record(options.record)
    provider = Provider(
        record=record,
        tokenizer=load_tokenizer(),
        faults=Faults(rate=options.faults, seed=options.seed),
        prefixes=PrefixCache(),
        speed=options.speed,
        weather=Weather(Conditions(down=options.down, slow_s=options.slow)),
    )
    try:
        uvicorn.run(
            create_app(provider),
            host=options.host,
            port=options.port,
            log_level="warning",
            ws="none",
            timeout_graceful_shutdown=2,
        )
    finally:
        record.close()


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m spanmeter_rag.provider", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=8601, help="port to listen on (%(default)s)")
    parser.add_argument("--record", type=Path, help="file that gets one JSON line for each request")
    parser.add_argument("--speed", type=float, default=6.0, help="times faster than a real provider (%(default)s)")
    parser.add_argument("--faults", type=float, default=0.04, help="share of requests refused (%(default)s)")
    parser.add_argument("--down", action="store_true", help="answer 503 until PUT /conditions says otherwise")
    parser.add_argument("--slow", type=float, default=0.0, help="seconds that each answer is late (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="which requests are refused (%(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
