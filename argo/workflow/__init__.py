"""What may be done to a run, as edits of its Workflow object: commands, answers to gates, retries."""
