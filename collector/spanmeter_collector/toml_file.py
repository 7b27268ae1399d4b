"""A file in TOML that a variable names."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

from spanmeter.pricing.key_lines import key_lines
from spanmeter_collector.setting import SettingError


def read_toml(variable: str, path: Path) -> tuple[dict[str, Any], dict[tuple[str | int, ...], int]]:
    """What is in a file, its numbers exact, and the lines of its keys.

    Raises:
        SettingError: it is no TOML.
    """
    try:
        source = path.read_text(encoding="utf-8")
        return tomllib.loads(source, parse_float=Decimal), key_lines(source)
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise SettingError(variable, str(path), f"this is not TOML: {error}") from error
