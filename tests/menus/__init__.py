"""Tests of reading menus."""
