"""What a namespace needs for runs, as manifests, and a look at the way from here to a fetched result."""
