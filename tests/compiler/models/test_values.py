"""Values held against parameters, given as data and as text."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler import regex
from compiler.load.reader import FloatText
from compiler.models import Parameter
from compiler.models.values import conform, from_text


def number(text: str) -> FloatText:
    value = FloatText(text)
    value.text = text
    return value


@pytest.mark.parametrize(
    ("parameter", "good", "bad"),
    [
        ({"type": "string"}, ["", "a", 1, True], [None, [], {}]),
        ({"type": "string", "pattern": "[a-z]+"}, ["abc"], ["", "aB", "a\n", 1]),
        ({"type": "string", "enum": ["a", "b"]}, ["a"], ["c"]),
        ({"type": "int", "minimum": 1, "maximum": 3}, [1, 3], [0, 4, 1.5, "1", True, None]),
        ({"type": "number", "minimum": 0}, [0, 0.5, 7], [-1, "0.5", False, float("nan"), float("inf")]),
        ({"type": "bool"}, [True, False], ["true", 1, 0, None]),
        ({"type": "enum", "enum": ["a", 1, number("1.10")]}, ["a", 1, "1", "1.10"], ["b", 2, None, [], True]),
        ({"type": "json"}, [None, [1], {"a": "b"}, "x", 1], []),
    ],
)
def test_conform(parameter: dict[str, Any], good: list[Any], bad: list[Any]) -> None:
    model = Parameter(**parameter)
    assert [value for value in good if conform(model, value)] == []
    assert [value for value in bad if conform(model, value) is None] == []


def test_references_are_left_to_the_checker() -> None:
    assert conform(Parameter(type="int"), "${{ params.n }}") is None


@pytest.mark.parametrize(
    ("parameter", "text", "value"),
    [
        ({"type": "int"}, "-7", -7),
        ({"type": "number"}, "1e-3", 0.001),
        ({"type": "number"}, "4", 4),
        ({"type": "bool"}, "true", True),
        ({"type": "json"}, '{"a": [1]}', {"a": [1]}),
        ({"type": "string"}, "0x1", "0x1"),
        ({"type": "enum", "enum": [1, "b"]}, "1", 1),
    ],
)
def test_from_text(parameter: dict[str, Any], text: str, value: Any) -> None:
    found = from_text(Parameter(**parameter), text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("parameter", "text", "message"),
    [
        ({"type": "int"}, "four", "expected a whole number, found 'four'"),
        ({"type": "int", "maximum": 3}, "4", "4 is above the maximum 3"),
        ({"type": "number"}, "nan", "expected a number, found 'nan'"),
        ({"type": "bool"}, "yes", "expected true or false, found 'yes'"),
        ({"type": "json"}, "{", "expected JSON, found '{'"),
        ({"type": "enum", "enum": ["a"]}, "b", "expected one of a, found 'b'"),
    ],
)
def test_text_refused(parameter: dict[str, Any], text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        from_text(Parameter(**parameter), text)
    assert str(caught.value) == message


@given(st.sampled_from(["string", "int", "number", "bool", "json"]), st.text())
def test_any_text_is_read_or_refused(kind: Any, text: str) -> None:
    parameter = Parameter(type=kind)
    try:
        value = from_text(parameter, text)
    except ValueError:
        return
    assert conform(parameter, value) is None


@pytest.mark.parametrize("pattern", ["(a+)+", "(a*)*b", "((a+))+b", "(x*y*)+", "(.*)*x", "(\\w+\\s*)+", "(?:a+){2,}"])
def test_no_pattern_takes_for_ever(pattern: str) -> None:
    assert conform(Parameter(type="string", pattern=pattern), "a" * 5000 + "!") is not None


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        ("[a-z]+", "abc", "abc; rm 7"),
        ("a|ab", "ab", "abc"),
        ("\\d+", "42", "\u0663"),
        ("\\p{L}+", "äö", "1"),
        ("(?i)on|off", "OFF", "off\n"),
        ("", "", "a"),
    ],
)
def test_a_pattern_means_the_same_in_a_definition_and_in_a_run(pattern: str, good: str, bad: str) -> None:
    parameter = Parameter(type="string", pattern=pattern)
    assert (conform(parameter, good), from_text(parameter, good)) == (None, good)
    assert conform(parameter, bad) is not None
    with pytest.raises(ValueError, match="does not match the pattern"):
        from_text(parameter, bad)


@pytest.mark.parametrize("pattern", ["a(?=b)", "(a)\\1", "\\C", "a{1001}", "("])
def test_what_go_has_not_is_no_pattern(pattern: str) -> None:
    with pytest.raises(regex.PatternError):
        regex.compiled(pattern)


def test_what_looks_like_a_reference_is_text_in_a_run() -> None:
    with pytest.raises(ValueError, match="does not match"):
        from_text(Parameter(type="string", pattern="[a-z]+"), "${{ params.n }}")
