"""Programs that run in pods, kept as they are sent there: on Python's standard library alone."""
