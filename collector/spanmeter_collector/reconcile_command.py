"""`spanmeter reconcile`: the provider's bill against the ledger."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final

from spanmeter_collector import sidecar
from spanmeter_collector.console import complain, say
from spanmeter_collector.reconcile.cause import causes
from spanmeter_collector.reconcile.comparison import compare
from spanmeter_collector.reconcile.file import BillFileError, read_file
from spanmeter_collector.reconcile.ledger import ask_entries
from spanmeter_collector.reconcile.line import Statement
from spanmeter_collector.reconcile.report import Compared, Report

_BAD_INPUT: Final = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The files, what difference is tolerated, and which sidecar."""
    parser.epilog = (
        "Files: OpenAI's costs and usage, Anthropic's usage and cost reports, as JSON pages of their APIs or as CSV "
        "of their dashboards. Usage and costs of the same days are best given together. "
        "Exit status: 0 all agrees, 1 something differs, 2 a file cannot be read or is none of these."
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="exports of one provider")
    parser.add_argument(
        "--tolerance",
        default=Decimal("0.005"),
        type=_share,
        metavar="SHARE",
        help="what may differ, such as 0.5%% (default)",
    )
    sidecar.add_filters(parser)
    sidecar.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the reconciliation; 0 when all agrees, 1 when not, 2 when a file is no bill.

    Raises:
        SidecarError: The sidecar was not reached or refused.
    """
    try:
        statements = [read_file(path) for path in arguments.files]
        provider = _provider(statements)
    except BillFileError as error:
        complain(f"spanmeter reconcile: {error}")
        return _BAD_INPUT
    days = sorted({day for statement in statements for day in statement.days})
    entries = list(ask_entries(arguments.url, provider, days, arguments.where))
    rows = compare(statements, entries)
    fees, models = [row for row in rows if row.is_fee], [row for row in rows if not row.is_fee]
    today = datetime.now(UTC).date()
    found = [causes(row, models, tolerance=arguments.tolerance, today=today) for row in models]
    compared = [Compared(row, row.agrees(arguments.tolerance), why) for row, why in zip(models, found, strict=True)]
    report = Report(statements, compared, fees, arguments.tolerance)
    say(json.dumps(report.as_json(), indent=2) if arguments.json else report.as_text())
    return 0 if report.in_order else 1


def _provider(statements: Sequence[Statement]) -> str:
    for number, statement in enumerate(statements):
        same = next((each.file for each in statements[:number] if each.lines == statement.lines), None)
        if same is not None:
            raise BillFileError(f"{statement.file} says the same as {same}; give each export once")
    providers = {statement.provider for statement in statements}
    if len(providers) > 1:
        raise BillFileError(f"the files are of {' and '.join(sorted(providers))}; give those of one provider at a time")
    return providers.pop()


def _share(told: str) -> Decimal:
    """0.5% and 0.005 are the same share."""
    try:
        share = Decimal(told.removesuffix("%")) / (100 if told.endswith("%") else 1)
    except InvalidOperation:
        share = Decimal(-1)
    if not 0 <= share < 1:
        raise argparse.ArgumentTypeError(f"{told!r} is no share; allowed: such as 0.5% or 0.005")
    return share
