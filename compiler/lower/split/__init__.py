"""Splits a DAG that is too large for one Workflow into a parent and child Workflows."""
