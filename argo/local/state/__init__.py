"""The state of the runs on this machine: a database, what is kept in it beside runs, and the lock on a run."""
