"""Argo's languages inside of texts: `{{…}}` templates, expr-lang, `when`, `depends`, withSequence."""

from argo.local.expressions.depends import (
    Depends,
    TaskReference,
    parse_depends,
    task_depends,
    task_results,
)
from argo.local.expressions.errors import DependsError, ExpressionError, TemplateError, WhenError
from argo.local.expressions.evaluator import evaluate
from argo.local.expressions.sequence import resolve_sequence
from argo.local.expressions.template import substitute
from argo.local.expressions.when import evaluate_when

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
