"""The process that supervises one pod and outlives the engine. Standard library only, and little of that."""
