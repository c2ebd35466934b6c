"""Semantic versions: their order, and which of them a text means."""

from __future__ import annotations

from typing import Any


def precedence(version: str) -> tuple[Any, ...]:
    """A key that sorts versions (semver.org, item 11): a pre-release comes before its release, build metadata is
    nothing."""
    release, _, pre = version.partition("+")[0].partition("-")
    parts = tuple((not p.isdigit(), int(p) if p.isdigit() else 0, p) for p in pre.split(".")) if pre else ()
    return (*map(int, release.split(".")), not pre, parts)


def matches(version: str, wanted: str) -> bool:
    """True where a version is meant by `2`, `2.1`, `2.1.0` or nothing; a pre-release only where it is named in full."""
    bare = version.partition("+")[0]
    if wanted in (version, bare):
        return True
    return "-" not in bare and (not wanted or bare.startswith(f"{wanted}."))
