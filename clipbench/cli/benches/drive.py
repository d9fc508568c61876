"""A bench from the first word to the last line: asked, measured, shown, kept."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from tqdm import tqdm

from clipbench.bench.commands import CommandFailed
from clipbench.bench.measure import Part
from clipbench.bench.results import Results, here, read_results, write_results
from clipbench.cli.assemble import pick_device
from clipbench.cli.benches.clips import measure_clips
from clipbench.cli.benches.commands import measure_seeds, measure_start_up
from clipbench.cli.benches.data import measure_data
from clipbench.cli.benches.request import Asked, How, request
from clipbench.cli.benches.step import measure_step
from clipbench.cli.benches.text import comparison_lines, result_lines
from clipbench.cli.errors import DONE, ConfigError
from clipbench.cli.report_text import terminal_width
from clipbench.records.durable import write_bytes
from clipbench.training.memory import keep_freed_memory

MEASURES: dict[str, Callable[[Asked, How, Callable[[], None]], Part]] = {
    "clips": measure_clips,
    "step": measure_step,
    "seeds": measure_seeds,
    "startup": measure_start_up,
    "data": measure_data,
}


def bench(parts: Sequence[str], overrides: Sequence[str], parsed: argparse.Namespace) -> int:
    """Measure the parts, print what was found, write what was asked for; return the exit code.

    Raises:
        ConfigError: A word is wrong, or a file cannot be where it shall be written.
        RunError: The earlier bench cannot be read.
        OSError: A file cannot be written.
    """
    _check_files(parsed.json, parsed.figure)
    earlier = None if parsed.against is None else read_results(parsed.against)
    asked = request(parts, overrides, config_dir=parsed.config_dir)
    how = How(
        repeats=parsed.repeats,
        shape=parsed.shape,
        compile=not parsed.no_compile,
        config_dir=parsed.config_dir,
        told=_tell,
    )
    try:
        results = _measure(asked, how)
    except CommandFailed as error:
        print(f"clipbench: {error}", file=sys.stderr)
        return error.code
    print("\n".join(result_lines(results, width=terminal_width())))
    if earlier is not None:
        print("\n".join(comparison_lines(results, earlier, width=terminal_width())))
    _write(results, json=parsed.json, figure=parsed.figure)
    return DONE


def _measure(asked: dict[str, Asked], how: How) -> Results:
    keep_freed_memory()  # as every run does
    device = pick_device(next(iter(asked.values())).config["trainer"]["device"])
    with tqdm(unit="run", disable=not sys.stderr.isatty(), leave=False) as bar:

        def told() -> None:
            bar.update()

        done = [MEASURES[part](one, how, told) for part, one in asked.items()]
    return here(done, device=_name(device), threads=torch.get_num_threads())


def _write(results: Results, *, json: Path | None, figure: Path | None) -> None:
    if json is not None:
        write_results(json, results)
        print(f"every value: {json}")
    if figure is not None:
        from clipbench.cli.benches.figure import draw

        write_bytes(figure, draw(results.parts))
        print(f"figure: {figure}")


def _check_files(json: Path | None, figure: Path | None) -> None:
    """Refuse, before minutes are spent, what could not be written after them."""
    named = {"--json": json, "--figure": figure}
    faults = [
        f"{flag}: there is no folder {path.parent}"
        for flag, path in named.items()
        if path is not None and not path.parent.is_dir()
    ]
    if figure is not None and figure.suffix != ".svg":
        faults.append(f"--figure: it is drawn as SVG; name it {figure.with_suffix('.svg')}")
    if faults:
        raise ConfigError(faults)


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _tell(text: str) -> None:
    tqdm.write(text, file=sys.stderr)
