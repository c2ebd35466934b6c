"""Words and signs for phases and durations, the same in every view."""

from __future__ import annotations

from datetime import datetime

SIGNS = {
    "Succeeded": ("✔", "green"),
    "Failed": ("✖", "red"),
    "Error": ("⚠", "red"),
    "Running": ("●", "cyan"),
    "Pending": ("◷", "yellow"),
    "Skipped": ("○", "dim"),
    "Omitted": ("○", "dim"),
}
PAUSED = ("‖", "magenta")


def sign(phase: str, kind: str = "") -> tuple[str, str]:
    """A phase's sign and colour (a rich style); a suspend node that waits has its own."""
    if kind == "Suspend" and phase == "Running":
        return PAUSED
    return SIGNS.get(phase, ("?", "yellow"))


def duration(seconds: float | None) -> str:
    """`45s`, `3m 05s`, `2h 07m`, `3d 04h`; empty for None."""
    if seconds is None:
        return ""
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    if whole < 86400:
        return f"{whole // 3600}h {whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d {whole % 86400 // 3600:02d}h"


def age(moment: datetime | None, now: datetime) -> str:
    """How long ago, in the largest unit."""
    return duration((now - moment).total_seconds()).split(" ")[0] if moment else ""
