"""The human view: what goes off and on, by brand, store and name, and what was not done, by cause."""

from __future__ import annotations

import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.html import overview_html
from klikit_frames.overview import BUSINESS, Names, make_overview, proof_overview, read_names
from tests.fixtures import column, wrong

STORES = [(1, 11), (1, 12), (1, 13), (2, 11)]
NAMES = Names({("item", 7): "Bakso", ("section", 3): "Lunch"}, {1: "Warung", 2: "Kedai"}, {11: "Dago"})


def _toggles() -> pd.DataFrame:
    return pd.concat(
        [
            kf.cross_toggles("item", [7], STORES[:2], is_enabled=False),
            kf.cross_toggles("item", [7], STORES[2:3], is_enabled=True),
            kf.cross_toggles("item", [8], STORES[3:], is_enabled=False),
            kf.business_toggles("section", [3], is_enabled=True),
        ],
        ignore_index=True,
    )


def test_headline__says_what_goes_off_and_on_and_where() -> None:
    """Different dishes are counted, off before on, business-wide ones apart."""
    assert (
        make_overview(_toggles(), NAMES).headline
        == "2 dishes off in 3 stores, 1 dish on in 1 store; 1 section on business-wide"
    )


def test_headline__of_nothing() -> None:
    """A table that changes nothing says so."""
    assert make_overview(_toggles().head(0), NAMES).headline == "Nothing goes off or on"


@pytest.mark.parametrize(
    ("outcomes", "headline"),
    [
        (["unknown", "unknown"], "Not known: 2 dishes off in 1 store"),
        (["applied", "unknown"], "1 dish off in 1 store; not known: 1 dish off in 1 store"),
        (["rejected", "applied"], "1 dish off in 1 store"),
        (["rejected", "not_sent"], "Nothing goes off or on"),
    ],
)
def test_headline__of_a_run_tells_what_may_have_been_written(outcomes: list[str], headline: str) -> None:
    """What no answer settles is no more said to have stayed than to have changed."""
    rows = kf.cross_toggles("item", [7, 8], [(1, 11)], is_enabled=False)
    overview = make_overview(rows.assign(outcome=outcomes, code=None, message=None), NAMES)
    assert overview.headline == headline


@pytest.mark.parametrize(
    "code", ["auth_missing", "auth_invalid_credential", "auth_revoked", "auth_forbidden"]
)
def test_cures__of_a_refused_credential_are_of_the_credential(code: str) -> None:
    """Every code of a 401 or 403 has a cure that a resume can follow."""
    rows = kf.cross_toggles("item", [7], [(1, 11)], is_enabled=False)
    view = make_overview(rows.assign(outcome="failed", code=code, message="no"), NAMES)
    assert view.trouble["cure"].tolist()[0].endswith("Mend it, then resume the run.")


def test_proof_overview__says_why_nothing_is_proved() -> None:
    """A row that was not written is not said to be unreadable, nor the other way round."""
    rows = kf.cross_toggles("item", [7, 8], [(1, 11)], is_enabled=False)
    proof = rows.assign(outcome=["rejected", "applied"], code=None, message=None, proof=None, proof_note=None)
    messages = proof_overview(proof, NAMES).trouble["message"].tolist()
    assert messages == [
        "the run did not write it, so there is nothing to prove",
        "its menu could not be read, or has it no more",
    ]


def test_entities__tell_mixed_states_in_words() -> None:
    """A dish that goes off in some stores and on in others is one line."""
    entities = make_overview(_toggles(), NAMES).entities
    pd.testing.assert_frame_equal(
        entities,
        pd.DataFrame(
            [
                [BUSINESS, "Lunch (section)", "on business-wide"],
                ["Warung", "Bakso", "off in 2, on in 1 of 3 stores"],
                ["Kedai", "item 8", "off in 1 store"],
            ],
            columns=["brand", "title", "where"],
            dtype="str",
        ),
    )


def test_places__count_by_store_and_by_brand() -> None:
    """Stores are named by their branch, else by their ids; business-wide stands first."""
    view = make_overview(_toggles(), NAMES)
    assert view.places.to_numpy().tolist() == [
        [BUSINESS, BUSINESS, 0, 1, 0],
        ["Kedai", "Dago", 1, 0, 0],
        ["Warung", "1/12", 1, 0, 0],
        ["Warung", "1/13", 0, 1, 0],
        ["Warung", "Dago", 1, 0, 0],
    ]
    assert view.by_brand.to_numpy().tolist() == [
        [BUSINESS, BUSINESS, 0, 1, 0],
        ["Kedai", "1 store", 1, 0, 0],
        ["Warung", "3 stores", 2, 1, 0],
    ]


def test_trouble__is_told_once_a_cause_with_what_to_do() -> None:
    """Rows of one cause are one line with the first few by name; only applied rows count as switched."""
    rows = _toggles().assign(outcome="applied", code="ok", message=wrong(pd.NA))
    rows.loc[:3, ["outcome", "code", "message"]] = ["rejected", "resource_not_found", "No such item."]
    view = make_overview(rows, NAMES)
    assert view.headline == "1 section on business-wide"
    cause = view.trouble.iloc[0]
    assert (len(view.trouble), cause["n_rows"]) == (1, 4)
    assert cause["which"] == "Bakso in Dago; Bakso in 1/12; Bakso in 1/13; and 1 more"
    assert "Mend it in the table" in cause["cure"]
    assert view.places["n_trouble"].sum() == 4


def test_names__come_from_titles_that_are_there() -> None:
    """Blank titles, titles of another kind and frames without titles name nothing."""
    table = _toggles().assign(title=column("Bakso", None, "", 5.0, " Lunch "))
    assert read_names(table, None, _toggles()) == Names({("item", 7): "Bakso", ("section", 3): "Lunch"})


def test_names__survive_the_plan_file_and_the_run(sandbox: kf.sandbox.Sandbox) -> None:
    """A plan made with a state knows dishes, brands and stores by name, and so do its file and its result."""
    with sandbox.connect() as client:
        stores = kf.stores(client).head(2)
        state = kf.read_state(client, stores=stores)
        rows = state[state["entity_type"].eq("item") & state["is_enabled"]].head(1)
        toggles = rows[["entity_type", "entity_id", "scope", "brand_id", "branch_id"]].assign(
            is_enabled=False
        )
        plan = kf.plan(toggles, state=state)
        result = kf.run(plan, client)
    titles = [rows["title"].iloc[0], stores["brand_title"].iloc[0], stores["branch_title"].iloc[0]]
    from klikit_frames.planning.plan import parse_plan

    for view in (plan.overview, parse_plan(plan.dump()).overview, result.overview):
        shown = [view.entities["title"][0], view.entities["brand"][0], view.places["store"][0]]
        assert shown == titles


def test_html__folds_brands_and_runs_nothing() -> None:
    """The page's own colours, a fold per brand, everything escaped."""
    view = make_overview(_toggles(), Names({("item", 7): "<script>x</script>"}))
    html = overview_html(view)
    assert html.count("<details") == 3
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "#" not in html.replace("&#", "")
