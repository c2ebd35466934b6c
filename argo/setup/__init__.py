"""Renders the manifests that a namespace needs for runs, and checks each step from here to a fetched result."""
