"""Starts TensorBoard on some runs, prints its links, and follows the runs until it is stopped."""

from __future__ import annotations

import os
import sys
import time
import webbrowser
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from clipbench.analysis.load import Run, load_runs
from clipbench.cli.dashboard_link import by_seeds, charts_link, curves_link, pins
from clipbench.cli.dashboard_server import start_server
from clipbench.cli.errors import DONE, TERMINATED, describe
from clipbench.cli.run_tree import RunTree, run_tree
from clipbench.cli.stopping import StopRequest, stop_on_signals
from clipbench.records.journal import JOURNAL_FILE
from clipbench.records.reading import RunError
from clipbench.records.run_dir import RUN_FILE

REFRESH_SECONDS = 10.0
BUSY_SHARE = 0.05  # of the time, at most, goes into keeping up: the server needs the same process


def show_dashboard(paths: Sequence[Path], *, port: int | None, browser: bool) -> int:
    """Serve TensorBoard until Ctrl-C, which is how it ends well.

    Args:
        paths: Folders of runs.
        port: Where to serve; a free one if not given.
        browser: Whether to open the page, where there is a screen to see it on.

    Raises:
        RunError: A path is no folder.
        ConfigError: The port cannot be had.
    """
    roots = list(dict.fromkeys(path.resolve() for path in paths))
    runs = load_runs(roots)
    with stop_on_signals() as stop, run_tree(roots) as tree:
        tree.update(runs)
        title = ", ".join(root.name for root in roots)
        address = start_server(tree.folder, port=port, title=f"clipbench {title}")
        names = tree.names()
        curves = curves_link(address, pins(runs), names=names)
        charts = charts_link(address, names=names)
        print(_counted(runs))
        print(f"curves          {curves}")
        print(f"{'means ' if by_seeds(names) else 'charts'}          {charts}")
        print(f"configurations  {address}/#hparams", flush=True)
        if browser and _has_screen():
            webbrowser.open(curves)
        _follow(roots, tree, stop)
    return TERMINATED if stop.code == TERMINATED else DONE


def _counted(runs: Sequence[Run]) -> str:
    groups = {run.group for run in runs if run.seed is not None}
    return f"{len(runs)} runs of {len(groups)} configurations; Ctrl-C ends this"


def _follow(roots: Sequence[Path], tree: RunTree, stop: StopRequest) -> None:
    """Keep means over seeds and names up to date while runs go on, until the stop."""
    known: object = None
    while not stop():
        started = time.monotonic()
        state = _state(roots)
        if state != known:
            known = state
            _catch_up(roots, tree)
        spent = time.monotonic() - started
        until = time.monotonic() + max(REFRESH_SECONDS, spent / BUSY_SHARE)
        while not stop() and time.monotonic() < until:
            time.sleep(0.1)


def _catch_up(roots: Sequence[Path], tree: RunTree) -> None:
    # Here and not above: it brings scipy, and the page comes first.
    from clipbench.analysis.summary_runs import refresh_summaries

    try:
        for root in roots:
            refresh_summaries(root)
    except (OSError, RunError) as error:
        print(f"clipbench: no means over seeds: {describe(error)}", file=sys.stderr)
    tree.update(load_runs(roots))


def _state(roots: Sequence[Path]) -> dict[Path, tuple[int, int]]:
    """Return what changes when a run below the roots goes on or ends."""
    found = {}
    for root in roots:
        for name in (JOURNAL_FILE, RUN_FILE):
            for file in root.rglob(name):
                with suppress(FileNotFoundError):  # a run may begin anew at this very moment
                    seen = file.stat()
                    found[file] = (seen.st_size, seen.st_mtime_ns)
    return found


def _has_screen() -> bool:
    """Tell whether somebody sits before this: a terminal, and a display to open a window on."""
    shown = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return sys.stdout.isatty() and (bool(shown) or sys.platform in ("darwin", "win32"))
