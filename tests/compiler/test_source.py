"""Spans: paths in the data, keys, offsets within scalars of every style, places that are not there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.source import SourceFile, Span

YAML = """\
kind: Dag
flow: &x {b: "q\\t\\u0041 ${{ p }}  z", c: 'it''s ${{ x }}'}
list:
  - |
    foo

      ${{ params.x }} bar
  - >-
     fold
     ed ${{ params.y }}
     end
  - plain text over
    two ${{ lines }}
empty:
alias: *x
---
second: 1
"""


@pytest.fixture
def source() -> SourceFile:
    return SourceFile("x.yaml", YAML)


def covered(source: SourceFile, span: Span) -> str:
    return source.text[source.offset(span.line, span.column) : source.offset(span.end_line, span.end_column)]


@pytest.mark.parametrize(
    ("path", "key", "expected"),
    [
        ((0, "kind"), False, "Dag"),
        ((0, "kind"), True, "kind"),
        ((0, "flow", "c"), True, "c"),
        ((0, "list"), False, "- |"),
        ((0, "list", 2), False, "plain text over\n    two ${{ lines }}"),
        ((0, "empty"), False, "empty"),
        ((0, "alias", "c"), False, "'it''s ${{ x }}'"),
        ((0,), False, "kind: Dag"),
        ((1, "second"), False, "1"),
        ((0, "flow", "missing"), False, "flow"),
        ((0, "missing", "more"), False, "kind"),
        ((7, "second"), True, "second"),
    ],
)
def test_span(source: SourceFile, path: tuple[str | int, ...], key: bool, expected: str) -> None:
    assert covered(source, source.span(path, key)) == expected


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ((0, "flow", "b"), "q\tA ${{ p }}  z", "${{ p }}"),
        ((0, "flow", "c"), "it's ${{ x }}", "${{ x }}"),
        ((0, "list", 0), "foo\n\n  ${{ params.x }} bar\n", "${{ params.x }}"),
        ((0, "list", 1), "fold ed ${{ params.y }} end", "${{ params.y }}"),
        ((0, "list", 2), "plain text over two ${{ lines }}", "${{ lines }}"),
    ],
)
def test_span_within_a_scalar(source: SourceFile, path: tuple[str | int, ...], value: str, expected: str) -> None:
    start = value.index(expected)
    span = source.span(path, within=(start, start + len(expected)))
    assert covered(source, span) == expected


def test_positions_are_one_based_and_know_all_line_breaks() -> None:
    source = SourceFile("x", "ab\r\nc\rd\n")
    assert [source.line(number) for number in range(6)] == ["", "ab", "c", "d", "", ""]
    assert source.at(4) == Span("x", 2, 1, 2, 2)
    assert source.at(99) == Span("x", 4, 1, 4, 1)
    assert source.offset(3, 1) == 6


def test_files_are_relative_to_the_definition() -> None:
    assert SourceFile("x.yaml", "", "/a/b/x.yaml").resolve("../c.txt") == "/a/c.txt"


def test_malformed_yaml_has_positions_up_to_the_mistake() -> None:
    source = SourceFile("x", "a: 1\nb: 2\nc: [")
    assert source.span((0, "b")).line == 2
    assert source.span((0, "z")).line == 1
    assert SourceFile("x", "\0").span((0, "a")) == Span("x", 1, 1, 1, 2)


@given(st.text(), st.lists(st.one_of(st.integers(0, 3), st.text(max_size=3)), max_size=3), st.booleans())
def test_any_path_in_any_text_has_a_span(text: str, path: list[str | int], key: bool) -> None:
    span = SourceFile("x", text).span(tuple(path), key, within=(1, 3))
    assert 1 <= span.line <= span.end_line
