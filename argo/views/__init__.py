"""Follow a run: Workflow objects -> task trees, live or as plain lines."""
