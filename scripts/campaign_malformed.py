"""Campaign: 200 malformed inputs, each answered clearly.

Run it from the top of a checkout: .venv/bin/python -m scripts.campaign_malformed [WORD ...]
Words choose the cases whose names hold one of them. Each case runs in a forked child with bounds on
memory and time; every eighth one runs once more as a command of its own. A clear answer is a
documented exit code, at most three lines on stderr that name the file or key, no traceback, within
10 s and 1 GiB, and every file that was there still there as it was. Where a command goes on in
spite of damage, it must say what is damaged. Ends with `N of M`.
"""

from __future__ import annotations

import fnmatch
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from scripts.isolated import Outcome, digests, flaw, isolated
from scripts.malformed import checkpoints, configs, data_files, folders, journals
from scripts.malformed.case import Case, base_run, command

EVERY = 8  # which makes twenty, without the data files, which have no command of their own
COMMAND_SECONDS = 60.0  # a command of its own also imports all it needs, on a busy machine


def prepare() -> None:
    """Import what the cases need, before the first child: each would pay for it."""
    for module in ("evaluation", "through_hydra", "assemble", "recorded", "reporting", "tb"):
        import_module(f"clipbench.cli.{module}")


def all_cases(run: Path) -> list[Case]:
    """Return every case.

    Args:
        run: A finished run, of which damaged copies are made.
    """
    return [
        *configs.cases(),
        *checkpoints.cases(run),
        *data_files.cases(),
        *journals.cases(run),
        *folders.cases(run),
    ]


def tried(case: Case, *, own_process: bool = False) -> str:
    """Try a case and return what is wrong with the answer; nothing if it is clear."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asked = case.lay(folder)
        before = digests(folder)
        if own_process:
            assert not callable(asked)
            outcome = _as_command(asked, folder)
        else:
            trial = asked if callable(asked) else command(asked)
            outcome = isolated(lambda: os.chdir(folder) or trial())
        after = digests(folder)
        changed = [
            path
            for path, digest in before.items()
            if after.get(path) != digest and not fnmatch.fnmatch(path, case.may_change)
        ]
        return _judged(case, outcome, changed)


def _judged(case: Case, outcome: Outcome, changed: Sequence[str]) -> str:
    if changed:
        return f"changed {changed[:3]}"
    if outcome.code == 0 and case.said:
        if "Traceback" in outcome.err:
            return f"traceback: {outcome.err.splitlines()[-1]}"
        missing = [text for text in case.said if text not in outcome.out + outcome.err]
        return f"does not say {missing}: {(outcome.out + outcome.err)[-300:]}" if missing else ""
    return flaw(outcome, codes=case.codes, named=case.named)


def _as_command(asked: Sequence[str], folder: Path) -> Outcome:
    start = time.monotonic()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "clipbench.cli.main", *asked],
            cwd=folder, capture_output=True, text=True, timeout=COMMAND_SECONDS, errors="replace",
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Outcome(None, "", "", time.monotonic() - start, 0, ())
    spent = time.monotonic() - start
    return Outcome(done.returncode, done.stdout, done.stderr, spent, 0, ())


def main(chosen: Sequence[str]) -> int:
    """Try the cases and print those whose answer is not clear."""
    prepare()
    clear, number, commands, whole = 0, 0, 0, 0
    with tempfile.TemporaryDirectory() as name:
        cases = all_cases(base_run(Path(name)))
        wanted = [c for c in cases if not chosen or any(word in c.name for word in chosen)]
        for place, case in enumerate(wanted):
            wrong = tried(case)
            number, clear = number + 1, clear + (not wrong)
            if wrong:
                print(f"MISSED  {case.name}: {wrong}", flush=True)
            with tempfile.TemporaryDirectory() as other:
                has_words = not callable(case.lay(Path(other)))
            if place % EVERY == 0 and has_words:
                wrong = tried(case, own_process=True)
                commands, whole = commands + 1, whole + (not wrong)
                if wrong:
                    print(f"MISSED  {case.name}, as a command: {wrong}", flush=True)
    print(f"as commands of their own: {whole} of {commands}")
    print(f"clear answers to malformed inputs: {clear} of {number}")
    return 0 if (clear, whole) == (number, commands) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
