"""Measuring on a machine that others use too."""

from __future__ import annotations

from collections.abc import Callable


def least(measure: Callable[[], float], *, below: float) -> float:
    """Return the least of up to three measurements: whoever else is at work here is not what is measured."""
    taken = [measure()]
    while min(taken) > below and len(taken) < 3:
        taken.append(measure())
    return min(taken)
