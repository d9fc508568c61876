"""What Hydra must know before it is imported or used: our plugins, and a warning of no concern."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PLUGINS = str(Path(__file__).parent / "plugins")
if _PLUGINS not in sys.path:
    sys.path.append(_PLUGINS)  # Hydra looks for plugins once, when it is first used


@contextmanager
def filled_schemas() -> Iterator[None]:
    """Let our files in ``conf/hydra/launcher`` fill in the schemas that launchers bring.

    Hydra does so where names are equal, and warns that it might stop; names are what users type.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"\s*'hydra/launcher/.*is validated against")
        yield


def let_workers_find_plugins() -> None:
    """Put the folder of our plugins on the path of every Python that is started from here."""
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    if _PLUGINS not in paths:
        os.environ["PYTHONPATH"] = os.pathsep.join([*paths, _PLUGINS])
