"""What the engine tells and what the app may ask: plain frozen records, nothing else crosses the socket.

Requests and results are named in ``methods.METHODS``. Events are ``state.Snapshot`` (whole state, at most four a
second) and ``state.Notice``. Times are Unix seconds (float), durations seconds, sizes bytes, energy watt-hours; ε and
δ are floats. Sentences carry a stable ``code`` with ``args`` so that the app can translate them, and an English
``text``.
"""
