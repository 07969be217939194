"""Many businesses at once: each with its own credential, caps, journal and run; one table and one view.

`plan` splits a table by its column ``business``, `run` sends the plans side by side on threads or on any
executor, and `status` tells how the last run of each business ended.
"""

from .fleet_history import status
from .fleet_plans import plan
from .fleet_results import FleetResult
from .fleet_runs import run

__all__ = ["FleetResult", "plan", "run", "status"]
