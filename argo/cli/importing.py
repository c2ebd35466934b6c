"""Files of other systems -> the definitions that `argosy assets import` writes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compiler.diagnostics import Diagnostic

PROFILE = "workflow-api"


def imported(files: Iterable[Path]) -> tuple[list[tuple[Path, str]], list[Diagnostic]]:
    """Convert files of other systems to the files to write (path below the project, text), and say what is wrong."""
    from compiler.load.files import File
    from compiler.load.foreign.convert import convert

    made: list[tuple[Path, str]] = []
    found: list[Diagnostic] = []
    for path in files:
        if path.suffix in (".cfg", ".ini"):
            project, more = _project(path)
            found += more
            made += [(Path("argosy.yaml"), _text(path, project))] if project else []
            continue
        converted = convert(File(str(path.absolute()), str(path), named=True))
        found += converted.diagnostics
        for data in converted.definitions:
            folder = "dags" if data["kind"] == "Dag" else "assets"
            made.append((Path(folder, f"{data['name']}.yaml"), _text(path, data)))
    return made, found


def _text(path: Path, data: dict[str, Any]) -> str:
    from compiler.render import yaml

    return f"# From {path.name}\n{yaml(_plain(data)).decode()}"


def _plain(value: Any) -> Any:
    """Dates as text, tuples as lists."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.isoformat() if hasattr(value, "isoformat") else value


def _project(path: Path) -> tuple[dict[str, Any] | None, list[Diagnostic]]:
    from compiler.diagnostics import at
    from compiler.load.files import read_file
    from compiler.load.foreign import workflow_api
    from compiler.source import SourceFile

    try:
        settings, found = workflow_api.read(str(path), read_file(str(path)), str(path.absolute()))
    except OSError as error:
        return None, [at("A101", SourceFile(str(path), "").at(0, 0), f"cannot read the file: {error.strerror}")]
    if settings is None:
        return None, found
    profile = settings.profile(_context(settings.kubeconfig))
    return {"kind": "Project", "default": PROFILE, "profiles": {PROFILE: profile}}, found


def _context(kubeconfig: str) -> str:
    """The current context of a kubeconfig, `default` where it cannot be read."""
    import yaml

    try:
        data = yaml.safe_load(Path(kubeconfig).expanduser().read_text(encoding="utf-8")) if kubeconfig else None
        return str(data["current-context"]) if isinstance(data, dict) and data.get("current-context") else "default"
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return "default"
