"""The folder that TensorBoard is shown: links to runs, under the names that reports give them.

TensorBoard calls a run by its folder, and a sweep's folders repeat all that was typed. Here a
configuration is called by what tells it apart within its sweep: ``learnable/seed=0``, and
``_summary/learnable`` for the mean over its seeds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from clipbench.analysis.labels import labels
from clipbench.analysis.load import Run
from clipbench.records.layout import SUMMARY

MOST_LETTERS = 120


class RunTree:
    """Keeps links in a folder.

    Args:
        folder: The folder, of our own.
        roots: Where the runs lie, without links; each holds runs of its own.
    """

    def __init__(self, folder: Path, roots: Sequence[Path]) -> None:
        self.folder = folder
        self._roots = dict(zip(roots, _distinct(roots), strict=True))
        self._links: dict[Path, Path] = {}

    def update(self, runs: Iterable[Run]) -> None:
        """Show these runs and the means over their seeds, and nothing else."""
        wanted = {self.folder / name: target for name, target in self._named(list(runs)).items()}
        for link, _ in self._links.items() - wanted.items():
            link.unlink()
        for link, target in wanted.items() - self._links.items():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(target)
        self._links = wanted

    def names(self) -> list[str]:
        """Return what the runs are called, without the means over seeds."""
        names = [str(link.relative_to(self.folder)) for link in self._links]
        return sorted(name for name in names if SUMMARY not in Path(name).parts)

    def _named(self, runs: list[Run]) -> dict[str, Path]:
        """Return the folder shown under each name."""
        names: dict[str, Path] = {}
        for sweep, members in _by_sweep(runs).items():
            if not any(sweep.is_relative_to(root) for root in self._roots):
                continue  # what was named is one configuration of it, or one run
            called = _labels(members)
            place = self._place(sweep)
            for run in members:
                names[f"{place}{called[run.path.parent]}/{run.path.name}"] = run.path
            for configuration, label in called.items():
                mean = sweep / SUMMARY / configuration.name
                if mean.is_dir():
                    names[f"{place}{SUMMARY}/{label}"] = mean
        shown = set(names.values())
        for run in runs:
            if run.path not in shown:
                names.setdefault(self._place(run.path).rstrip("/") or run.path.name, run.path)
        # What lies in a folder that is shown is shown with it; a link there would lie in a run.
        return {name: path for name, path in names.items() if not _ancestors(name) & names.keys()}

    def _place(self, path: Path) -> str:
        """Return where a folder lies, with a slash at the end; nothing for the only root."""
        root = next(root for root in self._roots if path.is_relative_to(root))
        below = path.relative_to(root).parts
        parts = below if len(self._roots) == 1 else (self._roots[root], *below)
        return "".join(f"{part}/" for part in parts)


@contextmanager
def run_tree(roots: Sequence[Path]) -> Iterator[RunTree]:
    """Give a tree in a temporary folder that goes at the end."""
    with TemporaryDirectory(prefix="clipbench-tb-") as folder:
        yield RunTree(Path(folder), roots)


def _by_sweep(runs: Iterable[Run]) -> dict[Path, list[Run]]:
    """Gather the runs that lie as ``SWEEP/CONFIGURATION/seed=N``."""
    sweeps: dict[Path, list[Run]] = {}
    for run in runs:
        if run.seed is not None and run.path.name == f"seed={run.seed}":
            sweeps.setdefault(run.path.parent.parent, []).append(run)
    return sweeps


def _labels(members: Sequence[Run]) -> dict[Path, str]:
    """Name the configurations of a sweep, by folder; where two share a name, as their folders."""
    by_group = labels(members)
    named = {run.path.parent: _as_folder(by_group[run.group]) for run in members}
    shared = Counter(named.values())
    return {folder: label if shared[label] == 1 else folder.name for folder, label in named.items()}


def _ancestors(name: str) -> set[str]:
    return {str(parent) for parent in Path(name).parents}


def _as_folder(label: str) -> str:
    safe = "".join("_" if letter == "/" or not letter.isprintable() else letter for letter in label)
    return safe[:MOST_LETTERS].strip(" .") or "_"


def _distinct(roots: Sequence[Path]) -> list[str]:
    """Return a name for each folder: its own, with as many parents' as tell them all apart."""
    for depth in range(1, max(len(root.parts) for root in roots)):
        names = ["_".join(root.parts[-depth:]) for root in roots]
        if len(set(names)) == len(names):
            return names
    return [f"{number}_{root.name}" for number, root in enumerate(roots)]
