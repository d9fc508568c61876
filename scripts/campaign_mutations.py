"""Campaign: each defence is switched off, one at a time; a named fast test must turn red.

Run it in the project's environment: .venv/bin/python -m scripts.campaign_mutations [NAME ...]
NAME tries the defences whose name holds that text; without one, all. The package, its tests and
scripts are copied into a temporary folder; there one line is changed, the test is run, and the line
is put back. First all the tests are run with nothing changed and must be green. A defence whose
line is no longer found, or found twice, is missed, too.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

HOME = Path(__file__).parent.parent
COPIED = ("clipbench", "conf", "scripts", "tests", "pyproject.toml")
GREEN, RED = 0, 1


@dataclass(frozen=True)
class Defence:
    """One defence, and how it is switched off.

    Attributes:
        name: What it is.
        file: Where it stands, below the package.
        line: Its text, which stands there once.
        off: What takes its place.
        test: The test that must turn red.
    """

    name: str
    file: str
    line: str
    off: str
    test: str


DEFENCES = (
    Defence(
        "SHA-256 of a checkpoint",
        "records/frame.py",
        "if hashlib.sha256(payload).digest() != digest:",
        "if False:",
        "tests/records/test_frame.py::test_every_flipped_bit_is_found",
    ),
    Defence(
        "fsync of a file",
        "records/durable.py",
        "        write_all(descriptor, content)\n        system.fsync(descriptor)",
        "        write_all(descriptor, content)",
        "tests/records/test_durable.py::test_the_content_is_on_the_disk_before_the_name_and_the_name_before_the_return",
    ),
    Defence(
        "fsync of a folder",
        "records/durable.py",
        "            raise\n        sync_folder(path.parent)\n",
        "            raise\n",
        "tests/records/test_durable.py::test_the_content_is_on_the_disk_before_the_name_and_the_name_before_the_return",
    ),
    Defence(
        "replace of a whole file",
        "records/durable.py",
        "            _write_new(temporary, content)\n            system.replace(temporary, path)",
        "            path.write_bytes(content)",
        "tests/records/test_durable.py::test_a_kill_around_any_call_leaves_old_or_new",
    ),
    Defence(
        "lock of a run",
        "records/lock.py",
        "while not _taken(descriptor, fcntl.LOCK_EX):",
        "while False:",
        "tests/records/test_lock.py::test_a_folder_has_one_holder",
    ),
    Defence(
        "journal cut back on resume",
        "cli/resumption.py",
        'cut_back(path / JOURNAL_FILE, state["journal"])',
        "pass",
        "tests/cli/test_resume.py::test_what_was_recorded_after_the_checkpoint_is_done_again",
    ),
    Defence(
        "checksum of a journal line",
        "records/journal.py",
        "if zlib.crc32(body) != int(sealed[2]):",
        "if False:",
        "tests/records/test_journal.py::test_every_single_bit_flip_is_found_where_it_is",
    ),
    Defence(
        "digest of the manifest",
        "records/run_dir.py",
        "if not intact:",
        "if False:",
        "tests/records/test_run_dir.py::test_every_bit_flip_is_refused_or_harmless",
    ),
    Defence(
        "refusal of another config",
        "records/run_dir.py",
        'if held["config_hash"] == config_hash(config):',
        "if True:",
        "tests/records/test_run_dir.py::test_a_folder_of_another_config_is_refused_by_the_keys",
    ),
    Defence(
        "finite loss and gradient",
        "training/finite.py",
        "if not math.isfinite(total) and not self._are_finite(number):",
        "if False:",
        "tests/training/test_finite.py::test_on_a_cpu_it_stops_before_the_update",
    ),
    Defence(
        "finite weights",
        "training/finite.py",
        "value.sum() if gradient is None else torch.dot(value, flat(gradient))",
        "flat(value.new_zeros(1) if gradient is None else gradient).sum()",
        "tests/training/test_finite.py::test_an_infinite_weight_that_a_clip_hides_ends_the_run_at_once",
    ),
    Defence(
        "finite checkpoints",
        "training/checkpoint.py",
        "        if fault is not None:\n            raise Diverged",
        "        if False:\n            raise Diverged",
        "tests/training/test_checkpoint.py::test_a_state_that_is_not_finite_is_never_saved",
    ),
    Defence(
        "weights_only",
        "training/packing.py",
        "weights_only=True)",
        "weights_only=False)",
        "tests/training/test_packing.py::test_code_is_never_run",
    ),
    Defence(
        "refusal of an archive that expands",
        "training/packing.py",
        "    _refuse_expansion(payload)\n    try:",
        "    try:",
        "tests/training/test_packing.py::test_a_compressed_bomb_is_refused_before_it_expands",
    ),
    Defence(
        "O_NOFOLLOW",
        "records/reading.py",
        "os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK",
        "os.O_RDONLY | os.O_NONBLOCK",
        "tests/records/test_run_dir.py::test_only_a_regular_file_is_a_manifest",
    ),
    Defence(
        "cap on what is read",
        "records/reading.py",
        "or found.st_size > max_bytes:",
        "or False:",
        "tests/records/test_run_dir.py::test_a_huge_file_is_refused_unread",
    ),
    Defence(
        "escape of what does not print",
        "analysis/escape.py",
        "if text.isprintable():",
        "if True:",
        "tests/analysis/test_escape.py::test_what_is_shown_prints_and_can_be_written",
    ),
    Defence(
        "dropout keyed by the step",
        "training/step.py",
        'set_dropout_keys(state.model, derive(state.seed, "dropout", state.step))',
        "set_dropout_keys(state.model, int(torch.randint(2**62, ())))",
        "tests/cli/test_resume.py::test_one_stop_changes_nothing[9]",
    ),
    Defence(
        "order keyed by the epoch",
        "data/batches.py",
        'torch.randperm(len(self.split), generator=self.generator_for("order", epoch))',
        "torch.randperm(len(self.split))",
        "tests/data/test_batches.py::test_the_order_is_the_permutation_of_the_epoch",
    ),
    Defence(
        "optimizer state on resume",
        "training/state.py",
        '        self.optimizer.load_state_dict(state["optimizer"])\n',
        "",
        "tests/training/test_checkpoint.py::test_a_restored_state_takes_the_same_next_step",
    ),
    Defence(
        "save at a stop",
        "training/loop.py",
        "                    _save(update)\n                    raise Interrupted",
        "                    raise Interrupted",
        "tests/test_kills.py::test_a_run_asked_to_stop_amid_its_work_loses_nothing[in_a_save]",
    ),
    Defence(
        "warning of another thread count",
        "cli/resumption.py",
        "if before != now:",
        "if False:",
        "tests/cli/test_resume.py::test_another_number_of_threads_is_said_and_recorded",
    ),
)


def copied(folder: Path) -> Path:
    """Copy what the tests need into a new folder and return it."""
    folder.mkdir()
    for part in COPIED:
        path = HOME / part
        (shutil.copytree if path.is_dir() else shutil.copy)(path, folder / part)
    return folder


def switched_off(copy: Path, defence: Defence) -> str:
    """Switch off a defence in a copy and run its test; return what is wrong, or nothing."""
    file = copy / "clipbench" / defence.file
    text = file.read_text()
    if text.count(defence.line) != 1:
        return f"its line stands {text.count(defence.line)} times in {defence.file}"
    file.write_text(text.replace(defence.line, defence.off))
    try:
        code = tested(copy, defence.test)
    finally:
        file.write_text(text)
    return "" if code == RED else f"{defence.test} ended with {code}"


def tested(copy: Path, *tests: str) -> int:
    """Run tests of a copy and return pytest's exit code."""
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests],
        cwd=copy, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(copy), "OMP_NUM_THREADS": "1",
             "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    if ended.returncode not in (GREEN, RED):
        print(ended.stdout[-2000:], ended.stderr[-2000:])
    return ended.returncode


def main(*names: str) -> int:
    """Switch off each defence and return 0 if every one is missed by a test."""
    chosen = [one for one in DEFENCES if not names or any(name in one.name for name in names)]
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="clipbench-mutations-") as name:
        copy = copied(Path(name, "copy"))
        green = tested(copy, *dict.fromkeys(one.test for one in chosen)) == GREEN
        print(f"{'ok' if green else 'MISSED':<8}with every defence all tests are green", flush=True)
        caught = 0
        for one in chosen:
            wrong = switched_off(copy, one)
            caught += not wrong
            print(f"{'MISSED' if wrong else 'ok':<8}{one.name}: {wrong or 'red'}", flush=True)
    print(f"{time.monotonic() - started:.0f} s")
    print(f"defences whose absence turns a test red: {caught} of {len(chosen)}")
    return 0 if green and caught == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
