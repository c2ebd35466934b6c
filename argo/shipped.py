"""Finds what ships with Argosy: templates, assets and dags, in the checkout and in the wheel alike."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

Kind = Literal["templates", "assets", "dags"]


def folder(kind: Kind) -> Path:
    """The folder of what ships: beside the packages in a checkout, in `argo/_shipped` in a wheel.

    Raises FileNotFoundError when the installation is incomplete.
    """
    here = Path(__file__).resolve().parent
    for candidate in (here / "_shipped" / kind, here.parent / kind):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"this installation of Argosy lacks its {kind}: install it again")


def root() -> Path | None:
    """The folder that holds the shipped assets and DAGs; None where this installation lacks them."""
    try:
        return folder("assets").parent
    except FileNotFoundError:
        return None
