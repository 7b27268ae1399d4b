"""One contestant in a process of its own: it says `ready` or why it is not, then runs a slot for every line it reads.

    python app_worker.py CONTESTANT SINK_URL

A line names a workload, or says `leak` and a number of calls; each is answered by a line of JSON.
"""

from __future__ import annotations

import gc
import json
import sys
import time
import warnings
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import llama_index.core
from app_contestants import CONTESTANTS, Flush
from app_leak import leak
from app_workloads import WORKLOADS, Operation

WARM_UP: Final = 3
PACKAGES: Final = ("langchain-core", "langgraph", "llama-index-core", "opentelemetry-sdk")


def slot(operation: Operation, *, times: int, flush: Flush) -> dict[str, float]:
    """Microseconds of CPU that one operation takes: in the whole process before and after what is held back is sent."""
    flush()
    gc.collect()
    gc.freeze()  # what is long-lived is none of the operation's garbage
    began = time.process_time()
    for _ in range(times):
        operation()
    before = time.process_time() - began
    flush()
    total = time.process_time() - began
    return {"before_us": before * 1e6 / times, "total_us": total * 1e6 / times}


def _prepared(flush: Flush) -> Mapping[str, tuple[Operation, int]]:
    operations = {name: (make(), times) for name, (make, times) in WORKLOADS.items()}
    for operation, _ in operations.values():
        for _ in range(WARM_UP):
            operation()
    flush()
    return operations


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found


def _say(answer: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Answer standard input, line by line, until it ends."""
    warnings.simplefilter("ignore")
    name, sink = sys.argv[1:]
    llama_index.core.global_tokenizer = str.split  # the default one fetches a file
    try:
        flush = CONTESTANTS[name](sink)
    except ImportError as missing:
        _say({"missing": str(missing)})
        return
    operations = _prepared(flush)
    _say({"ready": name, "versions": _versions()})
    for line in sys.stdin:
        asked = line.strip()
        if asked.startswith("leak "):
            _say(leak(int(asked.removeprefix("leak ")), flush=flush))
        else:
            operation, times = operations[asked]
            _say(slot(operation, times=times, flush=flush))


if __name__ == "__main__":
    main()
