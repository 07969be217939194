"""What differs: a table from live flags, live flags from earlier ones, and stores from each other."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.frames.cell_keys import CELL_COLUMNS
from klikit_frames.frames.schemas import TOGGLE_COLUMNS
from tests.auditing.samples import business, frame_of, in_store, state_of

STORE = (5297, 1293)
A, B, C = (1, 1), (1, 2), (2, 2)
STATE = state_of(
    business("item", 7, True),
    business("item", 8, True),
    in_store(A, "item", 7, True),
    in_store(A, "item", 8, True),
    in_store(B, "item", 7, False),
    in_store(B, "item", 8, True),
    in_store(C, "item", 7, True),
    in_store(C, "item", 8, None),
    in_store(C, "item", 9, True),
)
MENUS = state_of(
    business("item", 7, False),
    business("item", 8, True),
    in_store(A, "item", 7, True),
    in_store(A, "item", 8, True),
    in_store(B, "item", 7, False),
    in_store(B, "item", 8, None),
    in_store(B, "item", 9, False),
)


def _toggles(*rows: tuple[str, int, tuple[int, int] | None, bool]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "entity_type": kind,
                "entity_id": entity_id,
                "scope": "store" if store else "business",
                "brand_id": store[0] if store else None,
                "branch_id": store[1] if store else None,
                "is_enabled": flag,
            }
            for kind, entity_id, store, flag in rows
        ]
    ).astype({"brand_id": "Int64", "branch_id": "Int64"})


def test_diff__every_change() -> None:
    """A row holds, differs, is in no menu that was read, or nobody knows."""
    state = state_of(
        business("item", 1, True),
        in_store(STORE, "item", 1, False),
        in_store(STORE, "item", 2, None),
        stores=(STORE, (1, 2)),
        n_business_rows=1,
    )
    toggles = _toggles(
        ("item", 1, None, True),
        ("item", 1, STORE, True),
        ("item", 2, STORE, True),
        ("item", 3, STORE, True),
        ("category", 1, None, True),
        ("item", 1, (1, 2), True),
        ("item", 1, (8, 8), True),
    )
    changes = kf.diff(toggles, state)
    expected = kf.read_toggles(toggles).assign(
        live=pd.array([True, False, None, None, None, None, None], dtype="boolean"),
        change=["already", "change", "unknown", "not_in_menu", "not_in_menu", "unknown", "not_in_menu"],
    )
    pd.testing.assert_frame_equal(changes, expected)


def test_diff__without_a_list_of_stores() -> None:
    """Without the business's list of stores, a store that was not read is not known, never foreign."""
    changes = kf.diff(_toggles(("item", 1, (8, 8), True)), state_of(business("item", 1, True)))
    assert changes["change"].tolist() == ["unknown"]


def test_diff__modifier_options() -> None:
    """A modifier option is an item of the business though no row of the state: not known, never refused."""
    state = state_of(business("item", 1, True), modifier_option_ids=(9,), n_business_rows=1)
    changes = kf.diff(_toggles(("item", 9, None, True), ("category", 9, None, True)), state)
    assert changes["change"].tolist() == ["unknown", "not_in_menu"]


def test_diff__part_of_the_business_level() -> None:
    """An entity that a part of the business level lacks is not known: the part that is gone may have it."""
    state = state_of(business("item", 1, True), n_business_rows=2)
    changes = kf.diff(_toggles(("item", 2, None, True)), state)
    expected = kf.read_toggles(_toggles(("item", 2, None, True))).assign(
        live=pd.array([None], dtype="boolean"), change=["unknown"]
    )
    pd.testing.assert_frame_equal(changes, expected)


def test_diff__own_columns_index_and_order() -> None:
    """Index, order and own columns are kept; an own column of such a name comes back beside ours."""
    toggles = _toggles(("item", 2, STORE, True), ("item", 1, STORE, False)).assign(live="mine", note="n")
    toggles.index = pd.Index([5, 5])
    changes = kf.diff(toggles, state_of(in_store(STORE, "item", 1, False), in_store(STORE, "item", 2, False)))
    assert changes.index.tolist() == [5, 5]
    assert changes["entity_id"].tolist() == [2, 1]
    assert changes[["input_live", "note", "live", "change"]].to_numpy().tolist() == [
        ["mine", "n", False, "change"],
        ["mine", "n", False, "already"],
    ]


def test_diff__no_rows() -> None:
    """No toggles make no rows, and an empty state knows nothing."""
    assert kf.diff(_toggles(("item", 1, None, True)).head(0), state_of()).empty
    assert kf.diff(_toggles(("item", 1, None, True)), state_of())["change"].tolist() == ["unknown"]


def test_diff__bad_toggles() -> None:
    """Bad rows are refused with all of their problems."""
    with pytest.raises(kf.InvalidToggles) as caught:
        kf.diff(_toggles(("menu", 1, None, True)), state_of())
    assert len(caught.value.problems)


@pytest.mark.parametrize(
    "change", [{"entity_type": "menu"}, {"entity_id": 0}, {"scope": "everywhere"}, {"brand_id": pd.NA}]
)
def test_diff__toggles_that_were_spoilt(change: dict[str, Any]) -> None:
    """Toggles that were checked once and spoilt since are refused like any others."""
    good = kf.read_toggles(_toggles(("item", 1, STORE, True)))
    with pytest.raises(kf.InvalidToggles):
        kf.diff(good.assign(**change).astype(good.dtypes.to_dict()), state_of())


def test_diff__no_state() -> None:
    """A frame that is no state is refused with the columns that it lacks."""
    with pytest.raises(kf.StateError, match="has no scope, title"):
        kf.diff(_toggles(("item", 1, None, True)), state_of().drop(columns=["scope", "title"]))


def test_drift__every_kind() -> None:
    """Every kind of change has its own name, and what is equal is left out."""
    before = state_of(
        business("item", 1, True),
        in_store(A, "item", 1, True),
        in_store(A, "item", 2, False),
        in_store(A, "item", 3, True),
        in_store(A, "item", 4, True),
        in_store(B, "item", 1, True),
    )
    after = state_of(
        business("item", 1, True),
        in_store(A, "item", 1, False),
        in_store(A, "item", 2, True),
        in_store(A, "item", 3, None),
        in_store(A, "item", 5, True),
        in_store(C, "item", 1, True),
    )
    expected = frame_of(
        [
            ("item", 1, "store", *A, "item 1", True, False, "switched_off"),
            ("item", 2, "store", *A, "item 2", False, True, "switched_on"),
            ("item", 3, "store", *A, "item 3", True, None, "unknown"),
            ("item", 5, "store", *A, "item 5", None, True, "appeared"),
            ("item", 1, "store", *C, "item 1", None, True, "not_read"),
            ("item", 4, "store", *A, "item 4", True, None, "gone"),
            ("item", 1, "store", *B, "item 1", True, None, "not_read"),
        ],
        [*CELL_COLUMNS, "title", "was", "now", "drift"],
    ).astype({"was": "boolean", "now": "boolean"})
    pd.testing.assert_frame_equal(kf.drift(before, after), expected)


def test_drift__of_a_state_with_itself() -> None:
    """Nothing drifts from itself, missing flags included."""
    state = state_of(business("item", 1, True), in_store(A, "item", 1, None))
    assert kf.drift(state, state).empty
    assert kf.drift(state.head(0), state.head(0)).empty


def test_drift__no_state() -> None:
    """A frame that is no state is refused."""
    with pytest.raises(kf.StateError, match="A state is needed"):
        kf.drift(state_of(), pd.DataFrame())


def test_mixed__on_here_off_there() -> None:
    """Only entities that differ between stores are listed, with the smaller side in words."""
    expected = frame_of(
        [("item", 7, "item 7", 2, 1, 3, "off in 1 of 3 stores")],
        ["entity_type", "entity_id", "title", "n_on", "n_off", "n_stores", "where"],
    )
    pd.testing.assert_frame_equal(kf.mixed(STATE), expected)


def test_mixed__most_divided_first() -> None:
    """The most divided entity comes first; where few are on, that is what is said."""
    stores = [(1, n) for n in range(1, 6)]
    rows = [in_store(store, "item", 1, place > 0) for place, store in enumerate(stores)]
    rows += [in_store(store, "item", 2, place < 2) for place, store in enumerate(stores)]
    assert kf.mixed(state_of(*rows))[["entity_id", "where"]].to_numpy().tolist() == [
        [2, "on in 2 of 5 stores"],
        [1, "off in 1 of 5 stores"],
    ]


def test_mixed__business_rows_alone() -> None:
    """Without store rows nothing is mixed."""
    assert kf.mixed(state_of(business("item", 7, True))).empty


def test_overrides__differ_from_the_business() -> None:
    """Store rows that differ from the business row are listed with its flag; unknown ones are not."""
    overrides = kf.overrides(STATE)
    expected = STATE.iloc[[4]].assign(business_is_enabled=pd.array([True], dtype="boolean"))
    pd.testing.assert_frame_equal(overrides, expected)


def test_overrides__without_business_rows() -> None:
    """Without business rows there is nothing to hold against, and the way to get them is named."""
    with pytest.raises(kf.StateError, match="with_business=True"):
        kf.overrides(state_of(in_store(A, "item", 7, True)))


def test_compare__two_stores() -> None:
    """Entities with other flags, and those of one menu only, are listed; equal ones are not."""
    differing = kf.compare_stores(STATE, store=B, other=C)
    expected = frame_of(
        [
            ("item", 7, "item 7", False, True, "differs"),
            ("item", 8, "item 8", True, None, "differs"),
            ("item", 9, "item 9", None, True, "only_other"),
        ],
        ["entity_type", "entity_id", "title", "is_enabled", "other_is_enabled", "difference"],
    ).astype({"other_is_enabled": "boolean"})
    pd.testing.assert_frame_equal(differing, expected, check_dtype=False)


def test_compare__store_that_was_not_read() -> None:
    """A store without rows in the state is named."""
    with pytest.raises(kf.StateError, match="no rows of store 9/9"):
        kf.compare_stores(STATE, store=A, other=(9, 9))


def _cells(toggles: pd.DataFrame) -> list[list[object]]:
    return (
        toggles[["entity_id", "scope", "brand_id", "branch_id", "is_enabled"]]
        .astype(object)
        .to_numpy()
        .tolist()
    )


def test_align__like_a_store() -> None:
    """Other stores take the pattern's flags, where both are known and differ."""
    assert _cells(kf.align(MENUS, like=A)) == [[7, "store", 1, 2, True]]


def test_align__like_the_business() -> None:
    """Stores take the business row's flags; business rows are left alone."""
    assert _cells(kf.align(MENUS, like="business")) == [[7, "store", 1, 1, False]]


def test_align__like_a_snapshot() -> None:
    """Every row, business rows included, takes the flag that it had in the snapshot."""
    earlier = MENUS.assign(is_enabled=~MENUS["is_enabled"]).iloc[[0, 2, 6]]
    assert _cells(kf.align(MENUS, like=earlier)) == [
        [7, "business", pd.NA, pd.NA, True],
        [7, "store", 1, 1, False],
        [9, "store", 1, 2, True],
    ]


def test_align__is_ready_for_a_plan() -> None:
    """What comes out is toggles, read as they are."""
    toggles = kf.align(MENUS, like=A)
    assert list(toggles.columns) == [*TOGGLE_COLUMNS, "title"]
    pd.testing.assert_frame_equal(kf.read_toggles(toggles), toggles)


def test_align__nothing_to_do() -> None:
    """States that are alike already need no toggle, and an empty plan can be made of none."""
    toggles = kf.align(MENUS, like=MENUS)
    assert toggles.empty
    assert kf.plan(toggles).n_requests == 0


@pytest.mark.parametrize(
    ("like", "said"),
    [
        ((9, 9), "no rows of store 9/9"),
        ("buisness", "or 'business'"),
        (pd.DataFrame(), "A state is needed"),
        (7, "not a store"),
    ],
)
def test_align__no_pattern(like: Any, said: str) -> None:
    """A pattern that is none is refused with what could be given."""
    with pytest.raises(kf.StateError, match=said):
        kf.align(MENUS, like=like)
