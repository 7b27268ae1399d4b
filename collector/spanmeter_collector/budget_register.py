"""The register of budgets: their definitions, kept in the store, from code and from the operator's file."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from spanmeter.budget_definition import BudgetDefinition, DefinitionError
from spanmeter_collector.budget import CODE, FILE, Budget, FileBudgetError, Source, UnknownBudgetError, milliseconds
from spanmeter_collector.question_error import QuestionError
from spanmeter_collector.store import Store

MOST_BUDGETS: Final = 1000
_logger = logging.getLogger(__name__)


class BudgetRegister:
    """Definitions by name; safe to share between threads. What a file defines only that file changes.

    On a server that several sidecars write to, `read` learns what others defined.
    """

    def __init__(
        self,
        store: Store,
        definitions: Iterable[BudgetDefinition] = (),
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`definitions` are those of the file: they go before what code defined, and those it lacks now are gone."""
        self._store = store
        self._now = now
        self._lock = threading.Lock()
        self._budgets: Mapping[str, Budget] = {}
        self._left_out: set[str] = set()
        self.read()
        self._take_file({definition.name: definition for definition in definitions})

    def read(self) -> None:
        """Learn from the store what is defined; what another version wrote and this one refuses is left out."""
        read = map(self._budget_of, self._store.query("budgets", {}))
        self._budgets = {budget.name: budget for budget in read if budget is not None}

    def _budget_of(self, row: Mapping[str, Any]) -> Budget | None:
        try:
            return Budget.of(row)
        except DefinitionError as error:
            if row["name"] not in self._left_out:
                self._left_out.add(row["name"])
                _logger.warning("budget %s does not hold until it is defined again: %s", row["name"], error)
        return None

    def refresh(self) -> None:
        """Learn what others defined, on a server that others write to."""
        if self._store.directory is None:
            self.read()

    def all(self) -> Sequence[Budget]:
        """Every budget, by name."""
        return [*self._budgets.values()]

    def get(self, name: str) -> Budget:
        """One budget.

        Raises:
            UnknownBudgetError: There is none of that name.
        """
        if name not in self._budgets:
            self.read()
        try:
            return self._budgets[name]
        except KeyError:
            listed = ", ".join(self._budgets) or "none yet; define one with PUT or in the file of SPANMETER_BUDGETS"
            raise UnknownBudgetError(f"there is no budget {name!r}; there are: {listed}") from None

    def put(self, definition: BudgetDefinition) -> Budget:
        """Define a budget, or change it; the same again is no change.

        Raises:
            FileBudgetError: The file defines one of that name, and differently.
            QuestionError: There are too many.
        """
        with self._lock:
            self.read()
            known = self._budgets.get(definition.name)
            if known is not None and known.definition == definition:
                return known
            if known is not None and known.source == FILE:
                raise FileBudgetError(f"the sidecar's file of budgets defines {definition.name!r}; change it there")
            if known is None and len(self._budgets) >= MOST_BUDGETS:
                raise QuestionError(f"there are {MOST_BUDGETS} budgets already; delete one first")
            return self._note(definition, CODE)

    def delete(self, name: str) -> None:
        """End a budget; one of that name begins anew.

        Raises:
            UnknownBudgetError: There is none of that name.
            FileBudgetError: The file defines it.
        """
        with self._lock:
            self.read()
            if self.get(name).source == FILE:
                raise FileBudgetError(f"the sidecar's file of budgets defines {name!r}; take it out there")
            self._forget(name)

    def _take_file(self, definitions: Mapping[str, BudgetDefinition]) -> None:
        for budget in self.all():
            if budget.source == FILE and budget.name not in definitions:
                self._forget(budget.name)
        for name, definition in definitions.items():
            known = self._budgets.get(name)
            if known is None or known.source != FILE or known.definition != definition:
                self._note(definition, FILE)

    def _note(self, definition: BudgetDefinition, source: Source) -> Budget:
        known = self._budgets.get(definition.name)
        created_at = self._now() if known is None else known.created_at
        budget = Budget(definition, created_at.replace(microsecond=created_at.microsecond // 1000 * 1000), source)
        self._write(budget, deleted=False)
        self._budgets = dict(sorted({**self._budgets, budget.name: budget}.items()))
        what = "changed" if known else "defined"
        shown = replace(definition, webhook=None).as_fields() | {"webhook": definition.webhook is not None}
        _logger.info("budget %s %s by %s", definition.name, what, source, extra={"budget": shown})
        return budget

    def _forget(self, name: str) -> None:
        self._write(self._budgets[name], deleted=True)
        self._budgets = {known: budget for known, budget in self._budgets.items() if known != name}
        _logger.info("budget %s deleted", name)

    def _write(self, budget: Budget, *, deleted: bool) -> None:
        self._store.note(
            "note_budget",
            {
                "name": budget.name,
                "revision": time.time_ns(),
                "definition": json.dumps(budget.definition.as_fields()),
                "source": budget.source,
                "created_at": milliseconds(budget.created_at),
                "deleted": int(deleted),
            },
        )
