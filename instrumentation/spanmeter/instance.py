"""What tells this process from all others, also from the one that forked it."""

from __future__ import annotations

import os
import uuid
from typing import Final

_ids: Final[dict[int, str]] = {}


def instance_id() -> str:
    """Return the `service.instance.id` of this process, made up once in each.

    https://opentelemetry.io/docs/specs/semconv/resource/#service
    """
    return _ids.setdefault(os.getpid(), str(uuid.uuid4()))
