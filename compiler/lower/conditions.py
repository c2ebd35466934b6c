"""Lowers `when` to a typed expression of Argo's, and `needs` with the data edges to `depends`.

A condition never pastes a value into the text that is evaluated (Argo's simple tags would): it is one expression over
variables, which gives `true` or `false`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from compiler.lower.text import constant, quote
from compiler.program import Condition, Literal_, Needs, leaves
from compiler.refs import Ref

Typing = Callable[[Ref], str]
Express = Callable[[Ref], str]
Operand: TypeAlias = "Condition | Ref | Literal_"


class Conditions:
    """Prints conditions; `express` gives a reference as an expression (variables are strings), `typing` its type."""

    def __init__(self, express: Express, typing: Typing) -> None:
        self._express = express
        self._typing = typing

    def when(self, condition: Condition) -> str:
        """The condition as an expression, without the tag around it."""
        op, operands = condition.op, condition.operands
        if op in ("and", "or"):
            return (" && " if op == "and" else " || ").join(self._nested(operand) for operand in operands)
        if op == "not":
            return f"!({self._bare(operands[0])})"
        if op == "truth":
            return self._bare(operands[0])
        left, right = operands[0], operands[1]
        if op == "in":
            return self._member(left, right)
        cast = self._cast(left, right)
        return f"{self._operand(left, cast)} {op} {self._operand(right, cast)}"

    def _nested(self, operand: Operand) -> str:
        text = self._bare(operand)
        return f"({text})" if isinstance(operand, Condition) and operand.op in ("and", "or") else text

    def _bare(self, operand: Operand) -> str:
        if isinstance(operand, Condition):
            return self.when(operand)
        return f"{self._operand(operand)} == 'true'"

    def _member(self, left: Operand, right: Operand) -> str:
        if isinstance(right, Literal_):
            cast = self._cast(left, *map(Literal_, right.value))
            return (
                f"{self._operand(left, cast)} in [{', '.join(self._operand(Literal_(v), cast) for v in right.value)}]"
            )
        return f"{self._operand(left)} in map(fromJSON({self._operand(right)}), string(#))"

    def _cast(self, *operands: Operand) -> str:
        """Return the type that all operands are converted to for a comparison: `int`, `float`, or empty for text."""
        kinds = {self._kind(operand) for operand in operands}
        if not kinds & {"int", "number"}:
            return ""
        return "int" if kinds == {"int"} else "float"

    def _kind(self, operand: Operand) -> str:
        if isinstance(operand, Ref):
            return self._typing(operand)
        value = operand.value if isinstance(operand, Literal_) else None
        if isinstance(value, bool) or not isinstance(value, int | float):
            return ""
        return "int" if isinstance(value, int) else "number"

    def _operand(self, operand: Operand, cast: str = "") -> str:
        if isinstance(operand, Condition):
            return f"({self.when(operand)} ? 'true' : 'false')"
        if isinstance(operand, Ref):
            text = self._express(operand)
            return f"{cast}({text})" if cast else text
        if cast and self._kind(operand):
            return repr(operand.value)
        text = quote(constant(operand.value))
        return f"{cast}({text})" if cast else text


def named(needs: Needs | None) -> dict[str, None]:
    """The tasks that a condition on tasks names, in their order."""
    return dict.fromkeys(leaf.task for leaf in leaves(needs))


def is_plain(needs: Needs | None) -> bool:
    """True where a condition is nothing but a list of tasks that have to end well."""
    if needs is None:
        return True
    if needs.op == "task":
        return not needs.condition
    return needs.op == "and" and all(is_plain(operand) for operand in needs.operands)


def depends(needs: Needs | None, data: Iterable[str], ends: Callable[[str], str]) -> str:
    """Argo's `depends`: the needs, and each task whose data is read. `ends` prints a task without a condition."""
    mentioned = named(needs)
    terms = [ends(name) for name in data if name not in mentioned]
    if needs is None:
        return " && ".join(terms)
    own = _print(needs, ends)
    return " && ".join((f"({own})" if terms and needs.op == "or" else own, *terms))


def _print(needs: Needs, ends: Callable[[str], str]) -> str:
    if needs.op == "task":
        return f"{needs.task}.{needs.condition}" if needs.condition else ends(needs.task)
    if needs.op == "not":
        inner = needs.operands[0]
        return f"!{_print(inner, ends)}" if inner.op == "task" else f"!({_print(inner, ends)})"
    joint = " && " if needs.op == "and" else " || "
    return joint.join(
        f"({_print(o, ends)})" if o.op in ("and", "or") and o.op != needs.op else _print(o, ends)
        for o in needs.operands
    )
