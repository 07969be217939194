"""What guests see."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import klikit_frames as kf
from tests.auditing.samples import in_store, state_of

A, B = (1, 1), (1, 2)


def _visibility(state: pd.DataFrame) -> list[list[object]]:
    cells = kf.effective(state)[["is_effective", "dark_because"]].to_numpy(dtype=object)
    return [["-" if pd.isna(cell) else cell for cell in row] for row in cells]


def test_effective__and_along_the_path() -> None:
    """An item is dark for the nearest thing above it that is off on each of its paths; stores do not mix."""
    state = state_of(
        in_store(A, "section", 1, False),
        in_store(A, "section", 2, True),
        in_store(A, "category", 3, True, path="1"),
        in_store(A, "category", 4, False, path="2"),
        in_store(A, "category", 5, True, path="1|2"),
        in_store(A, "item", 6, True, path="1/3"),
        in_store(A, "item", 7, True, path="2/4"),
        in_store(A, "item", 8, True, path="1/3|2/5"),
        in_store(A, "item", 9, False, path="2/5"),
        in_store(B, "section", 1, True),
        in_store(B, "category", 3, True, path="1"),
        in_store(B, "item", 6, True, path="1/3"),
    )
    assert _visibility(state) == [
        [False, "itself"],
        [True, "-"],
        [False, "section"],
        [False, "itself"],
        [True, "-"],
        [False, "section"],
        [False, "category"],
        [True, "-"],
        [False, "itself"],
        [True, "-"],
        [True, "-"],
        [True, "-"],
    ]


def test_effective__missing_flags() -> None:
    """What is not known stays unknown, unless something else on the path decides."""
    state = state_of(
        in_store(A, "section", 1, None),
        in_store(A, "category", 2, True, path="1"),
        in_store(A, "item", 3, True, path="1/2"),
        in_store(A, "item", 4, False, path="1/2"),
    )
    assert _visibility(state) == [["-", "-"], ["-", "-"], ["-", "-"], [False, "itself"]]


def test_effective__own_flag_of_an_item() -> None:
    """An item whose place is on but whose own flag is off is dark itself."""
    state = state_of(in_store(A, "item", 3, True)).assign(is_item_enabled=pd.array([False], dtype="boolean"))
    assert _visibility(state) == [[False, "itself"]]


def test_effective__category_without_a_section() -> None:
    """A path that begins with a category has no section above it that could be off."""
    state = state_of(in_store(A, "category", 2, False), in_store(A, "item", 3, True, path="2"))
    assert _visibility(state) == [[False, "itself"], [False, "category"]]


def test_effective__without_paths() -> None:
    """A state without paths says what it lacks."""
    with pytest.raises(kf.StateError, match="has no path_ids"):
        kf.effective(state_of().drop(columns="path_ids"))


def test_dark_categories__why() -> None:
    """A category is dark if it is off, if its section is, or if all of its items are; an empty one is not."""
    state = state_of(
        in_store(A, "section", 1, True),
        in_store(A, "section", 9, False),
        in_store(A, "category", 2, False, path="1"),
        in_store(A, "category", 3, True, path="9"),
        in_store(A, "category", 4, True, path="1"),
        in_store(A, "category", 5, True, path="1"),
        in_store(A, "category", 6, True, path="1"),
        in_store(A, "item", 7, False, path="1/4"),
        in_store(A, "item", 8, True, path="1/2|1/5"),
    )
    dark = kf.dark_categories(state)[["entity_id", "dark_because", "n_items", "n_items_on"]]
    assert dark.to_numpy().tolist() == [[2, "itself", 1, 1], [3, "section", 0, 0], [4, "all items", 1, 0]]


_FLAG = st.sampled_from([True, False, None])


@settings(max_examples=80, deadline=None)
@given(
    st.dictionaries(st.integers(1, 3), _FLAG, min_size=1),
    st.dictionaries(st.integers(1, 3), st.tuples(_FLAG, st.sets(st.integers(1, 3), min_size=1)), min_size=1),
    st.dictionaries(
        st.integers(1, 3),
        st.tuples(_FLAG, st.sets(st.tuples(st.integers(1, 3), st.integers(1, 3)))),
        min_size=1,
    ),
)
def test_effective__as_a_plain_loop_would(
    sections: dict[int, bool | None],
    categories: dict[int, tuple[bool | None, set[int]]],
    items: dict[int, tuple[bool | None, set[tuple[int, int]]]],
) -> None:
    """The vectorised answer is that of three-valued logic, path by path."""
    rows = [in_store(A, "section", id_, flag) for id_, flag in sections.items()]
    rows += [
        in_store(A, "category", id_, flag, path="|".join(map(str, sorted(above))))
        for id_, (flag, above) in categories.items()
    ]
    rows += [
        in_store(A, "item", id_, flag, path="|".join(f"{s}/{c}" for s, c in sorted(above)) or None)
        for id_, (flag, above) in items.items()
    ]
    order = {False: 0, None: 1, True: 2}
    expected = [order[flag] for flag in sections.values()]
    for flag, above in categories.values():
        expected.append(min(order[flag], max(order[sections.get(s, True)] for s in above)))
    for flag, paths in items.values():
        levels = [min(order[sections.get(s, True)], order[categories.get(c, (True,))[0]]) for s, c in paths]
        expected.append(min(order[flag], max(levels, default=2)))
    visible = kf.effective(state_of(*rows))["is_effective"]
    assert [order[None if pd.isna(flag) else bool(flag)] for flag in visible] == expected
