"""Where the configuration lies, and which options its groups hold."""

from __future__ import annotations

from pathlib import Path


def conf_dir() -> Path:
    """Return the folder of the configuration: in the package (wheel) or beside it (checkout)."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "conf"
    return inside if inside.is_dir() else package.parent / "conf"


def option_names(folder: Path, group: str) -> list[str]:
    """Return the options of a group in a folder, sorted; none where it has no such group."""
    return sorted(path.stem for path in (folder / group).glob("*.yaml"))
