"""The contract of a frame of toggles."""

from __future__ import annotations

import subprocess
import sys

# Each step of the loading begins another thread, so that none of them comes at a quiet moment.
LOAD = """
import sys, threading
import pandas as pd
from klikit_frames.frames.schemas import validate_toggles

toggles = pd.DataFrame({
    "entity_type": pd.Series(["item"], dtype="str"),
    "entity_id": [7],
    "scope": pd.Series(["business"], dtype="str"),
    "brand_id": pd.array([None], dtype="Int64"),
    "branch_id": pd.array([None], dtype="Int64"),
    "is_enabled": [False],
    "cascade_to_modifier_groups": [False],
    "cascade_brand_ids": pd.Series([()], dtype=object),
})
threads, errors = [], []

def work():
    try:
        validate_toggles(toggles)
    except Exception as error:
        errors.append(error)

class Watching:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.startswith("pandera") and len(threads) < 40:
            threads.append(threading.Thread(target=work))
            threads[-1].start()

sys.meta_path.insert(0, Watching)
work()
for thread in threads:
    thread.join()
print(len(threads) > 1, errors)
"""


def test_validate__from_many_threads_at_once_in_a_new_process() -> None:
    """Threads that need the contract while another loads it wait, as those of a new worker of a fleet do."""
    loaded = subprocess.run(
        [sys.executable, "-c", LOAD], capture_output=True, text=True, check=True, timeout=600
    )
    assert loaded.stdout == "True []\n"
