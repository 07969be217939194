"""Many businesses at once: each with its own credential, caps, journal and run; one table and one view.

`plan` splits a table by its column ``business``, `run` sends the plans side by side on threads or on any
executor, `status` tells how the last run of each business ended, `tick` keeps the
promises of all, and `audit` holds their menus against what is wanted.
"""

from .each_business import FleetFrame, audit, status, tick
from .fleet_results import FleetResult
from .fleet_runs import plan, run

__all__ = ["FleetFrame", "FleetResult", "audit", "plan", "run", "status", "tick"]
