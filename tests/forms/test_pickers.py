"""The pickers without a browser: commands in, keys out."""

from __future__ import annotations

import threading

import pandas as pd
import pytest
from IPython.core.formatters import DisplayFormatter

import klikit_frames as kf
from klikit_frames.forms.base_widget import Command
from tests.forms.sample_states import business_state, store_state


@pytest.fixture
def picker() -> kf.forms.EntityPicker:
    """A picker of four entities, two to a page."""
    return kf.forms.EntityPicker(business_state(), page_size=2)


def give(picker: kf.forms.EntityPicker, **command: object) -> None:
    """Hand over one command as the page does."""
    picker.commands = [{**command, "seq": picker.done + 1}]


def keys(*pairs: tuple[str, int]) -> pd.DataFrame:
    """Return entity keys as the picker does."""
    frame = pd.DataFrame(pairs, columns=["entity_type", "entity_id"])
    return frame.astype({"entity_type": "str", "entity_id": "int64"})


def test_entity_picker__keys_as_frame(picker: kf.forms.EntityPicker) -> None:
    """What is ticked comes out as keys, in the order of the state."""
    give(picker, type="tick", key="item:9", on=True)
    give(picker, type="tick", key="category:1", on=True)
    pd.testing.assert_frame_equal(picker.selected, keys(("category", 1), ("item", 9)))


def test_entity_picker__nothing_ticked(picker: kf.forms.EntityPicker) -> None:
    """Nothing ticked is an empty frame with the same columns and dtypes."""
    pd.testing.assert_frame_equal(picker.selected, keys())


def test_entity_picker__ticked_from_python(picker: kf.forms.EntityPicker) -> None:
    """Keys can be handed in; the page shows them, and undo takes them back."""
    picker.selected = keys(("item", 7), ("item", 12345))
    assert (picker.n_ticked, picker.rows[1]["ticked"]) == (1, True)
    give(picker, type="undo")
    pd.testing.assert_frame_equal(picker.selected, keys())


def test_entity_picker__counts_are_traits(picker: kf.forms.EntityPicker) -> None:
    """Counts can be observed, and what is ticked but hidden is among them."""
    seen: list[int] = []
    picker.observe(lambda change: seen.append(change["new"]), names="n_hidden")
    give(picker, type="tick", key="item:7", on=True)
    give(picker, type="filter", name="type", choice="category")
    assert (seen, picker.n_ticked, picker.n_matching, picker.n_rows) == ([1], 1, 1, 4)


def test_entity_picker__one_at_a_time() -> None:
    """A filter that is chosen while a thread looks at the rows again comes after that, and counts."""
    seen: list[str] = []

    class Slow(kf.forms.EntityPicker):
        def draw(self) -> None:
            if threading.current_thread().name == "looking":
                pressing.start()
                pressing.join(0.1)
                seen.append("drawn")
            super().draw()

        def apply_command(self, command: Command) -> None:
            seen.append("chosen")
            super().apply_command(command)

    def choose() -> None:
        give(picker, type="filter", name="type", choice="category")

    picker = Slow(business_state(), page_size=2)
    looking = threading.Thread(target=picker.redraw, name="looking")
    pressing = threading.Thread(target=choose)
    looking.start()
    looking.join()
    pressing.join()
    assert (seen, picker.n_matching) == (["drawn", "chosen"], 1)


def test_entity_picker__late_commands_once(picker: kf.forms.EntityPicker) -> None:
    """Commands that the page sends again while it waits are carried out once, in their order."""
    first = {"type": "tick", "key": "item:7", "on": True, "seq": 1}
    picker.commands = [first]
    picker.commands = [{"type": "invert", "seq": 2}, first]
    assert picker.done == 2
    pd.testing.assert_frame_equal(picker.selected, keys(("category", 1), ("item", 8), ("item", 9)))


@pytest.mark.parametrize(
    "command", [{}, {"type": "nope"}, {"type": "tick", "key": 7, "on": True}, {"type": "turn", "step": "2"}]
)
def test_entity_picker__senseless_commands(picker: kf.forms.EntityPicker, command: dict[str, object]) -> None:
    """A command that makes no sense changes nothing."""
    rows = picker.rows
    give(picker, **command)
    assert picker.rows == rows


def test_entity_picker__pages(picker: kf.forms.EntityPicker) -> None:
    """The page gets one page of rows, and the next on demand."""
    give(picker, type="turn", step=1)
    assert [row["key"] for row in picker.rows] == ["item:8", "item:9"]
    give(picker, type="tick_page")
    pd.testing.assert_frame_equal(picker.selected, keys(("item", 8), ("item", 9)))


def test_entity_picker__ids_beyond_the_page(picker: kf.forms.EntityPicker) -> None:
    """An id above 2^53, which no page can count to, comes out unchanged."""
    state = business_state().assign(entity_id=[9007199254740993, 7, 8, 9])
    large = kf.forms.EntityPicker(state)
    give(large, type="tick", key=large.rows[0]["key"], on=True)
    pd.testing.assert_frame_equal(large.selected, keys(("category", 9007199254740993)))


def test_entity_picker__leaves_the_frame_alone() -> None:
    """The frame that was handed in is not changed."""
    state = business_state()
    kf.forms.EntityPicker(state)
    pd.testing.assert_frame_equal(state, business_state())


def test_entity_picker__static_faces(picker: kf.forms.EntityPicker) -> None:
    """Where no widget can be drawn there is a first page in HTML, escaped, and text for a terminal."""
    state = business_state().assign(title="<b>Rice</b>")
    data, _ = DisplayFormatter().format(kf.forms.EntityPicker(state))
    assert "application/vnd.jupyter.widget-view+json" in data
    assert "&lt;b&gt;Rice" in data["text/html"]
    assert "<script" not in data["text/html"]
    assert repr(picker).splitlines()[0] == (
        "EntityPicker: 0 ticked. 4 of 4 entities match. To tick rows here, install ipywidgets and anywidget "
        "where the notebook runs."
    )
    assert "Noodles" in repr(picker)


def test_store_picker__keys_as_frame() -> None:
    """Ticked stores come out as pairs."""
    picker = kf.forms.StorePicker(store_state())
    give(picker, type="filter", name="brand", choice="2")
    give(picker, type="tick_matching")
    pd.testing.assert_frame_equal(picker.selected, pd.DataFrame({"brand_id": [2], "branch_id": [11]}))


def test_picker__what_it_cannot_show(picker: kf.forms.EntityPicker) -> None:
    """A page without rows and keys without their columns are refused in words."""
    with pytest.raises(kf.ConfigError, match="A page has 1 row or more, not 0"):
        kf.forms.StorePicker(store_state(), page_size=0)
    with pytest.raises(kf.ConfigError, match=r"no column entity_id\. Hand over what the property selected"):
        picker.selected = keys(("item", 7)).drop(columns="entity_id")


def test_picker__empty_frame() -> None:
    """A picker of nothing says so, and does not send anybody to the filters."""
    picker = kf.forms.EntityPicker(business_state().head(0))
    assert repr(picker) == "EntityPicker: There are no entities to tick."
    assert picker.summary == "There are no entities to tick."
