"""Names of brands and stores for pictures, kept apart where two of them look alike."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ..menus.state_arrays import TEXT

BUSINESS = "business level"
# Stands between a name and the id behind it, which keeps two of the same name apart; only the name is shown.
_APART = "\n"
# What fits beside a picture; of a store's two names the branch is what tells the stores of a brand apart.
_LONGEST = 44
_LONGEST_BRANCH = 24


@dataclass(frozen=True)
class Labels:
    """The titles of brands and branches, as far as they are known."""

    brands: dict[int, str]
    branches: dict[int, str]

    def brand_keys(self, rows: pd.DataFrame) -> pd.Series:
        """Return a key per row that says its brand; business rows have one of their own."""
        keys = {
            brand_id: key(self.brands.get(brand_id, f"brand {brand_id}"), brand_id)
            for brand_id in rows["brand_id"].dropna().unique()
        }
        return rows["brand_id"].map(keys).astype(TEXT).fillna(BUSINESS)

    def store_keys(self, rows: pd.DataFrame) -> pd.Series:
        """Return a key per row that says its store; business rows have one of their own."""
        pairs = zip(rows["brand_id"], rows["branch_id"], strict=True)
        keys = [BUSINESS if pd.isna(pair[0]) else key(self._store(*pair), pair) for pair in pairs]
        return pd.Series(keys, index=rows.index, dtype=TEXT)

    def _store(self, brand_id: int, branch_id: int) -> str:
        if brand_id in self.brands and branch_id in self.branches:
            branch = shorten(self.branches[branch_id], limit=_LONGEST_BRANCH)
            brand = shorten(self.brands[brand_id], limit=_LONGEST - len(" · ") - len(branch))
            return f"{brand} · {branch}"
        return f"{brand_id}/{branch_id}"


def read_labels(stores: pd.DataFrame | None) -> Labels:
    """Return the titles in a frame of `klikit_frames.stores`; without one, nothing but ids."""
    if stores is None:
        return Labels({}, {})
    return Labels(_titles(stores, "brand"), _titles(stores, "branch"))


def key(name: str, own_id: object) -> str:
    """Return a name with the id behind it that makes it unique."""
    return f"{name}{_APART}{own_id}"


def name_of(text: object) -> str:
    """Return the name in a key, short enough to stand beside a picture."""
    return shorten(str(text).partition(_APART)[0])


def shorten(text: str, *, limit: int = _LONGEST) -> str:
    """Return a text of at most `limit` characters, with a sign where it was cut."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _titles(stores: pd.DataFrame, kind: str) -> dict[int, str]:
    rows = stores[[f"{kind}_id", f"{kind}_title"]].drop_duplicates().dropna()
    return dict(rows.itertuples(index=False, name=None))
