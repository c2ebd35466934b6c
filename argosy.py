"""Starts the `argosy` command. It lies beside the packages, whose names `argo` and `compiler` others may have taken."""

from __future__ import annotations

import sys

PACKAGES = ("argo", "compiler")


def main() -> None:
    """Run the command line and exit the process with its exit code."""
    try:
        from argo.cli import main as command
    except Exception:
        if (found := displaced()) is None:
            raise
        sys.stderr.write("error: {}\n  next: {}\n".format(*found))
        sys.exit(3)
    command(displaced)


def displaced() -> tuple[str, str] | None:
    """Look for other modules of our packages' names: what was found, and what to do; None where there are none."""
    for package in PACKAGES:
        if others := _owners(package):
            names = " ".join(name for name, _ in others)
            uninstall = f"{sys.executable} -m pip uninstall {names}"
            shown = ", ".join(f"{name} {version}" for name, version in others)
            return (
                f"{shown} has a package named {package}, too: Argosy cannot be installed beside it",
                f"give Argosy an environment of its own, or install it again after {uninstall}",
            )
        if where := _elsewhere(package):
            return (
                f"{package} is imported from {where}, which is not Argosy's",
                "rename it, or take its folder out of PYTHONPATH",
            )
    return None


def _owners(package: str) -> list[tuple[str, str]]:
    """The other installed distributions that have a package of this name, with their versions."""
    from importlib.metadata import packages_distributions, version

    names = {name for name in packages_distributions().get(package, ()) if name.lower() != "argosy"}
    return [(name, version(name)) for name in sorted(names)]


def _elsewhere(package: str) -> str:
    """Where the package is imported from, unless that is beside this file."""
    from importlib.machinery import PathFinder
    from pathlib import Path

    spec = PathFinder.find_spec(package)
    where = "" if spec is None else spec.origin or next(iter(spec.submodule_search_locations or ()), "")
    own = Path(__file__).resolve().parent / package
    return "" if not where or Path(where).resolve() in (own, own / "__init__.py") else where


if __name__ == "__main__":
    main()
