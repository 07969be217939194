"""``df.klikit``: the functions of this package on a DataFrame at hand.

It is there once pandas and this package are imported, in either order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

import klikit_frames as kf

if TYPE_CHECKING:
    from .frames.toggles import CheckedToggles
    from .planning.plan import Plan


@pd.api.extensions.register_dataframe_accessor("klikit")
class KlikitAccessor:
    """A frame of toggles or of state, with what this package can do with it.

    As the last line of a notebook's cell it is the frame for people: what it comes to, by brand, store and
    name, problems by kind, and the whole of it folded, to search.

    Parameters
    ----------
    frame : pandas.DataFrame
        What the accessor stands on; it is never changed.

    Examples
    --------
    >>> import pandas as pd
    >>> toggles = pd.DataFrame({"entity_type": ["item"], "entity_id": [7], "brand_id": [5297],
    ...                         "branch_id": [1293], "is_enabled": ["off"]})
    >>> toggles.klikit.check().is_valid
    True
    >>> toggles.klikit.plan().n_requests
    1
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     state = kf.read_state(client, stores=toggles)
    >>> toggles.klikit.diff(state)["change"].tolist()
    ['not_in_menu']
    >>> state.klikit.pick().selected.empty
    True
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame

    def __repr__(self) -> str:
        from .auditing.summaries import frame_text

        return frame_text(self._frame)

    def _repr_html_(self) -> str:
        from .auditing.summaries import frame_html

        return frame_html(self._frame)

    def check(self) -> CheckedToggles:
        """Return `klikit_frames.check_toggles` of this frame; touches neither network nor disk."""
        return kf.check_toggles(self._frame)

    def plan(self, **options: Any) -> Plan:
        """Return `klikit_frames.plan` of this frame, with its options; touches neither network nor disk."""
        return kf.plan(self._frame, **options)

    def diff(self, state: pd.DataFrame) -> pd.DataFrame:
        """Return `klikit_frames.diff` of this frame and `state`; touches neither network nor disk."""
        return kf.diff(self._frame, state)

    def pick(self, **options: Any) -> kf.forms.EntityPicker:
        """Return `klikit_frames.forms.EntityPicker` of this frame, with its options."""
        return kf.forms.EntityPicker(self._frame, **options)
