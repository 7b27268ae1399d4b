"""Examines the environment it runs in: would every call be counted once, with the right tokens and cents?

    python -m spanmeter.doctor [--import MODULE] [--send]

Prints one JSON object: `findings`, and the `sent` trace's id. `spanmeter doctor` runs it and says it in words.
What is replayed are answers in the providers' wire formats, written for this purpose. Nothing leaves the machine but
one OTLP request to the sidecar, empty unless `--send` is given.
"""
