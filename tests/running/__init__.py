"""Runs, from the journal to the result, held against the sandbox."""
