"""The gates on the house itself: its shape, its lists, what it may say and what it may import."""

from __future__ import annotations

import ast
import random
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts import documents, structure

ROOT = Path(__file__).resolve().parents[2]
TEXT = {".py", ".md", ".yaml", ".yml", ".toml", ".j2", ".json", ".txt", ".csv", ".cfg", ".sh", ""}
LARGEST = 200_000  # bytes
LEFT_OUT = {".git", ".venv", "out", "dist", "build", "golden", "__snapshots__", "__pycache__"}


def _files() -> Iterator[Path]:
    """The text files of the project, as they are."""
    for top in sorted(ROOT.iterdir()):
        paths = top.rglob("*") if top.is_dir() else [top]
        if top.name in LEFT_OUT or (top.name.startswith(".") and top.name not in {".ci", ".gitignore"}):
            continue
        for path in paths:
            if path.is_file() and path.suffix in TEXT and not LEFT_OUT.intersection(path.relative_to(ROOT).parts):
                yield path


def test_modules_and_functions_are_short_and_imports_have_no_cycle() -> None:
    count, wrong = structure.findings(ROOT, structure.DEFAULT)
    assert wrong == []
    assert count > 20


@pytest.mark.parametrize("name", documents.DOCUMENTS)
def test_the_generated_part_of_a_document_is_current(name: str) -> None:
    document = (ROOT / name).read_text(encoding="utf-8")
    assert documents.updated(document, documents.DOCUMENTS[name]()) == document, "run python -m scripts.documents"


def test_every_module_says_what_it_is_for() -> None:
    modules = structure.modules(ROOT, structure.DEFAULT).values()
    assert [module.name for module in modules if not ast.get_docstring(module.tree)] == []


def test_no_docstring_begins_with_a_question() -> None:
    """A first line is a sentence; the text of `pod_programs` is part of manifests, and stays as it is."""
    modules = structure.modules(ROOT, structure.DEFAULT).values()
    wrong = [
        f"{module.name}: {text.splitlines()[0]}"
        for module in modules
        if ".pod_programs." not in module.name
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if (text := ast.get_docstring(node) or "").startswith(("What ", "Whether "))
    ]
    assert wrong == []


def test_no_file_is_large_or_binary() -> None:
    """A wheel or a picture that was only tried does not come in with the code."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    paths = [ROOT / name for name in listed.stdout.decode().split("\0") if name] or list(_files())
    wrong = [
        path.relative_to(ROOT).as_posix()
        for path in paths
        if path.is_file() and (path.stat().st_size > LARGEST or b"\0" in path.read_bytes()[:8000])
        if path.relative_to(ROOT).parts[:2] != ("tests", "golden") and "_generated" not in path.parts
    ]
    assert wrong == []


def test_help_imports_no_heavy_library() -> None:
    code = (
        "import sys\n"
        "from argo.cli.app import run\n"
        "run(['--help'])\n"
        "heavy = {'pydantic', 'hera', 'kubernetes', 'minio', 'yaml', 'rich', 'jinja2', 'sqlite3', 'asyncio'}\n"
        "print('IMPORTED', *sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1].split() == ["IMPORTED"]


# Written in pieces, so that this file does not find itself.
FORBIDDEN = {
    "a machine's path": r"(?<![\w.])/(?:work/(?:main|plan|ref|shared|tools|venv)\b|home/[a-z]+/|Users/)",
    "a package registry's host": "|".join(["pypi" + r"\.org", "files\\.python" + "hosted", "proxy\\.go" + "lang"]),
    "a conflict left in": r"(?m)^(?:<{7}|>{7}) ",
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what])
    found = []
    for path in _files():
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if match := pattern.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {match[0]}")
    assert found == []


def test_labels_and_annotations_are_named_in_one_place() -> None:
    modules = (path for top in ("argo", "compiler") for path in (ROOT / top).rglob("*.py"))
    holding = [path for path in modules if re.search(r"(?<!://)argosy\.dev\b", path.read_text(encoding="utf-8"))]
    assert [path.relative_to(ROOT).as_posix() for path in holding] == ["compiler/labels.py"]


def test_the_checks_are_documented_and_no_other() -> None:
    registry = pytest.importorskip("compiler.codes")
    documented = ROOT / "docs" / "checks.md"
    assert documented.exists(), "docs/checks.md lists every diagnostic code"
    codes = re.findall(r"^#+ `?(A\d{3})\b", documented.read_text(encoding="utf-8"), re.MULTILINE)
    codes += re.findall(r"^\| `?(A\d{3})\b", documented.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(set(codes)) == sorted(registry.REGISTRY)


def test_no_code_stands_for_two_things() -> None:
    table = (ROOT / "compiler" / "codes.py").read_text(encoding="utf-8")
    codes = re.findall(r'^    \("(A\d{3})"', table, re.MULTILINE)
    assert len(codes) > 100
    assert codes == sorted(set(codes))


def test_every_diagnostic_has_a_case_that_gives_it() -> None:
    """A golden error case named for the code, or a test that names it."""
    from compiler.codes import REGISTRY

    golden = {path.name[:4] for path in (ROOT / "tests" / "golden" / "errors").iterdir()}
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert [code for code in sorted(REGISTRY) if code not in golden and f'"{code}"' not in tests] == []


def test_every_link_in_the_documents_leads_somewhere() -> None:
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    links = [(path, to) for path in documents for to in re.findall(r"\]\(([^)#\s]+)", path.read_text("utf-8"))]
    broken = [f"{path.name}: {to}" for path, to in links if "://" not in to and not (path.parent / to).exists()]
    assert broken == []


SECTIONS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")


def test_the_changelog_is_in_the_form_of_keep_a_changelog() -> None:
    """Versions from the newest to the oldest, each section once and in order, no entry twice."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    first, *versions = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    assert first.startswith("[Unreleased]\n")
    dates = [re.match(r"\[\d+\.\d+\.\d+\] - (\d{4}-\d{2}-\d{2})\n", version) for version in versions]
    assert all(dates)
    assert dates == sorted(dates, key=lambda found: found[1] if found else "", reverse=True)
    for version in (first, *versions):
        names = re.findall(r"^### (.+)$", version, re.MULTILINE)
        assert names == [name for name in SECTIONS if name in names]
    assert re.findall(r"^(?![-#]|  \S|$).*", text[text.index("## ") :], re.MULTILINE) == []
    entries = re.findall(r"^- .+(?:\n  .+)*", text, re.MULTILINE)
    assert len(set(entries)) == len(entries)


def test_hooks_before_a_commit_run_what_the_gate_runs() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]
    gate = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert [hook["entry"] for hook in hooks if hook["entry"] not in gate] == []


def _project() -> Any:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_nothing_draws_from_the_generator_that_all_threads_share() -> None:
    banned = _project()["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-api"]
    drawing = {
        name for name in vars(random) if isinstance(getattr(getattr(random, name), "__self__", None), random.Random)
    }
    assert len(drawing) > 20
    assert {f"random.{name}" for name in drawing} - set(banned) == set()


FIXED = {
    "h11": "0.16", "jinja2": "3.1.6", "pyjwt": "2.10.1", "python-multipart": "0.0.18", "starlette": "0.49.1",
    "urllib3": "2.6",
}  # fmt: skip
"""The first version of a dependency without the holes that are known of those before it."""


def test_no_dependency_may_have_a_known_hole() -> None:
    project = _project()["project"]
    every = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    floors = dict(found for line in every for found in re.findall(r"^([\w-]+)(?:\[[^]]*\])?>=([\d.]+)", line))

    def parts(version: str) -> list[int]:
        return [int(part) for part in version.split(".")]

    low = [name for name, least in FIXED.items() if parts(floors.get(name, "0")) < parts(least)]
    assert low == [], floors
