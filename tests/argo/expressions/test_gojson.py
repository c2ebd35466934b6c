"""One form for a value wherever Argo writes it: Go's."""

from __future__ import annotations

from typing import Any

import pytest

from argo.expressions.gojson import Number, marshal, parse_json, plain
from argo.expressions.when import evaluate_when
from argo.workflow.conform import conform
from argo.workflow.values import text

# Go 1.24: encoding/json, a parameter (FormatFloat 'f'), `%v`
FORMS = [
    (1e-7, "1e-7", "0.0000001", "1e-07"),
    (1e-5, "0.00001", "0.00001", "1e-05"),
    (1.5e-9, "1.5e-9", "0.0000000015", "1.5e-09"),
    (1234567.0, "1234567", "1234567", "1.234567e+06"),
    (1e21, "1e+21", "1000000000000000000000", "1e+21"),
    (1.5e16, "15000000000000000", "15000000000000000", "1.5e+16"),
    (100.0, "100", "100", "100"),
    (-2.0, "-2", "-2", "-2"),
    (0.5, "0.5", "0.5", "0.5"),
    (True, "true", "true", "true"),
    (7, "7", "7", "7"),
]


@pytest.mark.parametrize(("value", "json", "parameter", "shown"), FORMS)
def test_a_number_has_the_form_that_go_gives_it(value: Any, json: str, parameter: str, shown: str) -> None:
    assert (marshal(value), text(value), plain(value)) == (json, parameter, shown)
    assert marshal({"b": [value], "a": {"c": value}}) == f'{{"a":{{"c":{json}}},"b":[{json}]}}'
    assert text([value]) == f"[{json}]"


@pytest.mark.parametrize(("value", "shown"), [(form[0], form[3]) for form in FORMS if type(form[0]) is float])
def test_a_text_of_a_manifest_given_as_a_number(value: float, shown: str) -> None:
    pod = {"kind": "Workflow", "spec": {"templates": [{"container": {"image": "a", "args": [value]}}]}}
    assert conform(pod)["spec"]["templates"][0]["container"]["args"] == [shown]


def test_a_condition_joins_a_number_to_a_text_as_go_does() -> None:
    assert evaluate_when("'x' + 1234567 == 'x1.234567e+06'")
    assert evaluate_when("'x' + 0.00001 == 'x1e-05'")


def test_what_stands_for_a_struct_keeps_its_order() -> None:
    assert marshal({"b": "<&>", "a": 1}, sort=False) == r'{"b":"\u003c\u0026\u003e","a":1}'


def test_a_number_that_is_not_read_stays_as_it_is_written() -> None:
    assert marshal(parse_json('[1.0, 1E3, {"k": 12345678901234567890123}]', Number)) == (
        '[1.0,1E3,{"k":12345678901234567890123}]'
    )
