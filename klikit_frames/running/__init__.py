"""Plans to results: the only place where client, journal and progress meet."""
