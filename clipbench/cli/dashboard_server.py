"""TensorBoard itself, in this process: its server at this machine's own address, in a thread."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tensorboard import default, program
from tensorboard.data import server_ingester
from tensorboard.plugins.projector.projector_plugin import ProjectorPlugin

from clipbench.cli.errors import ConfigError

HOST = "127.0.0.1"
# Whole curves, not samples of them. Never 0, which is said to keep all and keeps none.
KEPT = {"scalars": 100_000, "histograms": 1000, "images": 1000, "text": 100, "tensors": 1000}


def start_server(folder: Path, *, port: int | None, title: str) -> str:
    """Start serving the runs below a folder and return the address, without a slash at the end.

    It ends with the process.

    Args:
        folder: What is shown; it may still be empty.
        port: Where to serve; the first free one from 6006 on, if not given.
        title: Of the browser's window.

    Raises:
        ConfigError: The port cannot be had.
    """
    board = program.TensorBoard(plugins=_plugins())
    board.configure(
        logdir=str(folder),
        host=HOST,
        port=port,
        window_title=title,
        samples_per_plugin=KEPT,
        load_fast=_fast_loader(),
        reload_interval=5.0,
    )
    try:
        address = board.launch()
    except program.TensorBoardServerException as error:
        raise ConfigError([f"{error.msg}; name another with --port"]) from error
    return address.rstrip("/")


def _plugins() -> list[Any]:
    """Return TensorBoard's plugins without the projector, which no run of ours has anything for.

    It opens whatever files a folder of runs names in its projector_config.pbtxt, and serves them.
    """
    return [plugin for plugin in default.get_plugins() if plugin is not ProjectorPlugin]


def _fast_loader() -> str:
    """Choose TensorBoard's fast loader where it is installed, without its notice about it."""
    try:
        server_ingester.get_server_binary()
    except server_ingester.NoDataServerError:
        return "false"
    return "true"
