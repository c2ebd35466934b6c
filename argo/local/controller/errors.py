"""Defines the error of a node that the controller cannot execute."""

from __future__ import annotations


class ReconcileError(Exception):
    """A node cannot be executed; the message becomes the node's (Argo: CodeBadRequest and its like)."""
