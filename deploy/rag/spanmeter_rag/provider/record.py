"""What the provider itself counted: every answered and every refused request, one JSON line each."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any, TextIO

Entry = dict[str, Any]


class Record:
    """Keeps entries in memory and, when given a file, appends each as a line at once. Safe among threads."""

    def __init__(self, path: Path | None = None) -> None:
        self._entries: list[Entry] = []
        self._lock = Lock()
        self._file: TextIO | None = path.open("a", encoding="utf-8", buffering=1) if path else None

    def answered(self, *, kind: str, model: str, usage: Mapping[str, Any], **told: Any) -> None:  # noqa: ANN401
        """Note a request that got a result, with the usage object that went out with it and what else is known."""
        self._add({"status": 200, "kind": kind, "model": model, **told, "usage": usage})

    def refused(self, *, kind: str, model: str, status: int) -> None:
        """Note a request that got an error instead of a result; it costs nothing."""
        self._add({"status": status, "kind": kind, "model": model, "usage": None})

    def report(self) -> dict[str, Any]:
        """Return the totals and every entry: `{"total", "by_model", "refused", "requests"}`."""
        with self._lock:
            entries = list(self._entries)
        done = [entry for entry in entries if entry["status"] == 200]
        models: defaultdict[str, list[Entry]] = defaultdict(list)
        for entry in done:
            models[entry["model"]].append(entry)
        by_model = {model: _total(of_model) for model, of_model in sorted(models.items())}
        return {"total": _total(done), "by_model": by_model, "refused": len(entries) - len(done), "requests": entries}

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()

    def _add(self, entry: Entry) -> None:
        stamped = {"time": datetime.now(UTC).isoformat().replace("+00:00", "Z"), **entry}
        with self._lock:
            self._entries.append(stamped)
            if self._file:
                self._file.write(json.dumps(stamped) + "\n")


def _total(entries: list[Entry]) -> dict[str, int]:
    usages = [entry["usage"] for entry in entries]
    return {
        "calls": len(usages),
        "input_tokens": sum(usage["prompt_tokens"] for usage in usages),
        "output_tokens": sum(usage.get("completion_tokens", 0) for usage in usages),
        "cached_input_tokens": sum(_detail(usage, "prompt_tokens_details", "cached_tokens") for usage in usages),
        "reasoning_tokens": sum(_detail(usage, "completion_tokens_details", "reasoning_tokens") for usage in usages),
    }


def _detail(usage: Mapping[str, Any], group: str, name: str) -> int:
    return int(usage.get(group, {}).get(name, 0))
