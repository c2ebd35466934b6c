"""Runs on a cluster, through the Kubernetes API."""
