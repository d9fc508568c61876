"""Campaign: TensorBoard after a kill and a resume, in its three readers, and damaged event files.

Run it from the top of a checkout: .venv/bin/python -m scripts.campaign_events [WHAT ...]
WHAT is `resume` or `damage`; both, if nothing is named.

- resume  kills a training at three moments and resumes it by the command, then looks at every curve
          through TensorBoard's two accumulators and its data server: steps must rise, and be those
          of the journal, value by value. So must they in a data server that was open all the while.
          An accumulator that was open stays with the file it had, which is gone, until TensorBoard
          is started again: of it is asked that no step repeats or goes back.
- damage  damages the event file of a run 200 times; the report must say the same, and `clipbench tb
          --rebuild` must bring every value back.

Every line is one figure; the last one reads `N of M`.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import attrgetter
from pathlib import Path

import numpy as np
from tensorboard.backend.event_processing import event_accumulator, plugin_event_accumulator
from tensorboard.util import tensor_util

from clipbench.cli.main import main as clipbench
from clipbench.records.curve import one_curve
from clipbench.records.journal import JOURNAL_FILE
from clipbench.records.scalars import read_scalars
from clipbench.records.tensorboard import EVENT_FILES
from scripts.malformed.case import base_run

EPOCHS, KILLED_AT = 60, (60, 250, 470)  # steps; an epoch has ten of them
DAMAGES = 200
PATIENCE = 90.0

Curves = dict[str, list[tuple[int, float]]]
Judge = Callable[[Curves, Curves], str]


def of_journal(run: Path) -> Curves:
    """Return the curves that the journal of a run holds, whatever attempts wrote it."""
    found: Curves = {}
    for sample in one_curve(read_scalars(run / JOURNAL_FILE)[0], step=attrgetter("step")):
        for tag, value in sample.scalars.items():
            points = found.setdefault(tag, [])
            if not points or points[-1][0] < sample.step:
                points.append((sample.step, value))
    return found


class Legacy:
    """TensorBoard's first accumulator."""

    def __init__(self, run: Path) -> None:
        self._reader = event_accumulator.EventAccumulator(str(run), size_guidance={"scalars": 0})

    def curves(self) -> Curves:
        """Read what is new and return all there is."""
        self._reader.Reload()
        tags = self._reader.Tags()["scalars"]
        return {t: [(e.step, e.value) for e in self._reader.Scalars(t)] for t in tags}


class Plugin:
    """The accumulator of TensorBoard's plugins, which has rules of its own on restarts."""

    def __init__(self, run: Path) -> None:
        sizes = {"tensors": 100_000}
        self._reader = plugin_event_accumulator.EventAccumulator(
            str(run), size_guidance=sizes, tensor_size_guidance={"scalars": 100_000}
        )

    def curves(self) -> Curves:
        """Read what is new and return all there is."""
        self._reader.Reload()
        found: Curves = {}
        for tag in self._reader.PluginTagToContent("scalars"):
            events = self._reader.Tensors(tag)
            found[tag] = [(e.step, _number(e.tensor_proto)) for e in events]
        return found


class Served:
    """TensorBoard's data server, asked as the page asks it."""

    def __init__(self, address: str) -> None:
        self._address = address

    def curves(self) -> Curves:
        """Return all there is, once it has stopped growing."""
        before: Curves | None = None
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            found = self._now()
            if found and found == before:
                return found
            before = found
            time.sleep(6)  # the server looks every five seconds
        return before or {}

    def _now(self) -> Curves:
        found: Curves = {}
        for run, tags in self._get("/data/plugin/scalars/tags").items():
            for tag in tags:
                query = urllib.parse.urlencode({"run": run, "tag": tag})
                points = self._get(f"/data/plugin/scalars/scalars?{query}")
                found[tag] = [(int(step), _spelt(value)) for _, step, value in points]
        return found

    def _get(self, path: str) -> object:
        with urllib.request.urlopen(self._address + path, timeout=30) as answer:
            return json.loads(answer.read())


def _number(proto: object) -> float:
    return float(np.asarray(tensor_util.make_ndarray(proto)).reshape(()))


def _spelt(value: object) -> float:
    return float(str(value))


@contextmanager
def server(run: Path) -> Iterator[Served]:
    """Show a run in TensorBoard, as ``clipbench tb`` does."""
    command = [sys.executable, "-m", "clipbench.cli.main", "tb", str(run), "--no-browser"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield Served(process.stdout.readline().split()[-1].partition("/?")[0])
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)


def disorder_of(found: Curves, _wanted: Curves) -> str:
    """Return which curve repeats a step or goes back."""
    for tag, points in found.items():
        steps = [step for step, _ in points]
        if steps != sorted(set(steps)):
            return f"{tag}: steps repeat or go back"
    return "" if found else "nothing is shown"


def fault_of(found: Curves, wanted: Curves) -> str:
    """Return in what curves differ from those of the journal; nothing if in nothing."""
    for tag, points in wanted.items():
        shown = found.get(tag, [])
        steps = [step for step, _ in shown]
        if steps != sorted(set(steps)):
            return f"{tag}: steps repeat or go back"
        if steps != [step for step, _ in points]:
            return f"{tag}: {len(shown)} points, not {len(points)}"
        if not all(_same(a, b) for (_, a), (_, b) in zip(shown, points, strict=True)):
            return f"{tag}: other values"
    return ""


def _same(shown: float, written: float) -> bool:
    return np.float32(shown) == np.float32(written) or (math.isnan(shown) and math.isnan(written))


def try_resume() -> tuple[int, int]:
    """Kill at each moment, resume, and read in three ways, twice each."""
    good, number = 0, 0
    for step in KILLED_AT:
        with tempfile.TemporaryDirectory() as name:
            for reader, wrong in _resumed(Path(name) / "run", step).items():
                number, good = number + 1, good + (not wrong)
                if wrong:
                    print(f"MISSED  killed at step {step}, {reader}: {wrong}", flush=True)
    print(f"readers of a resumed run that see its journal: {good} of {number}", flush=True)
    return good, number


def _resumed(run: Path, step: int) -> Mapping[str, str]:
    _killed_at(run, step)
    readers: dict[str, tuple[Callable[[], Curves], Judge]] = {}
    with server(run) as live:
        readers["the data server, open all the while"] = (live.curves, fault_of)
        for name, kind in (("the first accumulator", Legacy), ("that of plugins", Plugin)):
            readers[f"{name}, open all the while"] = (kind(run).curves, disorder_of)
        for read, _ in readers.values():
            read()
        command = [sys.executable, "-m", "clipbench.cli.main", "train", f"resume={run}"]
        subprocess.run(command, check=True, capture_output=True)
        wanted = of_journal(run)
        found = {name: judged(read(), wanted) for name, (read, judged) in readers.items()}
    with server(run) as fresh:
        found["the data server"] = fault_of(fresh.curves(), wanted)
    found["the first accumulator"] = fault_of(Legacy(run).curves(), wanted)
    found["that of plugins"] = fault_of(Plugin(run).curves(), wanted)
    return found


def _killed_at(run: Path, step: int) -> None:
    command = [sys.executable, "-m", "clipbench.cli.main", "train", "experiment=smoke"]
    command += [f"trainer.epochs={EPOCHS}", "trainer.log_every=1", "trainer.device=cpu"]
    process = subprocess.Popen(
        [*command, f"hydra.run.dir={run}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    journal = run / JOURNAL_FILE
    while process.poll() is None:
        if journal.exists() and journal.read_bytes().rfind(b'{"step":%d,' % step) >= 0:
            process.kill()
            break
        time.sleep(0.005)
    if process.wait() != -signal.SIGKILL:
        raise RuntimeError(f"the training ended before step {step}")


def try_damage() -> tuple[int, int]:
    """Damage an event file, ask for the report, and rebuild the file."""
    draw, good = random.Random(0), 0
    with tempfile.TemporaryDirectory() as name:
        run = base_run(Path(name))
        wanted, said = of_journal(run), _report(run)
        (whole,) = (file.read_bytes() for file in run.glob(EVENT_FILES))
        for number in range(DAMAGES):
            wrong = damaged(run, _damage(whole, number, draw), wanted=wanted, said=said)
            good += not wrong
            if wrong:
                print(f"MISSED  damage {number}: {wrong}", flush=True)
    print(f"damaged event files that changed no report and were restored: {good} of {DAMAGES}")
    return good, DAMAGES


def damaged(run: Path, content: bytes, *, wanted: Curves, said: str) -> str:
    """Put this in the place of a run's event file; return what is wrong then, or nothing."""
    (file,) = run.glob(EVENT_FILES)
    file.write_bytes(content)
    if _report(run) != said:
        return "the report says something else"
    with contextlib.redirect_stdout(io.StringIO()):
        code = clipbench(["tb", "--rebuild", str(run)])
    return f"exit {code}" if code else fault_of(Legacy(run).curves(), wanted)


def _report(run: Path) -> str:
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        clipbench(["report", str(run), "--guide"])
        clipbench(["report", str(run), "--format", "csv"])
    return shown.getvalue()


def _damage(whole: bytes, number: int, draw: random.Random) -> bytes:
    at = draw.randrange(len(whole))
    if number % 4 == 0:
        return whole[:at]
    if number % 4 == 1:
        return whole[:at] + bytes(4096) + whole[at + 4096 :]
    return whole[:at] + bytes([whole[at] ^ (1 << draw.randrange(8))]) + whole[at + 1 :]


ALL = {"resume": try_resume, "damage": try_damage}


def main(chosen: Sequence[str]) -> int:
    """Try what is chosen."""
    counts = [ALL[word]() for word in chosen or ALL]
    good, number = (sum(column) for column in zip(*counts, strict=True))
    print(f"curves as the journal has them: {good} of {number}")
    return 0 if good == number else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
