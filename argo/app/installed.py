"""How this Argosy was installed, and so what installs more of it."""

from __future__ import annotations

import json
import shlex
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import unquote, urlsplit


def install(extra: str) -> str:
    """The command that adds the packages of an extra to this installation, from where it came: a checkout, a wheel,
    or an index."""
    return f"{shlex.quote(sys.executable)} -m pip install {_requirement(extra)}"


def _requirement(extra: str) -> str:
    try:
        origin = _origin(distribution("argosy"))
    except PackageNotFoundError:  # it is run from a checkout as it is
        origin = {"url": Path(__file__).parents[2].as_uri(), "dir_info": {"editable": True}}
    url = str(origin.get("url") or "")
    if not url:
        return shlex.quote(f"argosy[{extra}]")
    folder = origin.get("dir_info")
    if isinstance(folder, dict) and folder.get("editable"):
        path = Path(unquote(urlsplit(url).path))
        return "-e " + shlex.quote(f"{'.' if path == Path.cwd() else path}[{extra}]")
    return shlex.quote(f"argosy[{extra}] @ {url}")


def _origin(found: Distribution) -> dict[str, object]:
    """Where it was installed from, as pip keeps it (PEP 610); empty where that was an index."""
    value = json.loads(found.read_text("direct_url.json") or "{}")
    return value if isinstance(value, dict) else {}
