"""Frozen pydantic models of the definitions; unknown fields are refused."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compiler.models.asset import ComputeAsset
    from compiler.models.behaviour import Backoff, Cache, Port, Retry, Sidecar
    from compiler.models.dag import Dag, Task
    from compiler.models.hardware import Gpu, Placement, Resources, Security, Toleration, Volume
    from compiler.models.offer import Bounds, Offer, Remote, Validity
    from compiler.models.parts import InlineText, Input, Output, Parameter, StoredObject
    from compiler.models.project import Profile, Project
    from compiler.models.settings import ConfigFile, ContinueOn, EnvSource, Limits, Pause, Schedule
    from compiler.models.variables import SecretRef

# Each model's module is imported when the model is first asked for: a compile of one DAG needs few of them.
_MODULES = {
    "asset": ("ComputeAsset",),
    "behaviour": ("Backoff", "Cache", "Port", "Retry", "Sidecar"),
    "dag": ("Dag", "Task"),
    "hardware": ("Gpu", "Placement", "Resources", "Security", "Toleration", "Volume"),
    "offer": ("Bounds", "Offer", "Remote", "Validity"),
    "parts": ("InlineText", "Input", "Output", "Parameter", "StoredObject"),
    "project": ("Profile", "Project"),
    "settings": ("ConfigFile", "ContinueOn", "EnvSource", "Limits", "Pause", "Schedule"),
    "variables": ("SecretRef",),
}
_PLACES = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [  # noqa: RUF022  (by module)
    "ComputeAsset",
    "Backoff", "Cache", "Port", "Retry", "Sidecar",
    "Dag", "Task",
    "Gpu", "Placement", "Resources", "Security", "Toleration", "Volume",
    "Bounds", "Offer", "Remote", "Validity",
    "InlineText", "Input", "Output", "Parameter", "StoredObject",
    "Profile", "Project",
    "ConfigFile", "ContinueOn", "EnvSource", "Limits", "Pause", "Schedule",
    "SecretRef",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
