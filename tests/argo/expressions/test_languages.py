"""expr-lang and `when`: values as Go's own implementations give them (cases.json), and no surprise on any text."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argo.expressions.environment import environment, expand
from argo.expressions.errors import ExpressionError, WhenError
from argo.expressions.evaluator import evaluate
from argo.expressions.gojson import marshal, plain
from argo.expressions.lexer import tokenize
from argo.expressions.when import evaluate_when

CASES: dict[str, list[list[Any]]] = json.loads((Path(__file__).parent / "cases.json").read_text(encoding="utf-8"))
SCOPE = {"str": "text", "list": [{"n": 1.5, "k": "a"}, {"n": 2, "k": "b"}], "a": {"b": {"c": "deep"}}}

PIECES = st.sampled_from(
    "1 2.5 'a' \"b\" `c` nil true str list a.b.c # #index .x ( ) [ ] { } , ; : ? ?? ?. . .. + - * / % ** == != < <= "
    "&& || ! not in and or | map( filter( reduce( sort( let x = if else sprig.upper( toJSON( fromJSON( "
    "matches date( len( "
    "\\ ' \" /* // $env :: #acc 1e999 9223372036854775807 0x split( repeat( duration(".split()
)
ANY_TEXT = st.one_of(st.text(), st.lists(PIECES, max_size=25).map(" ".join))


@pytest.mark.parametrize(("text", "expected"), CASES["expr"], ids=lambda value: str(value)[:40])
def test_expression_gives_what_go_gives(text: str, expected: str | None) -> None:
    if expected is None:
        with pytest.raises(ExpressionError):
            marshal(evaluate(text, environment(SCOPE)))
    else:
        assert marshal(evaluate(text, environment(SCOPE))) == expected


@pytest.mark.parametrize(("text", "expected"), CASES["when"], ids=lambda value: str(value)[:40])
def test_when_gives_what_go_gives(text: str, expected: bool | None) -> None:
    if expected is None:
        with pytest.raises(WhenError):
            evaluate_when(text)
    else:
        assert evaluate_when(text) is expected


def _offset(run: Callable[[], Any], kind: type[ExpressionError]) -> int:
    """Where the mistake is; 0 without one. Any other exception goes through."""
    try:
        run()
    except kind as error:
        return error.offset
    return 0


@given(ANY_TEXT)
def test_any_expression_is_a_value_or_an_error(text: str) -> None:
    assert 0 <= _offset(lambda: plain(evaluate(text, environment(SCOPE))), ExpressionError) <= len(text)


@given(ANY_TEXT)
def test_any_condition_is_a_bool_or_an_error(text: str) -> None:
    assert 0 <= _offset(lambda: evaluate_when(text), WhenError) <= len(text)


@pytest.mark.parametrize("text", ["(" * 5000, "[" * 5000, "-" * 5000 + "1", "1" + "+1" * 5000, "a" + ".b" * 5000])
def test_deep_nesting_is_an_error(text: str) -> None:
    with pytest.raises(ExpressionError):
        evaluate(text, SCOPE)
    with pytest.raises(WhenError):
        evaluate_when(text.replace("[", "(").replace("+1", "?1"))


def test_errors_point_at_the_part_at_fault() -> None:
    with pytest.raises(ExpressionError, match="unknown name there") as caught:
        evaluate("1 + there", {})
    assert caught.value.offset == 4


def test_tokens_know_where_they_stand() -> None:
    assert [(token.value, token.offset) for token in tokenize("a.b ?? 'x'")] == [
        ("a", 0),
        (".", 1),
        ("b", 2),
        ("??", 4),
        ("x", 7),
        ("", 10),
    ]


def test_dotted_names_become_maps_and_longer_names_win() -> None:
    scope = {"tasks.a-b.outputs.result": "1", "item": "{}", "item.x": "2"}
    assert expand(scope) == {"tasks": {"a-b": {"outputs": {"result": "1"}}}, "item": {"x": "2"}}
    assert evaluate("tasks['a-b'].outputs.result + item.x", environment(scope)) == "12"


def test_a_function_that_this_machine_lacks_is_named() -> None:
    with pytest.raises(ExpressionError, match=r"sprig\.genCA is not supported"):
        evaluate("sprig.genCA('a', 1)", environment({}))


def test_when_says_what_argo_says() -> None:
    with pytest.raises(WhenError, match=r"Invalid token: '=' \(hint: try wrapping"):
        evaluate_when("a = b")
    with pytest.raises(WhenError, match=r"Expected boolean evaluation for 'a'\. Got a"):
        evaluate_when("a")
    assert evaluate_when("") is True


def test_a_method_or_function_with_wrong_arguments_is_a_mistake_of_the_expression() -> None:
    for text in ("now().Year(1)", "asInt()"):
        with pytest.raises(ExpressionError, match="does not take these arguments"):
            evaluate(text, environment({}))


def test_a_power_that_is_no_real_number_is_not_a_number() -> None:
    with pytest.raises(WhenError, match="Got NaN"):
        evaluate_when("-3 ** 2.5")
