"""Write the dashboards' JSON: `python grafana/build.py`; with `--check`, only compare it with what is committed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from overview import overview

TARGET = Path(__file__).parent / "dashboards" / "overview.json"


def generated() -> str:
    """The dashboard's JSON text, the same for the same code."""
    return JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False).encode(overview().build()) + "\n"


def main() -> int:
    """Write or compare; the exit code is 1 when `--check` finds a difference."""
    parser = argparse.ArgumentParser(description="Write grafana/dashboards/overview.json from the code beside it.")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if the file is not what the code says"
    )
    if not parser.parse_args().check:
        TARGET.write_text(generated(), encoding="utf-8")
        return 0
    if TARGET.read_text(encoding="utf-8") == generated():
        return 0
    sys.stderr.write(f"{TARGET} is not what the code says; run: python grafana/build.py\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
