"""What goes wrong at the local provider for the moment: it is slow, or down, for all models or for some."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from spanmeter_rag.provider.faults import Fault
from spanmeter_rag.provider.models import MODELS
from spanmeter_rag.provider.request import BadRequestError

DOWN: Final = Fault(503, "The engine is currently overloaded, please try again later.", "server_error", None, None)
_LONGEST_S: Final = 600


@dataclass(frozen=True, slots=True)
class Conditions:
    """`down`: every request is answered with 503; `slow_s`: each answer comes so many seconds later.

    `models` are those it holds for, none meaning all.
    """

    down: bool = False
    slow_s: float = 0.0
    models: tuple[str, ...] = ()

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Conditions:
        """Read the body of a request. Raises BadRequestError."""
        if unknown := body.keys() - {"down", "slow_s", "models"}:
            raise BadRequestError(f"conditions are down, slow_s and models, not {', '.join(sorted(unknown))}")
        down, slow_s, models = body.get("down", False), body.get("slow_s", 0), body.get("models", [])
        if not isinstance(down, bool):
            raise BadRequestError("down must be true or false")
        if isinstance(slow_s, bool) or not isinstance(slow_s, int | float) or not 0 <= slow_s <= _LONGEST_S:
            raise BadRequestError(f"slow_s must be a number of seconds from 0 to {_LONGEST_S}")
        if not isinstance(models, list) or not MODELS.keys() >= set(models):
            raise BadRequestError(f"models must be a list of {', '.join(MODELS)}")
        return cls(down=down, slow_s=float(slow_s), models=tuple(models))

    def hold_for(self, model: str) -> bool:
        """Tell whether they hold for a model."""
        return not self.models or model in self.models

    def as_dict(self) -> dict[str, Any]:
        """Return them as they are read."""
        return {**asdict(self), "models": list(self.models)}


class Weather:
    """The conditions of the moment, which may change between requests."""

    def __init__(self, conditions: Conditions = Conditions()) -> None:
        self.now = conditions

    def fault(self, model: str) -> Fault | None:
        """Return the fault that a request for this model gets, or None."""
        return DOWN if self.now.down and self.now.hold_for(model) else None

    def delay_s(self, model: str) -> float:
        """Return by how much an answer of this model is late."""
        return self.now.slow_s if self.now.hold_for(model) else 0.0
