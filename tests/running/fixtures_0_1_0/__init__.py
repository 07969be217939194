"""A journal and two plan files as release 0.1.0 wrote them, with what it said of its runs.

They were made with that release against its own sandbox, and then given the names ``ani`` and ``laptop``, the
host ``127.0.0.1:1``, and a VACUUM. ``about.json`` has the ids of the runs by name, ``NAME.json`` the result
frame that 0.1.0 gave for each:

- ``finished``: four sections switched off business-wide, planned with a state (``with_state.plan.json``);
- ``interrupted``: twelve items in requests of their own (``plain.plan.json``), stopped by Ctrl-C after two;
- ``split``: a foreign id among six items of a store, so that the request was split, and two items
  business-wide that met a stored 502; with flags read before the run;
- ``proven``: two sections whose answer was lost (the connection was reset after each attempt); the time of
  the request was then moved back by 30 hours, and resuming settled it by reading back;
- ``killed``: twelve items in requests of their own; the process was killed after it had sent the fifth, so
  the run is still ``running``, with one request sent and not answered.
"""
