"""Promises: timed rows that go on or off, and come back by themselves."""
