"""Reads and edits Argo's Workflow object: its tree of nodes, commands, answers to gates, retries."""
