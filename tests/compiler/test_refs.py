"""References: every form, printing, mistakes with their offsets and hints."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.refs import Ref, RefError, Text, parse, print_ref


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        ("params.lr", Ref("params", "lr")),
        ("inputs.text", Ref("inputs", "text")),
        ("inputs.text.path", Ref("inputs", "text", attribute="path")),
        ("outputs.x-1.path", Ref("outputs", "x-1", attribute="path")),
        ("tasks.a.outputs.b", Ref("tasks", "a", "b")),
        ("tasks.a.outputs.b.path", Ref("tasks", "a", "b", "path")),
        ("item", Ref("item")),
        ("item.lr", Ref("item", "lr")),
        ("env", Ref("env")),
        ("run.name", Ref("run", "name")),
        ("run.namespace", Ref("run", "namespace")),
        ("run.status", Ref("run", "status")),
        ("files.job.yaml", Ref("files", "job.yaml")),
        ("files.job.yaml.path", Ref("files", "job.yaml", attribute="path")),
    ],
)
def test_forms(text: str, ref: Ref) -> None:
    assert parse(f"${{{{ {text} }}}}") == ref
    assert parse(f"${{{{{text}}}}}") == ref
    assert print_ref(ref) == f"${{{{ {text} }}}}"


def test_text_without_references_is_itself() -> None:
    assert parse("a {{b}} $ {") == "a {{b}} $ {"


def test_parts_and_offsets() -> None:
    parsed = parse("a${{ item }}${{ params.b }} c")
    assert parsed == Text(("a", Ref("item"), Ref("params", "b"), " c"))
    assert isinstance(parsed, Text)
    assert [(part.start, part.end) for part in parsed.parts if isinstance(part, Ref)] == [(1, 12), (12, 27)]


def test_a_quoted_text_stands_for_itself() -> None:
    assert parse("${{ '${{ x }}' }} and ${{ 'it''s' }}") == "${{ x }} and it's"
    assert parse("${{ '' }}") == ""
    assert parse("${{ 'a' }}${{ item }}") == Text(("a", Ref("item")))


@pytest.mark.parametrize(
    ("text", "start", "end", "message", "hint"),
    [
        ("x ${{ params.a", 2, 14, "a reference that is not closed", "write ${{ … }}"),
        ("${{ }}", 0, 6, "an empty reference", None),
        ("x${{ parms.a }}", 1, 15, "'parms.a' refers to nothing", "did you mean 'params'?"),
        ("${{ run.nam }}", 0, 14, "'run.nam' is not a reference that 'run' has", "did you mean 'name'?"),
        ("${{ tasks.a.b }}", 0, 16, "'tasks.a.b' is not a reference that 'tasks' has", "write tasks.TASK.outputs.NAME"),
        ("${{ params.a + 1 }}", 0, 19, "'params.a + 1' is not a reference that 'params' has", "write params.NAME"),
        ("${{ params.-a }}", 0, 16, "'params.-a' is not a reference that 'params' has", "write params.NAME"),
        ("${{ items }}", 0, 12, "'items' refers to nothing", "did you mean 'item'?"),
    ],
)
def test_mistakes(text: str, start: int, end: int, message: str, hint: str | None) -> None:
    with pytest.raises(RefError) as caught:
        parse(text)
    assert (caught.value.start, caught.value.end, caught.value.message) == (start, end, message)
    assert hint is None or caught.value.hint == hint


NAMES = st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
ATTRIBUTES = st.sampled_from(["", "path"])
REFS = st.one_of(
    NAMES.map(lambda name: Ref("params", name)),
    st.tuples(NAMES, ATTRIBUTES).map(lambda parts: Ref("inputs", parts[0], attribute=parts[1])),
    st.tuples(NAMES, ATTRIBUTES).map(lambda parts: Ref("outputs", parts[0], attribute=parts[1])),
    st.tuples(NAMES, NAMES, ATTRIBUTES).map(lambda parts: Ref("tasks", *parts)),
    st.one_of(st.just(""), NAMES).map(lambda name: Ref("item", name)),
)


@given(REFS)
def test_what_is_printed_is_read_again(ref: Ref) -> None:
    assert parse(print_ref(ref)) == ref


@given(st.text("${}' .paramstuk-x"))
def test_any_text_is_read_or_refused(text: str) -> None:
    failure = None
    try:
        parse(text)
    except RefError as error:
        failure = error
    assert failure is None or 0 <= failure.start < failure.end <= len(text)
