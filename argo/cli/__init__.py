"""The `argosy` command: one lazily imported module a group of commands."""

from argo.cli.main import main

__all__ = ["main"]
