from __future__ import annotations

import os
import uuid

from spanmeter.instance import instance_id


def test_a_process_keeps_its_id_and_a_forked_one_gets_another() -> None:
    reading, writing = os.pipe()
    before = instance_id()
    child = os.fork()
    if child == 0:
        os.write(writing, instance_id().encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading) as told:
        theirs = told.read()

    assert instance_id() == before
    assert uuid.UUID(theirs) != uuid.UUID(before)
