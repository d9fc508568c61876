"""Where the configuration lies."""

from __future__ import annotations

from pathlib import Path


def conf_dir() -> Path:
    """Return the folder of the configuration: inside the package (wheel) or beside it (checkout)."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "conf"
    return inside if inside.is_dir() else package.parent / "conf"
