"""Whatever a definition says: no traceback, and every diagnostic at a place."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.check import check
from compiler.codes import REGISTRY
from compiler.load.workspace import load
from compiler.resolve import resolve

CASES = Path(__file__).resolve().parents[2] / "golden" / "errors"
TEXTS = sorted({path.read_text(encoding="utf-8") for path in CASES.glob("A[2-5]*/*.yaml")})
LINES = sorted({line for text in TEXTS for line in text.splitlines(keepends=True)})
WORDS = [
    "${{ ",
    " }}",
    "item",
    "tasks.a.outputs.out",
    "params.n",
    "null",
    "[]",
    "{}",
    "a",
    "'",
    '"',
    "&&",
    "-1",
    "1e999",
    "\n",
]

_EDIT = st.tuples(st.floats(0, 1), st.integers(0, 12), st.one_of(st.sampled_from(WORDS), st.sampled_from(LINES)))


@settings(max_examples=300)
@given(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=3), st.lists(_EDIT, max_size=4))
def test_a_mutated_definition_gives_diagnostics_at_places(
    texts: list[str], edits: list[tuple[float, int, str]]
) -> None:
    text = "---\n".join(texts)
    for place, length, word in edits:
        start = int(place * len(text))
        text = text[:start] + word + text[start + length :]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mutated.yaml"
        path.write_text(text, encoding="utf-8")
        workspace, found = load([path])
        program, more = resolve(workspace)
        assert program is not None
        for item in (*found, *more, *check(program)):
            assert item.span is not None
            assert item.span.line >= 1
            assert item.code in REGISTRY
