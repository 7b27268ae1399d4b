"""The reference workload: one RAG service over Python's own language reference, and a local provider for it."""
