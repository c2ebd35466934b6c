"""Filters of JSONPath queries: `[?(@.age > 40 && @.name != 'x')]`.

Facts: github.com/evilmonkeyinc/jsonpath, the library that Argo's function `jsonpath` calls. What cannot be evaluated
for an item leaves the item out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from argo.expressions.errors import ExpressionError

Test = Callable[[Any, Any], Any]  # (item, whole document) -> value
Query = Callable[[str, Any], Any]

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<path>[@$](?:\.\.?[\w$*-]+|\[(?:'[^']*'|\"[^\"]*\"|[^\]'\"])*\])*)"
    r"|(?P<sign>\|\||&&|==|!=|<=|>=|=~|<|>|!|\(|\)|\[|\]|,|not\s+in\b|in\b)"
    r"|(?P<word>[^\s()\[\],|&=!<>]+))"
)
_ORDER = ("<", "<=", ">", ">=")
_COMPARISONS = ("==", "!=", *_ORDER, "=~", "in", "not in")
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None, "nil": None}


def parse(text: str, position: int, query: Query) -> tuple[Callable[[Any, Any], bool], int]:
    """The filter whose expression begins there, and the position behind its `]`. Raises ExpressionError."""
    parser = _Parser(text, position, query)
    test = parser.either()
    parser.expect("]")

    def keeps(item: Any, document: Any) -> bool:
        try:
            return bool(test(item, document))
        except ExpressionError:
            return False

    return keeps, parser.position


class _Parser:
    def __init__(self, text: str, position: int, query: Query) -> None:
        self.text = text
        self.position = position
        self.query = query

    def peek(self) -> re.Match[str] | None:
        return _TOKEN.match(self.text, self.position)

    def sign(self) -> str:
        match = self.peek()
        return " ".join(match["sign"].split()) if match and match["sign"] else ""

    def take(self) -> re.Match[str]:
        match = self.peek()
        if match is None:
            raise ExpressionError(f"invalid filter in JSONPath '{self.text}'")
        self.position = match.end()
        return match

    def expect(self, sign: str) -> None:
        if self.sign() != sign:
            raise ExpressionError(f"invalid filter in JSONPath '{self.text}': '{sign}' is expected")
        self.take()

    def either(self) -> Test:
        return self.joined("||", any, self.both)

    def both(self) -> Test:
        return self.joined("&&", all, self.comparison)

    def joined(self, sign: str, combine: Callable[[Iterable[Any]], bool], operand: Callable[[], Test]) -> Test:
        tests = [operand()]
        while self.sign() == sign:
            self.take()
            tests.append(operand())
        return tests[0] if len(tests) == 1 else lambda item, root: combine(test(item, root) for test in tests)

    def comparison(self) -> Test:
        if self.sign() == "!":
            self.take()
            test = self.comparison()
            return lambda item, root: not test(item, root)
        left = self.operand()
        operator = self.sign()
        if operator not in _COMPARISONS:
            return left
        self.take()
        right = self.operand()
        return lambda item, root: _compare(operator, left(item, root), right(item, root))

    def operand(self) -> Test:
        if self.sign() == "(":
            self.take()
            test = self.either()
            self.expect(")")
            return test
        if self.sign() == "[":
            return self.array()
        match = self.take()
        if match["path"]:
            return self.reference(match["path"])
        if match["sign"]:
            raise ExpressionError(f"invalid filter in JSONPath '{self.text}': unexpected '{match['sign']}'")
        value = _literal(match)
        return lambda *_: value

    def reference(self, path: str) -> Test:
        selector = "$" + path[1:]
        if path[0] == "@":
            return lambda item, _: self.query(selector, item)
        return lambda _, root: self.query(selector, root)

    def array(self) -> Test:
        self.take()
        values = []
        while self.sign() != "]":
            if self.sign() == ",":
                self.take()
            values.append(_literal(self.take()))
        self.take()
        return lambda *_: values


def _literal(match: re.Match[str]) -> Any:
    from argo.expressions.gojson import parse_json

    if match["text"]:
        return re.sub(r"\\(.)", r"\1", match["text"][1:-1])
    word = match["word"] or ""
    if word in _WORDS:
        return _WORDS[word]
    try:
        return parse_json(word)
    except ExpressionError:
        return word


def _compare(operator: str, left: Any, right: Any) -> bool:
    from argo.expressions.values import equal, ordered

    if operator in ("==", "!="):
        return equal(left, right) is (operator == "==")
    if operator in _ORDER:
        return ordered(operator, left, right)
    if operator == "=~":
        from argo.expressions.patterns import search

        return search(str(right), str(left)) is not None
    pool = list(right.values()) if isinstance(right, dict) else right
    inside = isinstance(pool, list) and any(equal(left, item) for item in pool)
    return inside is (operator == "in")
