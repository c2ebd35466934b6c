"""Pictures of DAGs and runs: a graph from a Workflow, and its Mermaid, DOT and SVG forms."""
