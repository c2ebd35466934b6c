"""Names what this machine and its engine cannot run, before anything runs."""
