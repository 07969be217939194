"""States and stores for the tests of this folder."""

from __future__ import annotations

import pandas as pd


def business_state() -> pd.DataFrame:
    """Return a category and three items at business level."""
    return pd.DataFrame(
        {
            "entity_type": ["category", "item", "item", "item"],
            "entity_id": [1, 7, 8, 9],
            "scope": "business",
            "brand_id": pd.array([pd.NA] * 4, dtype="Int64"),
            "branch_id": pd.array([pd.NA] * 4, dtype="Int64"),
            "is_enabled": pd.array([True, True, False, None], dtype="boolean"),
            "title": ["Mains", "Rice", "Noodles", None],
            "sku": [None, "R-1", "N-1", "X-9"],
            "path": ["Lunch", "Lunch › Mains | Dinner › Mains", "Lunch › Mains", "Dinner › Mains"],
        }
    )


def store_state() -> pd.DataFrame:
    """Return two items in three stores of two brands; one cell is in no menu, one flag is not known."""
    cells = [(7, 1, 11, True), (7, 1, 12, False), (7, 2, 11, True), (8, 1, 11, None), (8, 2, 11, False)]
    return pd.DataFrame(
        {
            "entity_type": "item",
            "entity_id": [cell[0] for cell in cells],
            "scope": "store",
            "brand_id": pd.array([cell[1] for cell in cells], dtype="Int64"),
            "branch_id": pd.array([cell[2] for cell in cells], dtype="Int64"),
            "is_enabled": pd.array([cell[3] for cell in cells], dtype="boolean"),
            "title": ["Rice", "Rice", "Rice", "Noodles", "Noodles"],
        }
    )
