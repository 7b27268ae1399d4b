"""The pages of the cost explorer, one module each."""
