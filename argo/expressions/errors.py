"""The mistakes that templates, expressions and conditions can hold."""

from __future__ import annotations


class ExpressionError(ValueError):
    """An expression that cannot be read or evaluated; `offset` counts characters from its start."""

    def __init__(self, message: str, offset: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


class TemplateError(ValueError):
    """A `{{…}}` tag that cannot be replaced.

    `missing` tells a variable that is not known yet (Argo waits for it) from a mistake which stays one
    (Argo: util/template/replace.go, IsMissingVariableErr).
    """

    def __init__(self, message: str, *, missing: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.missing = missing


class WhenError(ExpressionError):
    """A `when` condition that cannot be read, or that is not a boolean."""


class DependsError(ExpressionError):
    """A `depends` condition that cannot be read, or that is not a boolean."""
