"""The time zones whose clocks a business may go by, from the countries of its stores."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path

UTC_NAME = "UTC"
_TABLE = "zone.tab"


def business_zones(countries: Iterable[object]) -> list[str]:
    """Return the time zones of countries, those of the country named most often first; UTC is the last.

    Reads the table of the time zone database, from this machine or from the package ``tzdata``; without
    either there is UTC alone. A country's largest zone comes first.

    Parameters
    ----------
    countries : iterable of str
        Codes of two letters, one for each store; others are left out.

    Examples
    --------
    >>> from klikit_frames.forms.business_zones import business_zones
    >>> business_zones(["ID", "ID", "BD"])
    ['Asia/Jakarta', 'Asia/Pontianak', 'Asia/Makassar', 'Asia/Jayapura', 'Asia/Dhaka', 'UTC']
    """
    named = [code for code in countries if isinstance(code, str)]
    ordered = sorted(dict.fromkeys(named), key=named.count, reverse=True)
    return [*(zone for code in ordered for zone in _zones_by_country().get(code.upper(), ())), UTC_NAME]


@cache
def _zones_by_country() -> dict[str, list[str]]:
    zones: dict[str, list[str]] = {}
    for line in _zone_table().splitlines():
        if not line.startswith("#") and line.count("\t") >= 2:
            code, _, zone, *_ = line.split("\t")
            zones.setdefault(code, []).append(zone)
    return zones


def _zone_table() -> str:
    return next(_tables(), "")


def _tables() -> Iterator[str]:
    for folder in zoneinfo.TZPATH:
        path = Path(folder) / _TABLE
        if path.is_file():
            yield path.read_text(encoding="utf-8")
    try:
        yield (files("tzdata") / "zoneinfo" / _TABLE).read_text(encoding="utf-8")
    except (ModuleNotFoundError, FileNotFoundError):
        return
