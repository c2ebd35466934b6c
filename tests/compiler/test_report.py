"""Reports: excerpts with carets under tabs, wide characters and long lines; JSON, GitHub, SARIF."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from compiler.diagnostics import Diagnostic, Related, at, did_you_mean
from compiler.report import char_width, github, json_list, sarif, summary, text
from compiler.source import SourceFile


def excerpt(line: str, start: int, end: int) -> tuple[str, str]:
    report = text([at("A104", SourceFile("f", line).at(start, end), "wrong")])
    shown, caret = report.splitlines()[3:5]
    return shown.removeprefix("1 | "), caret.removeprefix("  | ")


def columns(value: str) -> int:
    return sum(map(char_width, value))


def test_whole_report() -> None:
    source = SourceFile("a.yaml", "x: 1\nyy: 22\n")
    related = (Related(source.at(0, 1), "the first one is here"),)
    diagnostic = at("A105", source.at(5, 7), "the key yy stands twice", hint="remove one", related=related)
    assert text([diagnostic]) == (
        "error[A105]: the key yy stands twice\n"
        " --> a.yaml:2:1\n"
        "  |\n"
        "2 | yy: 22\n"
        "  | ^^\n"
        "  = note: the first one is here\n"
        " --> a.yaml:1:1\n"
        "  |\n"
        "1 | x: 1\n"
        "  | -\n"
        "  = hint: remove one\n"
        "\n"
        "1 error\n"
    )


def test_no_diagnostics_no_report() -> None:
    assert text([]) == ""


def test_colour_adds_nothing_but_colour() -> None:
    import re

    diagnostic = at("A601", SourceFile("f", "abc").at(1, 2), "m", hint="h")
    coloured = text([diagnostic], color=True)
    assert "\x1b[1;36m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == text([diagnostic])


def test_tabs_and_wide_characters_are_aligned() -> None:
    shown, caret = excerpt("\t漢字: é x", 6, 7)
    assert shown == "    漢字: é x"
    assert caret == " " * 11 + "^"


def test_input_cannot_steer_the_terminal() -> None:
    report = text([at("A104", SourceFile("f\x1b", "a\x1b[2J\u202eb\x07").at(0, 1), "m\x1b", hint="\x9b")])
    assert not {unicodedata.category(character) for character in report.replace("\n", "")} & {"Cc", "Cf"}
    assert "a\\x1b[2J\\u202eb\\x07" in report


@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), min_size=1, max_size=400), st.data()
)
def test_the_caret_stands_under_the_mistake(line: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(line) - 1))
    end = data.draw(st.integers(start + 1, len(line)))
    shown, caret = excerpt(line, start, end)
    assert columns(shown) <= 125
    assert caret.strip(" ^") == ""
    before = caret.index("^")
    assert before + caret.count("^") <= max(columns(shown), 1) + 1


def test_a_long_line_is_cut_around_the_caret() -> None:
    shown, caret = excerpt("a" * 500 + "HERE" + "b" * 500, 500, 504)
    assert shown.startswith("…a")
    assert shown.endswith("b…")
    assert shown[caret.index("^") :].startswith("HERE")
    assert caret.count("^") == 4


def test_summary_counts() -> None:
    span = SourceFile("f", "x").at(0)
    items = [at("A104", span, ""), at("A104", span, ""), at("A601", span, "")]
    assert summary(items) == "2 errors, 1 note"


def test_json_has_exactly_the_fields_promised() -> None:
    source = SourceFile("f", "x\ny")
    items = [
        at("A104", source.at(2), "later"),
        at("A601", source.at(0), "first", hint="h"),
        Diagnostic("A104", "no place"),
    ]
    assert json_list(items) == [
        {
            "code": "A104",
            "severity": "error",
            "file": None,
            "line": None,
            "column": None,
            "message": "no place",
            "hint": None,
        },
        {"code": "A601", "severity": "note", "file": "f", "line": 1, "column": 1, "message": "first", "hint": "h"},
        {"code": "A104", "severity": "error", "file": "f", "line": 2, "column": 1, "message": "later", "hint": None},
    ]


def test_github_escapes() -> None:
    item = at("A601", SourceFile("a,b:c.yaml", "x").at(0), "50%\nof", hint="h")
    assert github([item]) == "::notice file=a%2Cb%3Ac.yaml,line=1,col=1,title=A601::50%25%0Aof%0Ah\n"


def test_sarif() -> None:
    source = SourceFile("a b.yaml", "x: é\n")
    log = sarif([at("A105", source.at(3, 4), "m", related=[Related(source.at(0, 1), "r")])], "1.0")
    run = log["runs"][0]
    assert log["version"] == "2.1.0"
    assert run["tool"]["driver"]["rules"][0]["id"] == "A105"
    result = run["results"][0]
    assert result["level"] == "error"
    assert result["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "a%20b.yaml"},
        "region": {"startLine": 1, "startColumn": 4, "endLine": 1, "endColumn": 5},
    }
    assert result["relatedLocations"][0]["message"] == {"text": "r"}


def test_did_you_mean() -> None:
    assert did_you_mean("comand", ["command", "args"]) == "did you mean 'command'?"
    assert did_you_mean("working_dir", ["workingDir"]) == "did you mean 'workingDir'?"
    assert did_you_mean("xyz", ["command"]) is None
