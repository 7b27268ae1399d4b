"""`python -m spanmeter.doctor`."""

from __future__ import annotations

import sys

from spanmeter.doctor.examination import main

sys.exit(main(sys.argv[1:]))
