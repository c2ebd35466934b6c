"""Run pods on this machine: each in a directory of its own, supervised by a process that outlives the engine."""
