"""The Workflow API and the EDC provisioner: consumers, their inputs, runs and results, over any backend."""
