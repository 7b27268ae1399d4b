"""`python -m spanmeter_collector` is the command `spanmeter`."""

from __future__ import annotations

import sys

from spanmeter_collector.cli import main

sys.exit(main())
