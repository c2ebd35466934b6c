"""The engine on this machine: executes Argo Workflow objects and keeps their state."""
