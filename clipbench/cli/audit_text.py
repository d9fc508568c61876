"""How an audit reads: a table of all clips, a page about one, lines about a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from clipbench.audit.gradient import GradientReport
from clipbench.audit.groups import Group, decay_of, rate_of
from clipbench.audit.movement import Course, distance, longest_zeros
from clipbench.audit.pulls import domain_hits
from clipbench.audit.run import RunReport
from clipbench.audit.static import StaticReport


def table_lines(reports: Mapping[str, StaticReport], *, specimen: str) -> list[str]:
    """Return one line a clip, then the counts and what was found where nothing should be."""
    lines = [f"{'clip':<20}{'verdict':<24}parameters"]
    for name, report in reports.items():
        lines.append(f"{name:<20}{report.verdict:<24}{_parameters(report)}".rstrip())
        if report.surprises:
            lines.append(f"{'':<20}its class declares {report.expected}")
    counts = Counter(report.verdict for report in reports.values())
    shown = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))
    specimens = [name for name, report in reports.items() if report.expected == specimen]
    lines += ["", f"{len(reports)} clips: {shown}"]
    lines += [f"specimens, shipped to be convicted: {', '.join(specimens)}"] if specimens else []
    for name, report in reports.items():
        lines += [f"{name}/{finding}" for finding in report.findings]
    return lines


def detail_lines(target: str, report: StaticReport) -> list[str]:
    """Return the page about one module."""
    lines = [f"{'module':<16}{target}", f"{'verdict':<16}{report.verdict}{_declared(report)}"]
    lines += [
        f"{'parameter':<16}{gradient.name.removesuffix('.raw'):<13} {gradient.verdict:<24}"
        f"{_why(gradient)}".rstrip()
        for gradient in report.gradients
    ]
    lines += _tie_lines(report)
    lines += [
        f"{'chain factor':<16}{chain.threshold} under {chain.positivity}: value "
        f"{chain.value:.4g}, slope {chain.autograd:.4g} (differences {chain.difference:.4g})"
        for chain in report.chains
    ]
    if not report.findings:
        lines.append(f"{'findings':<16}none: signs, dtypes and vmap hold")
    return [*lines, *(str(finding) for finding in report.findings)]


def run_lines(path: Path, report: RunReport) -> list[str]:
    """Return what each learned threshold of a run did, what else learns, then each finding."""
    lines = [line for course in report.courses for line in _course_lines(course)]
    lines += [
        f"{subject:<20} no threshold to follow; {_held(group)}"
        for subject, group in report.untraced.items()
    ]
    if not lines and not report.findings:
        return [f"{path}: nothing to learn"]
    return [*lines, *(map(str, report.findings) if report.findings else ["no finding"])]


def _course_lines(course: Course) -> Iterator[str]:
    trajectory, group = course.trajectory, course.group
    gradients = trajectory.gradients()
    window = "unknown" if trajectory.window is None else f"{100 * trajectory.window:.3g} %"
    yield (
        f"{course.subject:<20} {trajectory.start.mean:.4g} -> {trajectory.end.mean:.4g}, "
        f"moved {distance(trajectory):.2g} of {trajectory.budget():.2g} its rates allow"
    )
    zeros = sum(size == 0.0 for size in gradients)
    row = f" ({longest_zeros(course)} in a row)" if zeros > 0 else ""
    yield (
        f"{'':<20} {_held(group)}; "
        f"window {window}; gradient in {len(gradients)} of {len(trajectory.samples)} samples, "
        f"zero in {zeros}{row}; at an end of its domain in {domain_hits(course)}"
    )


def _held(group: Group | None) -> str:
    """Say what the optimizer's group of a parameter does to it."""
    if group is None:
        return "in no group of the optimizer"
    decay = decay_of(group)
    return f"rate {rate_of(group):.2g}, decay {'unknown' if decay is None else f'{decay:.2g}'}"


def _declared(report: StaticReport) -> str:
    if report.expected is None:
        return ""
    return (
        ", as declared" if not report.surprises else f", but its class declares {report.expected}"
    )


def _parameters(report: StaticReport) -> str:
    return "; ".join(f"{one.name.removesuffix('.raw')} {_brief(one)}" for one in report.gradients)


def _brief(report: GradientReport) -> str:
    if report.verdict == "SURROGATE":
        return f"bias {100 * report.bias:.0f} %"
    return "" if report.verdict == "NO_GRADIENT" else f"{report.difference:.0e}"


def _why(report: GradientReport) -> str:
    if report.verdict == "NO_GRADIENT":
        return ""
    formula = "" if report.formula is None else f", formula {report.formula:.0e}"
    return (
        f"bias {100 * report.bias:.1f} %, cosine {report.cosine:.3f}, "
        f"differences {report.difference:.0e}{formula}"
    )


def _tie_lines(report: StaticReport) -> Iterator[str]:
    if report.ties:
        yield f"{'ties':<16}{'input':>10} {'slope by':<14}{'below':>10}{'at':>10}{'above':>10}"
    for row in report.ties:
        cells = "".join(f"{'none' if s is None else f'{s + 0.0:.4g}':>10}" for s in row.slopes)
        yield f"{'':<16}{row.at:>10.4g} {row.of.removesuffix('.raw'):<14}{cells}"
