"""Figures: printed for people, never asserted in tests."""
