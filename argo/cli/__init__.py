"""The `argosy` command: one lazily imported module a group of commands."""

from argo.cli.app import main

__all__ = ["main"]
