"""Caps on requests."""

from __future__ import annotations

from typing import Any

import pytest

import klikit_frames as kf


@pytest.mark.parametrize("value", [0, -1, 2.5, "many", True])
def test_limits__refused(value: Any) -> None:
    """A cap that is no whole number of at least 1 is refused, and named."""
    with pytest.raises(kf.PlanError, match=r"max_cells is .*; a cap is a whole number of at least 1"):
        kf.Limits(max_cells=value)


@pytest.mark.parametrize("limits", [500, {"max_ids": 500}, None])
def test_limits__something_else(limits: Any) -> None:
    """What is not limits is refused by a plan, with what to write instead."""
    toggles = kf.business_toggles("item", [5], is_enabled=True)
    with pytest.raises(kf.PlanError, match=r"limits is .*; write them as kf\.Limits"):
        kf.plan(toggles, limits=limits)


@pytest.mark.parametrize(
    ("sides", "limits", "cost"),
    [
        ((501, 1), kf.Limits(), 2),
        ((10, 10), kf.Limits(5, 5), 4),
        ((10, 10), kf.Limits(None, None, 25), 4),
        ((3, 3), kf.Limits(None, None, 5), 3),
        ((7, 9), kf.Limits(1, 1), 63),
        ((7, 9), kf.Limits(None, None, None), 1),
    ],
)
def test_limits__cost(sides: tuple[int, int], limits: kf.Limits, cost: int) -> None:
    """A full rectangle is cut into the fewest pieces of a grid."""
    assert limits.cost(*sides) == cost
