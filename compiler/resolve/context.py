"""Holds what the parts of `resolve` share: the workspace, the diagnostics so far, the texts already parsed."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Any

from compiler.diagnostics import Diagnostic, diagnostic
from compiler.models.parts import InlineText, Input, StoredObject
from compiler.program import Literal_, LocalFile, ObjectKey, Origin, Workspace
from compiler.refs import OPEN, Ref, RefError, Text, parse
from compiler.resolve.texts import texts
from compiler.source import Path


class Context:
    """One resolution. `found` grows; nothing else changes but caches."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.found: list[Diagnostic] = []
        self._parsed: dict[str, str | Ref | Text] = {}

    def add(
        self,
        code: str,
        origin: Origin,
        message: str,
        *,
        hint: str | None = None,
        key: bool = False,
        within: tuple[int, int] | None = None,
    ) -> None:
        self.found.append(diagnostic(code, origin, message, hint=hint, key=key, within=within))

    def parse(self, text: str, origin: Origin, path: Path) -> str | Ref | Text | None:
        """A text's references; None, with a diagnostic at `path` below the origin, where one is malformed."""
        if OPEN not in text:
            return text
        known = self._parsed.get(text)
        if known is not None:
            return known
        try:
            known = self._parsed[text] = parse(text)
        except RefError as error:
            within = (error.start, error.end)
            self.add("A301", origin.at(*path), error.message, hint=error.hint, within=within)
            return None
        return known

    def refuse(self, value: Any, origin: Origin, hint: str = "", message: str = "") -> bool:
        """Reports every reference in a part of a definition where none is allowed; True where there is one."""
        found = [path for path, text in texts(value) if OPEN in text]
        for path in found:
            message = message or "references are not allowed here"
            hint = hint or "it is fixed when the DAG is compiled: write a constant"
            self.add("A304", origin.at(*path), message, hint=hint)
        return bool(found)

    def is_flawed(self, kind: str, name: str) -> bool:
        """True where a definition of that name is there, with mistakes that are reported already."""
        models = (flawed.definition.model for flawed in self.workspace.flawed)
        return any(model.kind == kind and model.name == name for model in models)

    def broken(self, kind: str, name: str) -> str | None:
        """A hint where a file that was read defines what is missing: mistakes of its own keep it from being used."""
        sign = re.compile(rf"^name:[ ]*['\"]?{re.escape(name)}['\"]?[ ]*(#.*)?$", re.MULTILINE)
        for source in self.workspace.sources.values():
            if f"kind: {kind}" in source.text and sign.search(source.text):
                return f"mend the mistakes in {source.name}, which defines it"
        return None

    def content(self, origin: Origin, name: str) -> bytes | None:
        """The content of a local file that a definition names; None, with a diagnostic, where it is missing."""
        content = self.workspace.files.get(origin.source.resolve(name))
        if content is None:
            self.add(
                "A317", origin, f"there is no file '{name}'", hint="the path is relative to the file that names it"
            )
        return content

    def default(self, given: Input, origin: Origin) -> LocalFile | ObjectKey | Literal_ | None:
        """Return an input's default; None where there is none, or its file is missing."""
        default = given.default
        if given.kind == "env" and isinstance(default, str | InlineText):
            self._check_dotenv(default, origin.at("default"))
        if isinstance(default, StoredObject):
            return ObjectKey(default.key, default.bucket)
        if isinstance(default, InlineText):
            return Literal_(default.text)
        if default is None:
            return None
        content = self.content(origin.at("default"), default)
        return None if content is None else LocalFile(default, content)

    def dotenv(self, origin: Origin, name: str, content: bytes) -> dict[str, str]:
        """The variables of a dotenv file that a definition names; its mistakes are reported at their lines."""
        from compiler.load import dotenv

        shown = str(PurePath(origin.source.name).parent / name)
        values, found = dotenv.parse(shown, content, origin.source.resolve(name))
        self.found.extend(found)
        return values

    def _check_dotenv(self, default: str | InlineText, origin: Origin) -> None:
        if isinstance(default, InlineText):
            from compiler.load import dotenv

            for mistake in dotenv.parse(origin.source.name, default.text.encode("utf-8", "surrogatepass"))[1]:
                self.add(mistake.code, origin.at("text"), mistake.message, hint=mistake.hint)
        elif content := self.workspace.files.get(origin.source.resolve(default)):
            self.dotenv(origin, default, content)
