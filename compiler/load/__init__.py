"""Files -> models: YAML with positions, Python definitions, Hera, dotenv; mistakes -> diagnostics."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compiler.load.workspace import load

__all__ = ["load"]


def __getattr__(name: str) -> Any:
    if name == "load":  # pydantic is imported only by who loads definitions, not by who reads a dotenv file
        from compiler.load.workspace import load

        return load
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
