"""Texts and conditions in Argo's terms mean what the user wrote, whatever characters are in them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argo.expressions.errors import TemplateError
from argo.expressions.evaluator import evaluate
from argo.expressions.template import substitute
from argo.local.executors.environment import expand
from compiler.lower.artifacts import embeddable
from compiler.lower.conditions import Conditions, depends, is_plain, named
from compiler.lower.text import ArgumentStyle, ContainerStyle, constant, escape, expression, printed, quote, tag
from compiler.models.values import opens_template
from compiler.program import Condition, Literal_, Needs
from compiler.refs import Ref, Text

BRACES = st.sampled_from(["{", "}", "{{", "}}", "'", '"', "\\", "\n", "$", " ", "x", "é"])
USER = st.lists(BRACES, max_size=8).map("".join)
VALUES = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="{}"), max_size=8)


def _inputs(ref: Ref) -> tuple[str, ...]:
    return ("inputs", "parameters", ref.name)


def _argo(text: str, inputs: dict[str, str]) -> Any:
    """Both passes of workflow/common/util.go: SubstituteParams."""
    first = substitute(text, {"workflow.name": "w"}, allow_unresolved=True)
    known = {"workflow.name": "w", "inputs.parameters": "[]"} | inputs
    return substitute(first, known, allow_unresolved=True)


@given(st.lists(st.one_of(USER.filter(bool), st.just(Ref("params", "a-b")), st.just(Ref("params", "c"))), max_size=5))
def test_a_text_comes_out_as_it_was_written(parts: list[str | Ref]) -> None:
    merged: list[str | Ref] = []
    for part in parts:
        if isinstance(part, str) and merged and isinstance(merged[-1], str):
            merged[-1] += part
        else:
            merged.append(part)
    inputs = {"inputs.parameters.a-b": "VALUE", "inputs.parameters.c": "other"}
    expected = "".join(part if isinstance(part, str) else inputs[f"inputs.parameters.{part.name}"] for part in merged)
    assert _argo(printed(Text(tuple(merged)), _inputs), inputs) == expected


@given(USER)
def test_a_literal_comes_out_as_it_was_written(text: str) -> None:
    assert _argo(escape(text), {}) == text


BITS = st.sampled_from(
    ["$", "$(KEY)", "$(date)", "(KEY)", "$$", "{", "}", "}}", "{{workflow.name}}", "{{=1+1}}", "é", "'", " "]
)
HOSTILE = st.lists(BITS, max_size=8).map("".join)
GIVEN_VALUES = HOSTILE.filter(lambda text: not opens_template(text))


def _pod(text: str, inputs: dict[str, str], attempts: bool) -> str:
    """All that Argo and Kubernetes make of a container's text: the template's two substitutions (two more for an
    attempt of a retry), that of the pod, and the expansion of variables."""
    workflow = {"workflow.name": "w"}
    passes = [{"node.name": "n", "pod.name": "p"}]
    if attempts:
        passes = [{"node.name": "n"}, {"pod.name": "p", "retries": "0"}]
    for local in passes:
        text = substitute(text, workflow | local, allow_unresolved=True)
        text = substitute(text, workflow | local | inputs | {"inputs.parameters": "[]"}, allow_unresolved=True)
    text = substitute(text, workflow | inputs | {"pod.name": "p"}, allow_unresolved=True)
    return expand(text, {"KEY": "SECRET"})


A_B, C = Ref("params", "a-b"), Ref("params", "c")
PARTS = st.lists(st.one_of(HOSTILE.filter(bool), st.just(A_B), st.just(C)), max_size=5)


@given(PARTS, GIVEN_VALUES, GIVEN_VALUES, st.booleans(), st.booleans())
def test_the_text_of_a_container_comes_out_as_it_was_written(
    parts: list[str | Ref], first: str, second: str, attempts: bool, script: bool
) -> None:
    values = {"a-b": first, "c": second}
    inputs = {f"inputs.parameters.{name}": value for name, value in values.items()}
    expected = "".join(part if isinstance(part, str) else values[part.name] for part in parts)
    assert _pod(printed(Text(tuple(parts)), _inputs, ContainerStyle(of_template=script)), inputs, attempts) == expected


def test_a_script_keeps_what_it_calls_as_it_was_written() -> None:
    assert ContainerStyle(of_template=True).literal("echo $(date) $HOME $$ $$(x)") == "echo $(date) $HOME $$$$ $$$$(x)"


@pytest.mark.parametrize("text", ["echo pid=$$", "$(ARGO_POD_NAME)", "a$$b", "$é"])
def test_a_file_whose_dollars_kubernetes_would_read_is_uploaded(text: str) -> None:
    assert not embeddable(text.encode())
    assert embeddable(b"echo $(date) $HOME $1")


def test_what_a_task_gave_never_opens_a_template() -> None:
    ref = Ref("tasks", "a", "v")
    text = printed(ref, lambda ref: ("tasks", ref.name, "outputs", "parameters", ref.output), ArgumentStyle())
    key = "tasks.a.outputs.parameters.v"
    for value in ("}} { $$ $(KEY)", "dear {{name}},", '{"a": {"b": 1}}'):
        assert substitute(text, {key: value}, strict_prefixes=("tasks",)) == value
    for value in ("{{=1+1}}", "{{ workflow.name }}", "{{a{{item}}.b}}", "{{ and so on."):
        with pytest.raises(TemplateError, match="a value opens a template"):
            substitute(text, {key: value}, strict_prefixes=("tasks",))


@given(st.one_of(USER, VALUES))
def test_a_quoted_text_is_that_text(text: str) -> None:
    assert "{{" not in quote(text)
    assert "}}" not in quote(text)
    assert evaluate(quote(text), {}) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "true"), (3, "3"), (1.5, "1.5"), ("x", "x"), (None, ""), ([1, {"a": None}], '[1, {"a": null}]')],
)
def test_constants(value: Any, text: str) -> None:
    assert constant(value) == text


def test_variables() -> None:
    variable = ("tasks", "split-text", "outputs", "parameters", "index")
    assert tag(variable) == "{{tasks.split-text.outputs.parameters.index}}"
    assert expression(variable) == "tasks['split-text'].outputs.parameters.index"


# --- conditions

REF, OTHER = Ref("params", "x"), Ref("params", "y")


def _when(condition: Condition, type_: str, x: str, y: str = "") -> bool:
    printer = Conditions(lambda ref: expression(_inputs(ref)), lambda ref: type_)
    env = {"inputs": {"parameters": {"x": x, "y": y}}}
    result = evaluate(printer.when(condition), env)
    assert isinstance(result, bool)
    return result


@given(VALUES, VALUES)
def test_text_is_compared_as_text_and_never_evaluated(value: str, other: str) -> None:
    assert _when(Condition("==", (REF, Literal_(other))), "string", value) == (value == other)
    assert _when(Condition("!=", (REF, OTHER)), "string", value, other) == (value != other)
    assert _when(Condition("in", (REF, Literal_(("a", other)))), "string", value) == (value in ("a", other))


@given(st.integers(-(10**15), 10**15), st.integers(-(10**15), 10**15))
def test_whole_numbers_are_compared_as_numbers(value: int, other: int) -> None:
    assert _when(Condition("<", (REF, Literal_(other))), "int", str(value)) == (value < other)
    assert _when(Condition(">=", (REF, OTHER)), "int", str(value), str(other)) == (value >= other)
    assert _when(Condition("in", (REF, Literal_((1, other)))), "int", str(value)) == (value in (1, other))


@pytest.mark.parametrize(("type_", "literal", "value"), [("number", 2, "2.0"), ("", 2, "2"), ("int", 2.0, "2")])
def test_mixed_numbers_are_compared_as_floats(type_: str, literal: float, value: str) -> None:
    assert _when(Condition("==", (REF, Literal_(literal))), type_, value)


def test_truth_and_its_combinations() -> None:
    yes, no = Condition("truth", (REF,)), Condition("not", (Condition("truth", (REF,)),))
    assert _when(yes, "bool", "true")
    assert not _when(no, "bool", "true")
    both = Condition("and", (Condition("or", (no, yes)), Condition("==", (REF, Literal_(True)))))
    assert _when(both, "bool", "true")
    assert not _when(both, "bool", "false")


# --- depends

A, B, FAILED = Needs("task", "a"), Needs("task", "b"), Needs("task", "c", "Failed")


@pytest.mark.parametrize(
    ("needs", "data", "expected"),
    [
        (None, ("x", "y"), "x && y"),
        (A, ("x", "a"), "a && x"),
        (Needs("or", operands=(A, FAILED)), ("x",), "(a || c.Failed) && x"),
        (Needs("or", operands=(A, FAILED)), (), "a || c.Failed"),
        (
            Needs("and", operands=(Needs("or", operands=(A, B)), Needs("not", operands=(FAILED,)))),
            (),
            "(a || b) && !c.Failed",
        ),
        (Needs("not", operands=(Needs("and", operands=(A, B)),)), (), "!(a && b)"),
    ],
)
def test_depends(needs: Needs | None, data: tuple[str, ...], expected: str) -> None:
    assert depends(needs, data, lambda name: name) == expected


def test_plain_lists() -> None:
    both = Needs("and", operands=(A, B))
    assert (is_plain(both), list(named(both))) == (True, ["a", "b"])
    assert not is_plain(Needs("and", operands=(A, FAILED)))
    assert (is_plain(None), list(named(None))) == (True, [])
