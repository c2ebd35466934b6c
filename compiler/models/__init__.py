"""Frozen pydantic models of the definitions; unknown fields are refused."""

from compiler.models.asset import ComputeAsset
from compiler.models.dag import Dag, Task
from compiler.models.project import Profile, Project

__all__ = ["ComputeAsset", "Dag", "Profile", "Project", "Task"]
