"""Times of one clock: offsets that are near each other, and what stays whatever is told later."""

from __future__ import annotations

from datetime import timedelta

from klikit_frames.running.clock_offsets import align_clocks


def test_align_clocks__keeps_the_order_of_one_machine() -> None:
    """Offsets that the whole seconds of a header make are one clock; a clock that was set is another."""
    aligned = align_clocks([0.0, -1.0, 4.0, 86_400.3, 86_399.9, None])
    assert {aligned[one] for one in (None, 0.0, -1.0, 4.0)} == {timedelta(0)}
    assert aligned[86_400.3] == aligned[86_399.9]


def test_align_clocks__moves_nothing_by_what_is_told_later() -> None:
    """A clock that was set goes by the first offset that was told, not by one that is told afterwards."""
    first = align_clocks([3600.9, None])
    later = align_clocks([3600.9, None, 3600.1, -0.4, 3605.0])
    assert later[3600.9] == first[3600.9] == later[3600.1] == later[3605.0] == timedelta(seconds=3600.9)
