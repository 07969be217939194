"""What guests will see differently, against an oracle that walks every path by hand."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import klikit_frames as kf
from tests.auditing.samples import Row, business, in_store, state_of
from tests.fixtures import column

A, B = (1, 1), (1, 2)
SECTIONS, CATEGORIES, ITEMS = (1, 2), (3, 4), (5, 6, 7)
_FLAGS = st.lists(st.booleans(), min_size=7, max_size=7)
_PATHS = st.sampled_from(["1/3", "1/4", "2/4", "1/3|2/4", "1/4|2/3", "1/3|1/4"])
_TARGETS = st.dictionaries(st.tuples(st.sampled_from([A, B]), st.integers(1, 7)), st.booleans(), max_size=8)
_KINDS = {
    **dict.fromkeys(SECTIONS, "section"),
    **dict.fromkeys(CATEGORIES, "category"),
    **dict.fromkeys(ITEMS, "item"),
}


def _toggles(*rows: tuple[str, int, tuple[int, int], bool]) -> pd.DataFrame:
    cells = [(kind, entity_id, *store, flag) for kind, entity_id, store, flag in rows]
    return pd.DataFrame(cells, columns=["entity_type", "entity_id", "brand_id", "branch_id", "is_enabled"])


def _lines(frame: pd.DataFrame) -> list[tuple[object, ...]]:
    shown = frame[["entity_id", "branch_id", "was_visible", "is_visible", "because"]]
    return [tuple(row) for row in shown.to_numpy(dtype=object).tolist()]


def _oracle(flags: dict[int, bool], after: dict[int, bool], item: int, path: str) -> tuple[bool, bool, str]:
    """Return whether guests saw an item and see it then, and the nearest switch that decides it."""
    paths = [tuple(map(int, part.split("/"))) for part in path.split("|")]

    def is_seen(on: dict[int, bool]) -> bool:
        return on[item] and any(on[section] and on[category] for section, category in paths)

    was, will = is_seen(flags), is_seen(after)
    bright, dark = (flags, after) if was else (after, flags)
    is_open = [(section, category) for section, category in paths if bright[section] and bright[category]]
    if not dark[item]:
        return was, will, "item"
    return was, will, "category" if any(not dark[category] for _, category in is_open) else "section"


@given(st.tuples(_FLAGS, _FLAGS), st.tuples(_PATHS, _PATHS, _PATHS), _TARGETS)
@settings(max_examples=12, deadline=None)
def test_effect__is_what_a_walk_along_every_path_finds(
    drawn: tuple[list[bool], list[bool]],
    paths: tuple[str, str, str],
    targets: dict[tuple[tuple[int, int], int], bool],
) -> None:
    """Each dish whose visibility changes is listed once per store, with the nearest cause, and no other."""
    of_item = dict(zip(ITEMS, paths, strict=True))
    flags = {store: dict(enumerate(on, start=1)) for store, on in zip((A, B), drawn, strict=True)}
    above = {3: "1|2", 4: "1|2"} | of_item
    rows: list[Row] = [
        in_store(store, _KINDS[n], n, on[n], path=above.get(n)) for store, on in flags.items() for n in on
    ]
    toggles = _toggles(*((_KINDS[n], n, store, flag) for (store, n), flag in targets.items()))
    expected = []
    for store, on in flags.items():
        after = on | {n: flag for (where, n), flag in targets.items() if where == store}
        for item, path in of_item.items():
            was, will, because = _oracle(on, after, item, path)
            if was != will:
                expected.append((item, store[1], was, will, because))
    state = state_of(*rows)
    assert sorted(_lines(kf.effect(toggles, state))) == sorted(expected)
    assert sorted(_lines(kf.effect(kf.plan(toggles, state=state), state))) == sorted(expected)


def _noodles() -> list[Row]:
    return [
        in_store(A, "section", 1, True),
        in_store(A, "category", 3, True, path="1"),
        in_store(A, "item", 5, True, path="1/3"),
        in_store(A, "item", 6, True, path="1/3"),
        in_store(B, "section", 1, True),
        in_store(B, "category", 3, True, path="1"),
        in_store(B, "item", 5, False, path="1/3"),
        in_store(B, "item", 6, True, path="1/3"),
    ]


def test_effect__whole_frame_with_sales() -> None:
    """What goes dark comes first, by its sales; what the menu tells of stock and providers stands behind."""
    state = state_of(*_noodles()).assign(
        path="Lunch › Noodles",
        is_in_stock=pd.array([None, None, True, True, None, None, False, True], dtype="boolean"),
        hidden_on=column(None, None, None, None, None, None, "6", None),
    )
    toggles = _toggles(("item", 5, A, False), ("item", 6, A, False), ("item", 5, B, True)).assign(
        sales=["10", " 250.5 ", ""]
    )
    effects = kf.effect(toggles, state)
    expected = pd.DataFrame(
        {
            "entity_id": [6, 5, 5],
            "title": ["item 6", "item 5", "item 5"],
            "path": ["Lunch › Noodles"] * 3,
            "brand_id": pd.array([1, 1, 1], dtype="Int64"),
            "branch_id": pd.array([1, 1, 2], dtype="Int64"),
            "was_visible": pd.array([True, True, False], dtype="boolean"),
            "is_visible": pd.array([False, False, True], dtype="boolean"),
            "because": ["item"] * 3,
            "is_in_stock": pd.array([True, True, False], dtype="boolean"),
            "hidden_on": [None, None, "6"],
            "sales": pd.array([250.5, 10, None], dtype="Float64"),
        }
    )
    pd.testing.assert_frame_equal(effects, expected, check_dtype=False)
    assert kf.summary(effects) == (
        "Guests no longer see 2 dishes in 1 store and see again 1 dish in 1 store. "
        "Then empty: 1 category (category 3 in 1/1). Then without any dish: 1 store (1/1). "
        "Sales at risk: 260, most of all item 6 in 1/1: 250; item 5 in 1/1: 10. "
        "Out of stock by the menu: 1 of 1 that come back. Hidden on some providers (6): 1 change. "
        "Not told here, since a menu does not tell it: opening hours, paused stores, stock that runs out."
    )
    assert kf.summary(effects[effects["branch_id"] == 2]).startswith(
        "Guests see again 1 dish in 1 store. Out of"
    )


def test_effect__pending_flags_are_live() -> None:
    """A dish that was switched off and is not published yet goes dark no second time."""
    state = state_of(*_noodles()).assign(pending=pd.array([None, None, False, *[None] * 5], dtype="boolean"))
    toggles = _toggles(("section", 1, A, False))
    assert _lines(kf.effect(toggles, state)) == [(6, 1, True, False, "section")]
    # A write changes both flags that an item has.
    state = state.assign(is_item_enabled=state["is_enabled"])
    assert _lines(kf.effect(_toggles(("item", 5, B, True)), state)) == [(5, 2, False, True, "item")]


def test_effect__business_rows_stay_at_the_business_level() -> None:
    """Which stores override a business row cannot be read, so no store is named."""
    state = state_of(business("section", 1, True), business("item", 5, True, path="1/3"), *_noodles())
    effects = kf.effect(kf.business_toggles("section", [1], is_enabled=False), state)
    assert effects[["entity_id", "because"]].values.tolist() == [[5, "section"]]
    assert effects["brand_id"].isna().all()
    assert "which stores override it, no menu tells" in kf.summary(effects)


def test_effect__what_is_not_known_is_not_told() -> None:
    """A flag that is missing, and a menu that was not read, are counted and not guessed."""
    rows = [
        in_store(A, "section", 1, True),
        in_store(A, "item", 5, None, path="1"),
        in_store(A, "item", 6, True),
    ]
    toggles = _toggles(("section", 1, A, False), ("item", 5, A, False), ("item", 5, B, False))
    effects = kf.effect(toggles, state_of(*rows))
    assert effects.empty
    assert kf.summary(effects) == (
        "Guests see every dish as before. Not told: 1 row of menus that were not read. "
        "Not told: 1 dish whose flag, or that of what stands above, is not known."
    )


def test_effect__refuses_what_is_no_state_and_no_number() -> None:
    """A state without paths, and sales that are no number, are named; a plan is made all the same."""
    toggles = _toggles(("item", 5, A, False)).assign(sales="many")
    state = state_of(*_noodles())
    with pytest.raises(kf.StateError, match="has no path_ids"):
        kf.effect(toggles, state.drop(columns="path_ids"))
    with pytest.raises(kf.InvalidToggles, match=r"'many' in row 1\. Write 1234\.5") as caught:
        kf.effect(toggles, state)
    assert caught.value.problems[["row", "column", "value"]].values.tolist() == [[1, "sales", "many"]]
    assert "sales has no number" in kf.plan(toggles, state=state).effect[-1]


def test_effect__of_a_plan_is_in_its_view_and_its_file(client: kf.Client, tmp_path: Path) -> None:
    """What a plan with a state does to guests stands in its view, and comes back with its file."""
    state = kf.read_state(client, stores=kf.stores(client).head(3), with_business=True)
    sections = state[(state["entity_type"] == "section") & (state["scope"] == "store")].head(4)
    plan = kf.plan(
        sections.assign(is_enabled=False)[
            ["entity_type", "entity_id", "brand_id", "branch_id", "is_enabled"]
        ],
        state=state,
    )
    seen = kf.effective(state)
    after = kf.effective(
        state.assign(is_enabled=state["is_enabled"].mask(state.index.isin(sections.index), other=False))
    )
    changed = state[(state["entity_type"] == "item") & seen["is_effective"].ne(after["is_effective"])]
    effects = kf.effect(plan, state)
    assert effects["entity_id"].tolist() == changed["entity_id"].tolist()
    assert effects["title"].tolist() == changed["title"].tolist()
    assert set(effects["because"]) == {"section"}
    assert plan.effect == tuple(plan.overview.facts[1:])
    assert " ".join(plan.effect) == kf.summary(effects)
    first = sections[["brand_id", "branch_id"]].iloc[0]
    assert effects.attrs["emptied_places"] == (tuple(first),)
    assert kf.load_plan(plan.save(tmp_path / "effect.plan.json")).effect == plan.effect
