"""Hydra's loader of configuration, opened outside ``hydra.main``, and its errors in brief."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.config_loader import ConfigLoader
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins

from clipbench.cli.conf_dir import conf_dir
from clipbench.cli.errors import ConfigError
from clipbench.cli.hydra_set_up import filled_schemas
from clipbench.cli.option_files import refuse_bombs

CONFIG_NAME = "train"


@contextmanager
def open_loader(config_dir: str | None) -> Iterator[ConfigLoader]:
    """Give a loader that searches what ``hydra.main`` would; the global state is cleared after."""
    search_path = create_config_search_path(str(conf_dir()))
    if config_dir is not None:
        extra = Path(config_dir).resolve()
        if not extra.is_dir():
            raise ConfigError([f"--config-dir: there is no folder '{config_dir}'"])
        refuse_bombs(extra)
        before_schema = SearchPathQuery(provider="schema")
        search_path.prepend("command-line", f"file://{extra}", before_schema)
    Plugins.instance()
    GlobalHydra.instance().clear()
    hydra = Hydra.create_main_hydra2(task_name="clipbench", config_search_path=search_path)
    try:
        with filled_schemas():
            yield hydra.config_loader
    finally:
        GlobalHydra.instance().clear()


def brief(error: Exception, lines: int = 2) -> str:
    """Return an error of Hydra's in brief, without its advice to add a plus sign."""
    text = "\n".join(str(part) for part in (error, error.__cause__) if part is not None)
    kept = [line.strip() for line in text.splitlines() if line.strip()]
    kept = [line for line in kept if "+" not in line and "full_key" not in line]
    return " ".join(dict.fromkeys(kept[:lines])) or type(error).__name__
