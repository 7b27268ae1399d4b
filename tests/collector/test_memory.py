from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
from pathlib import Path

def resident():
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) // 1024

from spanmeter_collector.memory import prepare_memory, return_engine_code
from spanmeter_collector.store import Store

prepare_memory()
store = Store.open("chdb://" + sys.argv[1])
before = resident()
return_engine_code()
after = resident()
found = store.known("spans", [(bytes(16), bytes(8))], since_ns=0, until_ns=1)
store.close()
print(before - after > 30, len(found), [sys.modules[name] for name in ("pandas", "pyarrow")])
"""


def test_the_engine_gives_back_memory_and_still_answers(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, f"{tmp_path}/store"], capture_output=True, text=True, check=True
    )

    assert ended.stdout == "True 0 [None, None]\n"
