"""Dotenv files: quotes, comments, export, several lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.load.dotenv import parse, written


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("A=1\nB = two words \n", {"A": "1", "B": "two words"}),
        ("# c\n\n  export A=x # why\nB=a#b\nC=#x", {"A": "x", "B": "a#b", "C": ""}),
        ('A=\'one $X \\n # two\'\nB="a\\tb\\"c\\\\ \\$ \\x" # c\n', {"A": "one $X \\n # two", "B": 'a\tb"c\\ $ \\x'}),
        ("A='one\ntwo'\r\nB=\"x\r\ny\"\r\n", {"A": "one\ntwo", "B": "x\ny"}),
        ("A=\nB=''", {"A": "", "B": ""}),
        ("A=it's\nB=a=b", {"A": "it's", "B": "a=b"}),
        ("\ufeffA=é", {"A": "é"}),
        ("", {}),
    ],
)
def test_values(text: str, values: dict[str, str]) -> None:
    assert parse("a.env", text.encode()) == (values, [])


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("A\n", [(1, 1)]),
        ("A=1\n=2\n1A=3\nA.B=x", [(2, 1), (3, 1), (4, 1)]),
        ("A=1\nA=2", [(2, 1)]),
        ('A="x" y\nB=1', [(1, 7)]),
        ("A=1\nB='x\ny\n", [(2, 3)]),
        ("A=\0", [(1, 3)]),
    ],
)
def test_mistakes(text: str, places: list[tuple[int, int]]) -> None:
    _, diagnostics = parse("a.env", text.encode())
    assert [(item.span.line, item.span.column) for item in diagnostics if item.span] == places


@given(st.dictionaries(st.from_regex("[A-Z_][A-Z0-9_]{0,5}", fullmatch=True), st.text("ab '\n#=$", max_size=9)))
def test_quoted_values_come_back(values: dict[str, str]) -> None:
    lines = [f'{name}="{value}"' for name, value in values.items()]
    assert parse("a", "\n".join(lines).encode()) == (values, [])


@given(
    st.dictionaries(st.from_regex("[A-Z_][A-Z0-9_]{0,5}", fullmatch=True), st.text("ab '\"\\\n\r\t#=$é", max_size=9))
)
def test_what_is_written_comes_back(values: dict[str, str]) -> None:
    assert parse("x.env", written(values).encode()) == (values, [])
