"""Rows to requests."""
