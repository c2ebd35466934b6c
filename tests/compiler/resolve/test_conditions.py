"""`needs` and `when`: their grammars."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from compiler.program import Condition, Literal_, Needs
from compiler.refs import Ref
from compiler.resolve.logic import ExpressionError
from compiler.resolve.when import parse_when
from tests.compiler.resolve.conftest import Build


def _needs(build: Build, step: str, written: str) -> Needs | None:
    tasks = "  a: {asset: step}\n  b: {asset: step, foreach: [1, 2]}\n  c-d: {asset: step}\n"
    files = {
        "step.yaml": step,
        "dag.yaml": f"kind: Dag\nname: main\ntasks:\n{tasks}  z: {{asset: step, needs: {written}}}\n",
    }
    program, found = build(files)
    assert found == []
    return program.dags[0].tasks[-1].needs


def test_a_list_is_joined_by_and(build: Build, step: str) -> None:
    expected = Needs("and", operands=(Needs("task", "a"), Needs("task", "b", "AnySucceeded"), Needs("task", "c-d")))
    assert _needs(build, step, "[a, b.AnySucceeded, c-d]") == expected


def test_and_binds_closer_than_or(build: Build, step: str) -> None:
    a, b, c = Needs("task", "a"), Needs("task", "b", "Failed"), Needs("task", "c-d")
    expected = Needs("or", operands=(a, Needs("and", operands=(b, Needs("not", operands=(c,))))))
    assert _needs(build, step, '"a || b.Failed && !c-d"') == expected
    grouped = Needs("and", operands=(Needs("or", operands=(a, b)), c))
    assert _needs(build, step, '"(a || b.Failed) && c-d"') == grouped


MODE = Ref("params", "mode")
N = Ref("tasks", "a", "n")


def test_when_reads_comparisons_lists_and_booleans() -> None:
    text = "${{ params.mode }} in ['fast', \"it's\"] && "
    text += "!(${{ tasks.a.outputs.n }} <= -1.5e1 || ${{ params.mode }}) && true"
    assert parse_when(text) == Condition(
        "and",
        (
            Condition("in", (MODE, Literal_(("fast", "it's")))),
            Condition("not", (Condition("or", (Condition("<=", (N, Literal_(-15.0))), Condition("truth", (MODE,)))),)),
            Condition("truth", (Literal_(True),)),
        ),
    )


def test_when_keeps_escapes_and_a_literal_that_begins_a_reference() -> None:
    assert parse_when(r"${{ params.mode }} == 'a\'b\\c'") == Condition("==", (MODE, Literal_("a'b\\c")))


@given(st.text(alphabet="ab.&|!()= '\"<>$ {}[],0123", max_size=40))
def test_any_text_is_read_or_refused_at_a_place_in_it(text: str) -> None:
    try:
        parse_when(text)
    except ExpressionError as error:
        place = (error.start, error.end)
    else:
        place = (0, 0)
    assert 0 <= place[0] <= place[1] <= max(len(text), 1)


def test_deep_nesting_is_refused(build: Build, step: str) -> None:
    deep = "(" * 5000 + "a" + ")" * 5000
    files = {
        "step.yaml": step,
        "dag.yaml": f'kind: Dag\nname: main\ntasks:\n  a: {{asset: step}}\n  z: {{asset: step, needs: "{deep}"}}\n',
    }
    _, found = build(files)
    assert [item.code for item in found] == ["A214"]
