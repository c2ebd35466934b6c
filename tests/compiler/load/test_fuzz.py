"""Arbitrary bytes and mutated definitions: no exception, and every diagnostic has a position in its file.

ARGOSY_FUZZ_EXAMPLES sets how many mutated files are tried: 500 if it is not set, 10,000 in CI.
"""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.diagnostics import Diagnostic
from compiler.load.documents import DefinitionFile, load_file, load_project
from compiler.load.dotenv import parse
from compiler.load.files import File
from compiler.load.reader import decode, read
from compiler.report import github, json_list, sarif, text

EXAMPLES = int(os.environ.get("ARGOSY_FUZZ_EXAMPLES", "500"))
SEEDS = [
    path.read_bytes()
    for folder in ("golden/errors", "golden/definitions", "../assets", "../dags")
    for path in sorted((Path(__file__).resolve().parents[2] / folder).rglob("*.yaml"))
    if path.stat().st_size < 6000
]
WORDS = [
    b"\0 \xff \xef\xbb\xbf \xff\xfe \x85 \xe2\x80\xa8 \t \r \n - : ? , [ ] { } # & * ! | > ' \" % @ ` ~ << *a &a",
    b"null true yes on 0o17 0x1f 1_000 .inf -.inf .nan 1e999 -0 1.10 007 +5 99999999999999999999",
    b"kind: name: tasks: with: env: file: values: ${{ }} {{ }} --- ... !!str !!python/object:x <<: []: {}: ~:",
]
PIECES = [
    *(piece for words in WORDS for piece in words.split(b" ")),
    *b"gpu: true\nresources: 5\nforeach: {range: x}\nschedule: x\nretry: []\npause:\ndefault: {key: 1}".split(b"\n"),
    *(b"[" * 80, b"{a: " * 80, b"- " * 80, b"x" * 5000, b"9" * 5000),
    *("😀漢字é".encode(), b'"\\ud83d\\ude00"', b'"\\ud83d"'),
]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A definition with some stretches cut out, doubled, swapped, or replaced by something odd."""
    data = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 30)))
        how = draw(st.integers(0, 4))
        if how == 0:
            data = data[:start] + data[end:]
        elif how == 1:
            data = data[:end] + data[start:]
        elif how == 2:
            data = data[:start] + draw(st.binary(max_size=4)) + data[end:]
        else:
            data = data[:start] + draw(st.sampled_from(PIECES)) + data[end:]
    return data


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def load_bytes(folder: Path, data: bytes, name: str = "a.yaml") -> DefinitionFile:
    (folder / name).write_bytes(data)
    loader = load_project if name == "argosy.yaml" else load_file
    return loader(File(str(folder / name), name, named=True))


def assert_placed(diagnostics: list[Diagnostic], source_text: str) -> None:
    lines = source_text.count("\n") + source_text.count("\r") + 1
    for item in diagnostics:
        assert item.span is not None
        assert 1 <= item.span.line <= item.span.end_line <= lines
        assert item.span.column >= 1
        assert item.message
        assert not item.message.startswith(("Value error", "Input should"))
        for related in item.related:
            assert 1 <= related.span.line <= lines
    shown = text(diagnostics)
    assert not {unicodedata.category(character) for character in shown if character != "\n"} & {"Cc", "Cf", "Zl", "Zp"}


@settings(max_examples=EXAMPLES)
@given(data=mutated(), name=st.sampled_from(["a.yaml", "a.yaml", "a.yaml", "a.json", "argosy.yaml"]))
def test_mutated_definitions(folder: Path, data: bytes, name: str) -> None:
    loaded = load_bytes(folder, data, name)
    assert_placed(loaded.diagnostics, loaded.source.text)
    assert loaded.definitions or loaded.diagnostics


@settings(max_examples=max(EXAMPLES // 5, 100))
@given(
    data=st.one_of(
        st.binary(max_size=200),
        st.text(max_size=200).map(str.encode),
        st.text("[]{}:,-&*!|>'\"\n ax1#?%@", max_size=60).map(str.encode),
    )
)
def test_arbitrary_bytes(folder: Path, data: bytes) -> None:
    loaded = load_bytes(folder, data)
    assert_placed(loaded.diagnostics, loaded.source.text)
    json_list(loaded.diagnostics)
    sarif(loaded.diagnostics)
    github(loaded.diagnostics)


@settings(max_examples=max(EXAMPLES // 5, 100))
@given(st.one_of(st.binary(max_size=100), st.text("AB=1 '\"\\\n\r#export$", max_size=60).map(str.encode)))
def test_arbitrary_dotenv(data: bytes) -> None:
    values, diagnostics = parse("a.env", data)
    assert all(isinstance(value, str) for value in values.values())
    assert_placed(diagnostics, decode("a.env", data)[0].text)


@settings(max_examples=max(EXAMPLES // 5, 100))
@given(mutated())
def test_every_place_in_the_data_has_a_span(data: bytes) -> None:
    source, failures = decode("a.yaml", data)
    if failures:
        return
    found, _ = read(source)
    stack: list[tuple[tuple[str | int, ...], Any]] = [((index,), document) for index, document in enumerate(found)]
    while stack:
        path, value = stack.pop()
        span = source.span(path)
        assert 1 <= span.line <= span.end_line
        if isinstance(value, dict):
            stack.extend(((*path, key), item) for key, item in list(value.items())[:5])
        elif isinstance(value, list):
            stack.extend(((*path, index), item) for index, item in enumerate(value[:5]))
