"""`python -m spanmeter.doctor`."""

from __future__ import annotations

import sys

from spanmeter.doctor.examination import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
