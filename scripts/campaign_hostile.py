"""Campaign: files, names and strings that somebody made to do harm; none does.

Run it from the top of a checkout: .venv/bin/python -m scripts.campaign_hostile [WHAT ...]
WHAT is `gadgets`, `payloads`, `strings`, `archives`, `names`, `bombs`, `dashboard` or `secrets`;
all, if nothing is named. Each trial runs in a forked child, in an empty folder. What it starts,
connects to, unpickles by name or writes elsewhere is seen by an audit hook, what it runs by a file
that it would leave. Every line is one figure; the last one reads `N of M`.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from clipbench.cli.main import main as clipbench
from clipbench.training.checkpoint import load_run
from scripts.campaign_malformed import prepare
from scripts.hostile import archives, bombs, gadgets, names, payloads, strings
from scripts.hostile.witness import watching
from scripts.isolated import Outcome, isolated
from scripts.malformed.case import base_run

Lay = Callable[[Path], Callable[[], int]]
# What torch, and the record of commit and machine, do in every run, whatever it reads.
OURS = (
    f"os.mkdir '{tempfile.gettempdir()}/torchinductor",
    "subprocess.Popen ('git', ['git', '--no-optional-locks'",
    "subprocess.Popen ('uname', ['uname', '-p']",
    "ctypes.dlopen (None,)",
)
REFUSED = (2, 3, 4)
SECONDS = 60.0  # some do train for a second, on a machine that may be busy
BOMB_SECONDS, BOMB_BYTES = 1.0, 200 * 2**20


def harm_of(
    lay: Lay, *, allowed: Sequence[int] = REFUSED, check: Callable[[Outcome], str] | None = None
) -> str:
    """Try something and return what harm it did, or which answer was wrong; nothing if none."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "inside"
        root.mkdir()
        trial = lay(root)
        before = sorted(os.listdir(name))
        witness = watching(root, harmless=OURS)
        outcome = isolated(lambda: os.chdir(root) or trial(), seconds=SECONDS, witness=witness)
        left = [str(path) for path in root.rglob(gadgets.MARK)]
        left += [path for path in os.listdir(name) if path not in before]
    if left:
        return f"left {left}"
    if outcome.witnessed:
        return f"did {outcome.witnessed[:2]}"
    if outcome.code not in allowed:
        return f"exit {outcome.code}: {outcome.err[-300:]}"
    return "" if check is None else check(outcome)


def try_gadgets(run: Path) -> tuple[int, int]:
    """Try 25 pickles as a checkpoint, inside one, and as a batch of images."""
    assert gadgets.works(), "the gadgets must run where nothing guards"
    return _each("pickles that ran nothing", gadgets.trials(run))


def try_payloads(run: Path) -> tuple[int, int]:
    """Try 30 configurations."""
    return _each("configurations that ran nothing", payloads.trials(run))


def try_archives(_run: Path) -> tuple[int, int]:
    """Try 12 archives; one that holds the file besides is read for it."""
    return _each("archives that reached nothing", archives.trials(), allowed=(0, 3), check=_small)


def try_names(run: Path) -> tuple[int, int]:
    """Try 20 names; one that is no climb after all may be used."""
    return _each("names that stayed inside", names.trials(run), allowed=(0, *REFUSED))


def try_bombs(run: Path) -> tuple[int, int]:
    """Try 3 bombs: refused or passed by, soon and in little memory."""
    load_run(run)  # what it imports is no part of the time
    found = bombs.trials(run)
    return _each("bombs that did not go off", found, allowed=(0, *REFUSED), check=_small)


def try_strings(run: Path) -> tuple[int, int]:
    """Show 25 strings in every text field and in every form."""
    import clipbench.analysis.pages  # noqa: F401 -- once, for all children

    content, good, number = (run / "run.json").read_bytes(), 0, 0
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        benign: set[str] = set()
        for field in strings.FIELDS:
            benign |= strings.shape_of(_shown(content, root / "benign", "plain", field, "html")[1])
        for text in strings.STRINGS:
            for field in strings.FIELDS:
                wrong = ""
                for form in strings.FORMS:
                    outcome, shown = _shown(content, root / "made", text, field, form)
                    failed = f"exit {outcome.code}: {outcome.err[-300:]}" if outcome.code else ""
                    wrong = wrong or failed or strings.fault_of(form, shown, benign=benign)
                number, good = number + 1, good + (not wrong)
                if wrong:
                    print(f"MISSED  {text!r} as {field}: {wrong}", flush=True)
    print(f"strings by fields, shown in {len(strings.FORMS)} forms: {good} of {number}", flush=True)
    return good, number


def _shown(content: bytes, folder: Path, text: str, field: str, form: str) -> tuple[Outcome, str]:
    strings.lay(content, folder, text, field)
    words = ["report", str(folder), "--format", form]
    page = folder / "report.html"
    outcome = isolated(lambda: clipbench(words), seconds=60)
    shown = page.read_text(encoding="utf-8") if page.exists() else outcome.out
    strings.clear(folder)
    return outcome, shown


def try_dashboard(run: Path) -> tuple[int, int]:
    """See where TensorBoard listens, and what it says to a wish to listen everywhere."""
    found = {
        "listens on 127.0.0.1 alone": _listens_here(run),
        "--host 0.0.0.0 is refused": _refused(run, "--host", "0.0.0.0"),
        "--bind_all is refused": _refused(run, "--bind_all"),
    }
    for name, right in found.items():
        print(f"{'ok' if right else 'MISSED':<8}dashboard {name}", flush=True)
    return sum(found.values()), len(found)


def _refused(run: Path, *words: str) -> bool:
    command = [sys.executable, "-m", "clipbench.cli.main", "tb", str(run), *words]
    return subprocess.run(command, capture_output=True, timeout=60).returncode == 2


def _listens_here(run: Path) -> bool:
    command = [sys.executable, "-m", "clipbench.cli.main", "tb", str(run), "--no-browser"]
    # A run of somebody else's, that asks for a file to be shown.
    (run / "projector_config.pbtxt").write_text(PROJECTOR)
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "start_new_session": True}
    with subprocess.Popen(command, text=True, **quiet) as process:  # type: ignore[call-overload]
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(2)]
            address = lines[1].split()[-1].partition("/?")[0]
            time.sleep(1)
            listening = _listening(process.pid)
            served = _answers(f"{address}/data/plugin/projector/info?run=.")
        finally:
            os.killpg(process.pid, signal.SIGINT)
    (run / "projector_config.pbtxt").unlink()
    return len(listening) > 0 and listening <= {"0100007F", LOOPBACK_6} and not served


PROJECTOR = 'embeddings { tensor_name: "x" tensor_path: "/etc/passwd" }'
LOOPBACK_6 = "00000000000000000000000001000000"


def _listening(leader: int) -> set[str]:
    """Return the addresses, as the kernel spells them, on which a group of processes listens."""
    ours = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(folder.name)) == leader:
                ours |= {os.readlink(file) for file in (folder / "fd").iterdir()}
        except (OSError, ProcessLookupError):
            continue
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in ours:
                found.add(fields[1].partition(":")[0])
    return found


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError:
        return False


def try_secrets(_run: Path) -> tuple[int, int]:
    """Train with secrets in the environment, and look for them in every file of the run."""
    planted = {
        name: secrets.token_hex(12)
        for name in (
            "AWS_SECRET_ACCESS_KEY",
            "HF_TOKEN",
            "GITHUB_TOKEN",
            "WANDB_API_KEY",
            "PRIVATE",
        )
    }
    with tempfile.TemporaryDirectory() as name:
        command = [sys.executable, "-m", "clipbench.cli.main", "train", "experiment=smoke"]
        command += [f"hydra.run.dir={name}/run"]
        done = subprocess.run(command, env={**os.environ, **planted}, cwd=name, capture_output=True)
        files = [file for file in Path(name).rglob("*") if file.is_file()]
        held = [
            f"{key} in {file.name}"
            for file in files
            for key, value in planted.items()
            if value.encode() in file.read_bytes() or key.encode() in file.read_bytes()
        ]
    good = done.returncode == 0 and len(files) > 5 and not held
    print(
        f"{'ok' if good else 'MISSED':<8}secrets in {len(files)} files of a run: {held}", flush=True
    )
    return int(good), 1


def _small(outcome: Outcome) -> str:
    slow, large = outcome.seconds > BOMB_SECONDS, outcome.grown > BOMB_BYTES
    return f"took {outcome.seconds:.1f} s, {outcome.grown >> 20} MiB" if slow or large else ""


def _each(
    what: str,
    found: Mapping[str, Lay],
    *,
    allowed: Sequence[int] = REFUSED,
    check: Callable[[Outcome], str] | None = None,
) -> tuple[int, int]:
    good = 0
    for name, lay in found.items():
        harm = harm_of(lay, allowed=allowed, check=check)
        good += not harm
        if harm:
            print(f"MISSED  {name}: {harm}", flush=True)
    print(f"{what}: {good} of {len(found)}", flush=True)
    return good, len(found)


ALL = {
    "gadgets": try_gadgets,
    "payloads": try_payloads,
    "strings": try_strings,
    "archives": try_archives,
    "names": try_names,
    "bombs": try_bombs,
    "dashboard": try_dashboard,
    "secrets": try_secrets,
}


def main(chosen: Sequence[str]) -> int:
    """Try what is chosen."""
    prepare()
    with tempfile.TemporaryDirectory() as name:
        run = base_run(Path(name))
        counts = [ALL[word](run) for word in chosen or ALL]
    good, number = (sum(column) for column in zip(*counts, strict=True))
    print(f"did no harm: {good} of {number}")
    return 0 if good == number else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
