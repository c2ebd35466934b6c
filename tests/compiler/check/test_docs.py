"""docs/checks.md holds every code of the compiler with its title and severity, an example and a cure."""

from __future__ import annotations

import re
from pathlib import Path

import compiler.check
import compiler.pipeline
from compiler.codes import REGISTRY

_HEADING = re.compile(r"^### (A\d{3}): (.+) \((error|warning|note)\)$", re.MULTILINE)


def test_every_code_is_described(root: Path) -> None:
    text = (root / "docs" / "checks.md").read_text(encoding="utf-8")
    described = {code: (title, severity) for code, title, severity in _HEADING.findall(text)}
    assert list(described) == sorted(described)
    for code in REGISTRY.values():
        assert described.get(code.id) == (code.title, code.severity)
    for section in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
        assert "\nExample: " in section, section.splitlines()[0]
        assert "\nCure: " in section, section.splitlines()[0]


def test_checks_are_an_ordered_tuple_of_functions() -> None:
    assert len(set(compiler.check.CHECKS)) == len(compiler.check.CHECKS) >= 10
