"""How a report is asked for and where it goes: words checked, runs chosen, files written."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from clipbench.analysis.comparison_table import CELLS, known_tags
from clipbench.analysis.escape import plain
from clipbench.analysis.findings import Findings, find
from clipbench.analysis.guide import CELLS as GUIDE_CELLS
from clipbench.analysis.history import read_histories
from clipbench.analysis.load import UNREADABLE, Run, load_runs
from clipbench.analysis.lost import arms_of
from clipbench.analysis.metrics import is_share
from clipbench.analysis.tables import Table
from clipbench.analysis.where import Condition, known_keys, parse
from clipbench.cli.errors import DONE, ConfigError
from clipbench.cli.nearest import nearest
from clipbench.cli.report_text import UNBOUNDED, as_data, as_text, terminal_width
from clipbench.records.durable import write_bytes
from clipbench.records.reading import RunError

PAGE = "report.html"


def report(parsed: argparse.Namespace) -> int:
    """Make the report that a command line asks for, show or write it, and return the exit code.

    Raises:
        ConfigError: A column, key, reference or metric is not there; the nearest one is named.
        RunError: A path holds no run.
    """
    runs, left_out = _chosen_runs(parsed.paths, parsed.where)
    findings = _find(runs, parsed)
    if parsed.format == "html":
        return _write_page(findings, parsed, left_out)
    tables = _tables(findings, parsed)
    if parsed.format == "table":
        width = terminal_width() if parsed.output is None else UNBOUNDED
        text = as_text(tables, findings, width=width, notes=left_out)
    else:
        text = as_data(parsed.format, tables, findings, notes=left_out, metric=parsed.metric)
    if parsed.output is None:
        print(text, end="")
        return DONE
    return _write(parsed.output, text)


def _tables(findings: Findings, parsed: argparse.Namespace) -> list[Table]:
    known = list(GUIDE_CELLS if parsed.guide else CELLS)
    extra = [] if parsed.guide else [*known_tags(findings.runs), *known_keys(findings.runs)]
    keys = known if parsed.columns is None else [word.strip() for word in parsed.columns.split(",")]
    order = (parsed.sort or "").removeprefix("-")
    _refuse_unknown([*keys, *([order] if order else [])], [*known, *extra], "column")
    needed = [*keys, order] if order and order not in keys else keys
    if parsed.guide:
        tables = findings.guides(read_histories(findings.runs), needed)
    else:
        tables = findings.tables(needed)
    if order:
        descending = parsed.sort.startswith("-")
        tables = [table.sorted_by(order, descending=descending) for table in tables]
    tables = [table.chosen(keys) for table in tables]
    return tables if parsed.guide else [*tables, *findings.together()]


def _chosen_runs(paths: Sequence[Path], where: Sequence[str]) -> tuple[list[Run], list[str]]:
    """Load the runs that meet all conditions; say how many do not."""
    runs = load_runs(paths)
    for path in paths:
        if not any(run.path.resolve().is_relative_to(path.resolve()) for run in runs):
            raise RunError(
                "There is no run here.", where=path, remedy="Name a run, or a folder of runs."
            )
    if not where:
        return runs, []
    conditions = _conditions(where, runs)
    kept = [run for run in runs if all(condition.holds(run) for condition in conditions)]
    if all(run.status == UNREADABLE for run in kept):
        raise ConfigError([f"--where: none of the {len(runs)} runs meets {' and '.join(where)}"])
    gone = f"{len(runs) - len(kept)} of {len(runs)} runs left out by --where {' '.join(where)}"
    return kept, [gone]


def _conditions(where: Sequence[str], runs: Sequence[Run]) -> list[Condition]:
    try:
        conditions = [parse(text) for text in where]
    except ValueError as error:
        raise ConfigError([f"--where: {error}"]) from error
    _refuse_unknown([condition.key for condition in conditions], known_keys(runs), "key")
    return conditions


def _find(runs: Sequence[Run], parsed: argparse.Namespace) -> Findings:
    tags = known_tags(runs)
    if tags:
        _refuse_unknown([parsed.metric], tags, "metric")
    within = [word.strip() for word in parsed.within.split(",") if word.strip()]
    _refuse_unknown(within, ["data", "model"], "group to compare within")
    settle = _in_fractions(parsed.settle, parsed.metric)
    if parsed.reference is not None:
        comparisons = find(runs, metric=parsed.metric, within=within).comparisons
        arms = [arm for comparison in comparisons for arm in arms_of(comparison)]
        names = {name for arm in arms for name in (arm.label, arm.clip)}
        _refuse_unknown([parsed.reference], sorted(names), "configuration")
    return find(
        runs, metric=parsed.metric, reference=parsed.reference, within=within, settle=settle
    )


def _in_fractions(settle: float | None, metric: str) -> float | None:
    """Return a difference in the metric's own unit; of a share it is typed as shown, in points."""
    if settle is None:
        return None
    if not settle > 0:
        raise ConfigError([f"--settle: a difference is positive, got {settle:g}"])
    return settle / 100 if is_share(metric) else settle


def _refuse_unknown(words: Sequence[str], known: Sequence[str], what: str) -> None:
    faults = [
        f"there is no {what} '{word}'; {nearest(word, known)}"
        for word in words
        if word not in known
    ]
    if faults:
        raise ConfigError(faults)


def _write_page(findings: Findings, parsed: argparse.Namespace, left_out: Sequence[str]) -> int:
    # Here and not above: it brings matplotlib and jinja2, which no other format needs.
    from clipbench.analysis.pages import page

    content = page(findings, name=", ".join(map(str, parsed.paths)), notes=left_out)
    return _write(parsed.output or parsed.paths[0] / PAGE, content)


def _write(file: Path, text: str) -> int:
    if not file.parent.is_dir():
        raise ConfigError([f"--output: there is no folder {file.parent}"])
    write_bytes(file, text.encode("utf-8", errors="backslashreplace"))
    print(plain(str(file)))
    return DONE
