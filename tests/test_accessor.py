"""`df.klikit`: thin over the functions."""

from __future__ import annotations

import subprocess
import sys

import pandas as pd
import pytest

import klikit_frames as kf
from tests.forms.sample_states import business_state, store_state

SAY = "print(hasattr(pandas.DataFrame, 'klikit'))"


@pytest.fixture
def toggles() -> pd.DataFrame:
    """One item off in two stores, as a person writes it."""
    rows = {"entity_type": "item", "entity_id": [7, 7], "brand_id": [1, 1], "branch_id": [11, 12]}
    return pd.DataFrame({**rows, "is_enabled": "off"})


def test_accessor__checks(toggles: pd.DataFrame) -> None:
    """`check` is `check_toggles`, problems included."""
    checked = toggles.assign(is_enabled=["off", "perhaps"]).klikit.check()
    assert checked.problems["value"].tolist() == ["perhaps"]


def test_accessor__plans(toggles: pd.DataFrame) -> None:
    """`plan` is `plan`, options included."""
    plan = toggles.klikit.plan(state=store_state(), combine=False)
    assert plan.digest == kf.plan(toggles, state=store_state(), combine=False).digest
    assert plan.counts["unchanged"] == 1


def test_accessor__diffs(toggles: pd.DataFrame) -> None:
    """`diff` is `diff`."""
    pd.testing.assert_frame_equal(toggles.klikit.diff(store_state()), kf.diff(toggles, store_state()))  # type: ignore[call-overload]


def test_accessor__picks() -> None:
    """`pick` is a picker on a state."""
    picker = business_state().klikit.pick(page_size=3)
    assert (picker.n_rows, len(picker.rows)) == (4, 3)


@pytest.mark.parametrize("imports", ["import pandas, klikit_frames", "import klikit_frames, pandas"])
def test_accessor__is_there(imports: str) -> None:
    """It is there once both libraries are, in either order, without a call to make."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"{imports}; {SAY}"], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_accessor__leaves_pandas_as_it_is() -> None:
    """The pandas at hand is loaded by its own loader, and nothing of the package stays among the finders."""
    code = """
import klikit_frames, sys
import pandas
print(type(pandas.__spec__.loader).__module__, [f for f in sys.meta_path if "klikit" in type(f).__module__])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "_frozen_importlib_external []\n"
