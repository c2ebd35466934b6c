"""Argo's languages inside of texts: `{{…}}` templates, expr-lang, `when`, `depends`, withSequence."""

from argo.expressions.depends import (
    Depends,
    TaskReference,
    parse_depends,
    task_depends,
    task_results,
)
from argo.expressions.errors import DependsError, ExpressionError, TemplateError, WhenError
from argo.expressions.evaluator import evaluate
from argo.expressions.sequence import resolve_sequence
from argo.expressions.template import substitute
from argo.expressions.when import evaluate_when

__all__ = [
    "Depends",
    "DependsError",
    "ExpressionError",
    "TaskReference",
    "TemplateError",
    "WhenError",
    "evaluate",
    "evaluate_when",
    "parse_depends",
    "resolve_sequence",
    "substitute",
    "task_depends",
    "task_results",
]
