"""Figures as people read them: money, tokens, durations, shares, changes.

Money is always in dollars. From a dollar on it has two decimals, from a cent on four, and six below, so the last
digit of the smallest amounts is a micro-dollar. What is not known is a dash, never a zero.
"""

from __future__ import annotations

from decimal import Decimal

UNKNOWN = "\N{EN DASH}"
_SUFFIXES = ((1_000_000_000, "B"), (1_000_000, "M"), (1_000, "k"))
_MICRO_DOLLAR = Decimal("0.000001")


def money(usd: Decimal | None) -> str:
    """An amount: `$1,234.50`, `$0.0123`, `$0.000330`, `<$0.000001`; a dash when every call in it is unpriced."""
    if usd is None:
        return UNKNOWN
    sign, size = ("-", -usd) if usd < 0 else ("", usd)
    if 0 < size < _MICRO_DOLLAR:
        return f"{sign}<$0.000001"
    return f"{sign}${size:,.{_decimals(size)}f}"


def unit_price(usd_per_unit: Decimal | None, unit: str) -> str:
    """A rate: tokens by the million (`$2.50 / 1M tokens`), anything else by the piece (`$0.0100 / search`)."""
    if usd_per_unit is None:
        return "no price"
    if unit == "token":
        return f"{exact(usd_per_unit * 1_000_000)} / 1M tokens"
    return f"{exact(usd_per_unit)} / {unit}"


def count(number: int) -> str:
    """A number of things in full: `12,345`."""
    return f"{number:,}"


def tokens(number: int) -> str:
    """A number of tokens in at most four characters and a suffix: `842`, `1.2k`, `12.3k`, `456k`, `3.4M`."""
    for size, suffix in _SUFFIXES:
        if number >= size * 0.9995:
            scaled = number / size
            return f"{scaled:.0f}{suffix}" if scaled >= 99.95 else f"{scaled:.1f}{suffix}"
    return str(number)


def duration(seconds: float | None) -> str:
    """A length of time: `0.4 ms`, `842 ms`, `1.24 s`, `12.4 s`, `2 min 05 s`, `1 h 02 min`."""
    if seconds is None:
        return UNKNOWN
    if seconds < 0.9995:
        milliseconds = seconds * 1000
        return f"{milliseconds:.0f} ms" if milliseconds >= 9.95 or milliseconds == 0 else f"{milliseconds:.1f} ms"
    if seconds < 59.95:
        return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def share(part: float) -> str:
    """A share of 1 in percent; only exactly 1 is `100%`, and only exactly 0 is `0%`."""
    percent = part * 100
    if 0 < percent < 0.1:
        return "<0.1%"
    if 99.9 < percent < 100:
        return ">99.9%"
    return f"{percent:.1f}".removesuffix(".0") + "%"


def change(now: Decimal | float | None, before: Decimal | float | None) -> str | None:
    """The change against the period before: `+12%`, `-4%`, `31x`; None where there is nothing to compare with."""
    if now is None or not before:
        return None
    ratio = float(now) / float(before)
    if ratio >= 10:
        return f"{ratio:,.0f}x"
    percent = round((ratio - 1) * 100)
    return f"{percent:+d}%" if percent else "±0%"


def _decimals(size: Decimal) -> int:
    if size >= Decimal("0.99995") or size == 0:
        return 2
    return 4 if size >= Decimal("0.0099995") else 6


def exact(usd: Decimal) -> str:
    """An amount in full, as somebody wrote it, with two decimals or more: `$25.00`, `$0.005`."""
    text = f"{usd.normalize():,f}"
    whole, _, fraction = text.partition(".")
    return f"${whole}.{fraction:0<2}"
