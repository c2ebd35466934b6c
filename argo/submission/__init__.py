"""From what was asked for to a run: its Workflow, its inputs, and sent exactly once"""
