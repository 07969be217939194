"""Rows to requests; pure."""
