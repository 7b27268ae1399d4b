"""The sidecar: OTLP in, a ledger of charges, an API and metrics out, and the `spanmeter` command."""
