"""The canonical writer: what it writes, every reader reads back as it was."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from compiler import render


class Core(yaml.CSafeLoader):
    """A reader with the scalars of YAML 1.2's core schema in place of those of 1.1."""


Core.yaml_implicit_resolvers = {}
for name, pattern, first in (
    ("null", r"(?:~|null|Null|NULL|)", ["~", "n", "N", ""]),
    ("bool", r"(?:true|True|TRUE|false|False|FALSE)", list("tTfF")),
    ("int", r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)", list("-+0123456789")),
    ("float", r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))",
     list("-+0123456789.")),
):  # fmt: skip
    Core.add_implicit_resolver(f"tag:yaml.org,2002:{name}", re.compile(f"^{pattern}$"), first)

TEXT = st.text(st.characters(codec="utf-8"))
PIECES = st.sampled_from(["", " ", "\t", "  x", "x ", "- a", "a: b", "# c", "---", "|"])
LINES = st.lists(st.one_of(TEXT, PIECES), max_size=5).map("\n".join)
TRAPS = st.sampled_from(
    [
        *"y n yes No ON off true False null ~ = << 0 01 0o7 0x1F 0b1 1_000 1e3 1.5 .5 5. +1 -1 .inf -.Inf .nan".split(),
        *"1:30 190:20:30.15 2026-01-01 2026-01-01T00:00:00Z --- ... - ? : -a ?a :a a: a:b # a#b &a *a !a |a >a".split(),
        *"'a \"a %a @a `a [a {a a[b {{a}} ,a".split(),
        *("", " a", "a ", "a: b", "a #b", "- a", "? a", "a\tb", "\ta", "\ufeffa", "a\x85b", "a\u2028b", "\x7f", "\x00"),
        "a\r\nb",
    ]
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), TEXT, LINES, TRAPS
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.one_of(TEXT, TRAPS), inner, max_size=4)),
    max_leaves=12,
)


@given(VALUES)
def test_readers_of_1_1_and_1_2_read_back_the_value(value: Any) -> None:
    written = render.yaml(value)
    assert yaml.load(written, Loader=yaml.CSafeLoader) == value
    assert yaml.load(written, Loader=yaml.SafeLoader) == value
    assert yaml.load(written, Loader=Core) == value


@given(VALUES)
def test_json_reads_back_the_value(value: Any) -> None:
    assert json.loads(render.json(value)) == value


@pytest.mark.parametrize(
    "text",
    [
        "abc",
        "runs/{{workflow.name}}/a",
        "python:3.11-slim",
        "10Gi",
        "1.2.3",
        "a=b",
        "a, b",
        "-x",
        "--lr",
        "/in/x",
        "größe",
        "500m",
    ],
)
def test_harmless_text_stays_plain(text: str) -> None:
    assert render.string(text) == text


@pytest.mark.parametrize(
    "text", ["yes", "on", "012", "1e3", "1:30", "2026-01-01", "{{a}}", "a: b", "=", "~", "", "x ", "# c"]
)
def test_text_that_a_reader_would_mistake_is_quoted(text: str) -> None:
    assert render.string(text) == json.dumps(text)


def test_the_form() -> None:
    value = {
        "kind": "X",
        "list": [{"name": "a", "value": "1"}, [1, [2]], "x", {}, []],
        "text": "a\n b\n",
        "bare": "a\nb",
        "more": " a\n\n\n",
    }
    assert render.yaml(value).decode() == (
        'kind: X\nlist:\n  - name: a\n    value: "1"\n  - - 1\n    - - 2\n  - x\n  - {}\n  - []\n'
        "text: |\n  a\n   b\nbare: |-\n  a\n  b\nmore: |2+\n   a\n\n\n"
    )


@pytest.mark.parametrize(
    ("value", "written"),
    [(1e300, "1.0e+300"), (1.5e-07, "1.5e-07"), (math.inf, ".inf"), (-math.inf, "-.inf"), (math.nan, ".nan")],
)
def test_floats(value: float, written: str) -> None:
    assert render.yaml(value).decode() == written + "\n"


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(TypeError, match="bytes is no JSON value"):
        render.yaml({"a": b"x"})
