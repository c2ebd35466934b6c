"""YAML 1.2 core scalars, and that data is the same with libyaml and without."""

from __future__ import annotations

import gc
import json
import math
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from compiler.load.reader import MAX_DEPTH, decode, read
from compiler.source import SourceFile


def data_of(text: str) -> Any:
    source, failures = decode("a.yaml", text.encode())
    documents, diagnostics = read(source)
    assert failures + diagnostics == []
    return documents[0]


def codes_of(text: str) -> list[str]:
    source, failures = decode("a.yaml", text.encode())
    return [item.code for item in failures + read(source)[1]]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"), ("yes", "yes"), ("off", "off"), ("no", "no"), ("y", "y"),
        ("true", True), ("False", False), ("null", None), ("~", None), ("", None),
        ("0o17", 15), ("0x1f", 31), ("-7", -7), ("+5", 5), ("007", 7),
        ("1_000", "1_000"), ("0b1", "0b1"), ("1:30", "1:30"), ("-0x1f", "-0x1f"), ("٣", "٣"),
        ("1.10", 1.1), ("1e3", 1000.0), (".5", 0.5), ("5.", 5.0), ("-.inf", -math.inf), ("1.2.3", "1.2.3"),
        ("2026-01-01", "2026-01-01"), ('"true"', "true"), ("'1'", "1"), ("=", "="), ("<<x", "<<x"), ("-", [None]),
    ],
)  # fmt: skip
def test_scalars(text: str, value: Any) -> None:
    found = data_of(f"a: {text}" if text != "-" else "a:\n  -")["a"]
    assert found == value
    assert isinstance(found, type(value))


def test_numbers_keep_their_text() -> None:
    data = data_of("[1.10, 0x1f, 007, 1.5, 12]")
    assert [getattr(item, "text", None) for item in data] == ["1.10", "0x1f", "007", "1.5", None]


def test_not_a_number() -> None:
    assert math.isnan(data_of(".nan"))


def test_documents_aliases_and_json() -> None:
    source, _ = decode("a", b"--- {a: &x [1], b: *x}\n---\n...\n--- two\n")
    assert read(source) == ([{"a": [1], "b": [1]}, None, "two"], [])
    assert data_of(json.dumps({"a": "😀\t", "b": [1.5, None, True]})) == {"a": "😀\t", "b": [1.5, None, True]}


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    source, failures = decode("a", b"\xef\xbb\xbfa: 1")
    assert failures == []
    assert source.text == "a: 1"


def test_nesting_is_bounded() -> None:
    assert codes_of("[" * MAX_DEPTH + "]" * MAX_DEPTH) == []
    assert codes_of("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)) == ["A110"]
    assert codes_of("[" * 100_000) == ["A110"]


def test_merge_keys_are_refused_but_read() -> None:
    source, _ = decode("a", b"a: &a {x: 1, y: 2}\nb: {x: 3, <<: *a}\n")
    documents, diagnostics = read(source)
    assert documents[0]["b"] == {"x": 3, "y": 2}
    assert [item.code for item in diagnostics] == ["A109"]


def test_the_first_of_two_equal_keys_counts() -> None:
    source, _ = decode("a", b"a: 1\nb: 2\n'a': 3\n")
    documents, diagnostics = read(source)
    assert documents[0] == {"a": 1, "b": 2}
    assert [(item.span.line, item.related[0].span.line) for item in diagnostics if item.span] == [(3, 1)]


def test_the_collector_is_left_as_it_was() -> None:
    assert gc.isenabled()
    data_of("a: 1")
    assert gc.isenabled()


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.text(st.characters(codec="utf-8"))),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text("ab-<.1é ", max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(VALUES)
@example("\U00010000 ")
def test_json_is_read_as_it_was_written(value: Any) -> None:
    assert data_of(json.dumps(value)) == value


@given(VALUES)
def test_libyaml_and_pure_python_agree(value: Any) -> None:
    text = yaml.safe_dump(value, allow_unicode=True)
    with pytest.MonkeyPatch.context() as patch:
        with_libyaml = read(decode("a", text.encode())[0])
        patch.setattr(yaml, "__with_libyaml__", False)
        without = read(decode("a", text.encode())[0])
    assert with_libyaml == without


def test_pairs_of_escapes_are_read_where_json_has_them() -> None:
    r"""`\ud83d\ude00` is one character between double quotes, in keys too, and stands for itself anywhere else."""
    assert data_of(r'{"\ud83d\ude00 a": "\\\ud83d\uDE00 b"}') == {"😀 a": "\\😀 b"}
    script = r'print("\ud83d\ude00")'
    text = f"a: |\n  {script}\nb: '{script}'\nc: {script}\nd: \"\\ud83d\\ude00\"\n"
    assert data_of(text) == {"a": script + "\n", "b": script, "c": script, "d": "😀"}
    assert data_of('["\\ud83d\\ude00\U00100041"]') == ["😀\U00100041"]


@pytest.mark.parametrize(
    ("text", "column"), [(r'["\ud83d"]', 5), (r'["ab\ude00\ud83d"]', 7), (r'["\\ud83d\ude00"]', 12)]
)
def test_half_a_pair_is_a_mistake(text: str, column: int) -> None:
    (diagnostic,) = read(SourceFile("x.json", text))[1]
    assert (diagnostic.code, diagnostic.span.column if diagnostic.span else 0) == ("A104", column)


def test_pairs_of_escapes_keep_positions() -> None:
    source = SourceFile("x.json", r'{"\ud83d\ude00": "\ud83d\ude00 ${{ x }}", "b": 1}')
    assert source.span((0, "b"), key=True).column == 43
    assert source.span((0, "😀"), within=(2, 9)).column == 32
