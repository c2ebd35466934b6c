"""Runs on a cluster, through its Argo Server."""
