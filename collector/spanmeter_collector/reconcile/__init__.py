"""A provider's own account of a period, held against the ledger."""
