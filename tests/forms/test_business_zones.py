"""Whose clock a business may go by."""

from __future__ import annotations

from klikit_frames.forms.business_zones import business_zones


def test_business_zones__most_stores_first() -> None:
    """The country with most stores comes first, UTC last; what is no country is left out."""
    zones = business_zones(["ID", None, "bd", "bd", "XX", float("nan")])
    assert (zones[0], zones[1], zones[-1]) == ("Asia/Dhaka", "Asia/Jakarta", "UTC")


def test_business_zones__no_country() -> None:
    """Where no country is told there is UTC alone."""
    assert business_zones([]) == ["UTC"]
