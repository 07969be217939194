"""The sandbox, over plain HTTP."""
