"""Substitution of `{{…}}` tags."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argo.expressions.errors import TemplateError
from argo.expressions.template import PLACEHOLDER_PREFIX, substitute

SCOPE: dict[str, Any] = {
    "foo": "bar",
    "inputs.parameters.message": 'hello "world"\n',
    "inner": "suffix",
    "outer-suffix": "final",
    "absent": None,
    "workflow.status": "Succeeded",
    "X": '["a", {"b": 1}]',
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(max_size=5), below, max_size=4),
    max_leaves=12,
)
TAGGED = st.lists(
    st.sampled_from(["{{", "}}", "{{=", "foo", " ", "absent", "toJSON(X)", "1+1", "'", "missing", "x"]), max_size=12
).map("".join)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{foo}}", "bar"),
        ("a {{ foo }} b {{foo}}", "a bar b bar"),
        ("{{inputs.parameters.message}}", 'hello "world"\n'),
        ("{{=foo}}", "bar"),
        ("{{= foo + '!' }}", "bar!"),
        ("{{=1 + \n1}}", "2"),
        ("{{=true == false}}", "false"),
        ("{{=7 / 2}}", "3.5"),
        ("{{=1000000.0}}", "1000000"),
        ("{{='\"'}}", '"'),
        ("{{='some\\\\path'}}", "some\\path"),
        ("{{=toJson({test: 1})}}", '{"test":1}'),
        ("{{={a: ['<']} }}", '{"a":["\\u003c"]}'),
        ("{{='{'+'{'}}", "{{"),
        ("{{=date('2023-08-14')}}", "2023-08-14T00:00:00Z"),
        ("{{=sprig.dig('status', nil, workflow)}}", "Succeeded"),
        (
            "{{=toJSON(map(fromJSON(X), { {'i': #index, 'v': #} }))}}",
            '[\n  {\n    "i": 0,\n    "v": "a"\n  },\n  {\n    "i": 1,\n    "v": {\n      "b": 1\n    }\n  }\n]',
        ),
    ],
)
def test_tags_are_replaced(text: str, expected: str) -> None:
    assert substitute(text, SCOPE) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{x.y}}", "failed to resolve {{x.y}}"),
        ("{{=x}}", "failed to evaluate expression: x is missing"),
        ("{{=!}}", "failed to evaluate expression"),
        ("{{absent}}", "absent optional"),
        ("{{=absent}}", "failed to evaluate expression"),
        ("{{=1 + 'a'}}", "failed to evaluate expression"),
        ("{{foo", "Cannot find end tag"),
    ],
)
def test_what_cannot_be_replaced_is_an_error(text: str, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        substitute(text, SCOPE)
    assert message in caught.value.message


@pytest.mark.parametrize(
    "text",
    ["{{x}}", "{{ x }}", "{{=x}}", "{{=sprig.int(retries)}}", "{{=!}}", "{{=item == nil}}", "{{foo", "{{=asInt(foo)}}"],
)
def test_unresolved_tags_are_kept_where_allowed(text: str) -> None:
    assert substitute(text, SCOPE, True) == text


def test_strict_prefixes_leave_others_and_artifacts_for_later() -> None:
    prefixes = ["tasks", "steps"]
    kept = "{{inputs.parameters.x}} {{tasks.a.outputs.artifacts.b}} {{tasksA}}"
    assert substitute(kept, {}, strict_prefixes=prefixes) == kept
    with pytest.raises(TemplateError) as caught:
        substitute("{{tasks.a.outputs.result}}", {}, strict_prefixes=prefixes)
    assert caught.value.missing
    assert substitute("{{= tasks.a.x ?? 'd' }}", {"tasks.a.x": None}, strict_prefixes=prefixes) == "d"


def test_nested_tags_resolve_one_level_a_pass() -> None:
    once = substitute("{{outer-{{inner}}}}", SCOPE, True)
    assert once == "{{outer-suffix}}"
    assert substitute(once, SCOPE, True) == "final"


def test_structure_is_copied_where_it_changes_and_shared_where_not() -> None:
    tree = {"{{foo}}": 1, "same": {"list": [1, "x"]}, "changed": ["{{foo}}", 2]}
    result = substitute(tree, SCOPE)
    assert result == {"bar": 1, "same": {"list": [1, "x"]}, "changed": ["bar", 2]}
    assert result["same"] is tree["same"]
    assert tree["changed"] == ["{{foo}}", 2]


@pytest.mark.parametrize("value", ["\x1b[31m", "\x00", "\x07", "\x7f"])
def test_values_that_argo_cannot_insert_are_errors(value: str) -> None:
    with pytest.raises(TemplateError, match="invalid JSON"):
        substitute("{{v}}", {"v": value})


def test_an_expression_over_a_placeholder_waits() -> None:
    scope = {"foo": PLACEHOLDER_PREFIX + "1"}
    assert substitute("{{=asInt(foo)}}", scope) == "{{=asInt(foo)}}"
    assert substitute("{{=foo}}", scope) == scope["foo"]


@given(JSON, st.booleans())
def test_any_structure_is_substituted_or_refused(tree: Any, allow: bool) -> None:
    try:
        result = substitute(tree, SCOPE, allow)
    except TemplateError:
        return
    if "{{" not in str(tree):
        assert result is tree or result == tree


@given(TAGGED, st.booleans())
def test_any_text_is_substituted_or_refused(text: str, allow: bool) -> None:
    try:
        assert isinstance(substitute(text, SCOPE, allow), str)
    except TemplateError:
        pass
