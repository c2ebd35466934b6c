"""The Argo Server's REST API over the runs of this machine."""
