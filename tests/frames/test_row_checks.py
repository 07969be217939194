"""Valid rows held against each other and against a live menu."""

from __future__ import annotations

from collections import Counter

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.planning.plan import parse_plan
from tests.fixtures import wrong
from tests.frames.cases import lines

TIMED_HEAD = "item_id,store,is_enabled,Starts At,ends_at"
STATE = pd.DataFrame(
    {
        "entity_type": ["section", "item", "item", "item"],
        "entity_id": [1, 5, 6, 7],
        "path_ids": [None, "1/10|2/20", "3/30", None],
    }
)
HEAD = "entity_type,entity_id,scope,brand_id,branch_id,is_enabled"
MENUS = pd.DataFrame(
    [("item", 5, "store", 663, 1), ("item", 6, "store", 663, 2), ("item", 5, "business", None, None)],
    columns=["entity_type", "entity_id", "scope", "brand_id", "branch_id"],
).astype({"brand_id": "Int64", "branch_id": "Int64"})


@pytest.mark.parametrize(
    ("first", "second", "codes"),
    [
        ("2026-03-01T08:00,2026-03-01T10:00", "2026-03-01T10:00,2026-03-01T12:00", set()),
        ("2026-03-01T10:00,", ",2026-03-01T10:00", set()),
        ("2026-03-01T10:00+07:00,2026-03-01T11:00+07:00", "2026-03-01T04:00Z,2026-03-01T05:00Z", set()),
        ("2026-03-01T08:00,2026-03-01T10:00", "2026-03-01T09:59,2026-03-01T12:00", {"contradiction"}),
        ("2026-03-01T08:00,", "2026-03-02T08:00,", {"contradiction"}),
        (",", "2026-03-02T08:00,", {"contradiction"}),
        (",", ",", {"contradiction"}),
        ("soon,later", "soon,later", {"contradiction"}),
    ],
)
def test_times__opposite_flags(first: str, second: str, codes: set[str]) -> None:
    """Opposite flags contradict each other only where their times overlap."""
    checked = kf.check_toggles(lines(TIMED_HEAD, f"5,663/1,off,{first}", f"5,663/1,on,{second}"))
    assert set(checked.problems["code"]) == codes


def test_times__are_kept() -> None:
    """The columns come back under their own names, as they were written."""
    toggles = kf.read_toggles(
        lines(TIMED_HEAD, "5,663/1,off,2026-03-01T08:00,", "5,663/1,on,,2026-03-01T08:00")
    )
    assert toggles["starts_at"].tolist() == ["2026-03-01T08:00", ""]
    assert toggles["ends_at"].tolist() == ["", "2026-03-01T08:00"]


def test_times__duplicates() -> None:
    """The same flag at two times is no duplicate; at the same time it is."""
    rows = ["5,663/1,off,2026-03-01,2026-03-02", "5,663/1,off,2026-03-03,2026-03-04"]
    assert kf.check_toggles(lines(TIMED_HEAD, *rows)).problems.empty
    assert kf.check_toggles(lines(TIMED_HEAD, rows[0], *rows)).problems["code"].tolist() == ["duplicate"]


@pytest.mark.parametrize(
    ("section", "item", "rows"),
    [
        ("section,1,store,663,1,off", "item,5,store,663,1,on", [2]),
        ("section,2,store,663,1,on", "item,5,store,663,1,off", [2]),
        ("section,1,business,,,off", "item,5,store,663,1,on", [2]),
        ("section,1,store,663,1,off", "item,5,business,,,on", [2]),
        ("section,1,business,,,off", "item,5,business,,,on", [2]),
        ("section,1,store,663,1,off", "item,5,store,663,1,off", []),
        ("section,1,store,663,1,off", "item,5,store,664,1,on", []),
        ("section,1,store,663,1,off", "item,6,store,663,1,on", []),
        ("section,1,store,663,1,off", "item,7,store,663,1,on", []),
        ("category,1,store,663,1,off", "item,5,store,663,1,on", []),
    ],
)
def test_section__against_its_items(section: str, item: str, rows: list[int]) -> None:
    """An item row is warned of if a row for its own section says the opposite in the same place."""
    checked = kf.check_toggles(lines(HEAD, section, item), state=STATE)
    assert checked.is_valid
    assert checked.problems["row"].tolist() == rows
    assert set(checked.problems["code"]) <= {"section_and_item"}


def test_section__message_names_the_row() -> None:
    """The warning says where the section's row is."""
    content = lines(HEAD, "section,1,business,,,off", "item,5,store,663,1,on")
    problem = kf.check_toggles(content, state=STATE).problems.iloc[0]
    assert problem["message"] == "Its section is switched the other way in row 1 (line 2)."


def test_section__state_without_paths() -> None:
    """A state that does not say which items a section has raises no warnings."""
    content = lines(HEAD, "section,1,business,,,off", "item,5,store,663,1,on")
    assert kf.check_toggles(content, state=STATE.drop(columns="path_ids")).problems.empty


@pytest.mark.parametrize(
    "state",
    [
        STATE[STATE["entity_type"] != "item"],
        STATE.iloc[:0],
        STATE.assign(path_ids=None),
        STATE.assign(path_ids="nonsense"),
        STATE.assign(path_ids=1.5),
        STATE[["path_ids"]],
        STATE.astype({"path_ids": "string"}).assign(path_ids=wrong(pd.NA)),
    ],
    ids=["no items", "no rows", "no paths", "nonsense", "numbers", "no ids", "missing text"],
)
def test_section__state_that_tells_nothing(state: pd.DataFrame) -> None:
    """A state in which no item has a path that can be read raises no warnings and no error."""
    content = lines(HEAD, "section,1,business,,,off", "item,5,store,663,1,on")
    assert kf.check_toggles(content, state=state).is_valid


def test_section__live_state(client: kf.Client) -> None:
    """The state of the sandbox tells which items a section has."""
    state = kf.read_state(client)
    item = state[(state["entity_type"] == "item") & state["path_ids"].notna()].iloc[0]
    section_id = int(item["path_ids"].split("|")[0].split("/")[0])
    toggles = pd.concat(
        [
            kf.business_toggles("section", [section_id], is_enabled=False),
            kf.business_toggles("item", [item["entity_id"]], is_enabled=True),
        ],
        ignore_index=True,
    )
    assert kf.check_toggles(toggles, state=state).problems["code"].tolist() == ["section_and_item"]


def test_menu__rows_of_other_stores() -> None:
    """A row whose dish is not on the menu of its own store is a warning with the count by store."""
    content = lines(
        HEAD,
        "item,5,store,663,1,off",
        "item,6,store,663,1,off",
        "item,7,store,663,1,off",
        "item,7,store,663,2,off",
        "item,6,business,,,off",
        "item,7,store,664,1,off",
        "section,9,store,663,1,off",
    )
    checked = kf.check_toggles(content, state=MENUS)
    assert checked.is_valid
    assert len(checked.toggles) == 7
    problems = checked.problems[checked.problems["code"] == "not_on_menu"]
    assert problems[["row", "code", "message"]].to_numpy().tolist() == [
        [2, "not_on_menu", "Item 6 is not on the menu of store 663/1, like 1 other row."],
        [3, "not_on_menu", "Item 7 is not on the menu of store 663/1, like 1 other row."],
        [4, "not_on_menu", "Item 7 is not on the menu of store 663/2."],
        [5, "not_on_menu", "Item 6 is not on the business menu."],
    ]


def test_menu__modifier_options() -> None:
    """Options inside other items are on no menu by themselves, and are not warned of."""
    menus = MENUS.copy()
    menus.attrs["modifier_option_ids"] = (7,)
    checked = kf.check_toggles(lines(HEAD, "item,7,store,663,1,off"), state=menus)
    assert checked.problems.empty


def test_menu__live(client: kf.Client) -> None:
    """A dish crossed with all stores is warned of just where the sandbox's menus do not have it."""
    state = kf.read_state(client, stores=kf.stores(client).drop_duplicates("brand_id"))
    items = state[state["entity_type"] == "item"]
    item_id = Counter(items["entity_id"].tolist()).most_common()[-1][0]
    stores = items[["brand_id", "branch_id"]].drop_duplicates()
    selling = items[items["entity_id"] == item_id]
    toggles = kf.cross_toggles("item", [item_id], stores, is_enabled=False)
    problems = kf.check_toggles(toggles, state=state).problems
    assert len(problems) == len(stores) - len(selling) > 0
    assert set(problems["code"]) == {"not_on_menu"}


def test_plan__says_where_dishes_are_not_sold(client: kf.Client) -> None:
    """A plan with a state counts by store the rows that its menu does not have, and says so."""
    state = kf.read_state(client, stores=kf.stores(client).drop_duplicates("brand_id").head(3))
    items = state[state["entity_type"] == "item"]
    item_id = Counter(items["entity_id"].tolist()).most_common()[-1][0]
    stores = items[["brand_id", "branch_id"]].drop_duplicates(ignore_index=True)
    toggles = kf.cross_toggles("item", [item_id], stores, is_enabled=False)
    plan = kf.plan(toggles, state=state)
    selling = items.loc[items["entity_id"] == item_id, ["brand_id", "branch_id"]]
    others = stores.merge(selling, how="left", indicator=True).query("_merge == 'left_only'")
    expected = others.drop(columns="_merge").assign(n_rows=1).reset_index(drop=True)
    pd.testing.assert_frame_equal(
        plan.not_on_menu.drop(columns="scope"), expected, check_dtype=False, check_index_type=False
    )
    assert "not on the menu of" in str(plan)
    assert kf.plan(toggles).not_on_menu.empty
    pd.testing.assert_frame_equal(parse_plan(plan.dump()).not_on_menu, plan.not_on_menu)
    assert str(parse_plan(plan.dump())) == str(plan)


def test_places__of_any_id() -> None:
    """Rows for one place are found among the largest ids there are, also between other rows."""
    largest = 2**63 - 1
    rows = [(largest, largest, 1), (1, largest, largest), (largest, largest, 1), (largest, 1, largest)]
    table = pd.DataFrame(rows, columns=["item_id", "brand_id", "branch_id"]).assign(is_enabled=True)
    problems = kf.check_toggles(table).problems
    assert problems[["row", "code", "message"]].to_numpy().tolist() == [
        [3, "duplicate", "The row repeats row 1."]
    ]
