"""Usage counted on this machine, for a call whose provider reported none.

Nothing is downloaded, and of long texts only excerpts are read.
"""

from __future__ import annotations

from spanmeter.estimate.counting import Estimate, estimate

__all__ = ["Estimate", "estimate"]
