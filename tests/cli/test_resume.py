"""A run that was stopped and gone on with is the run that was never stopped, to the last bit."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor

from clipbench.cli.main import main
from clipbench.cli.stopping import StopRequest
from clipbench.records.journal import comparable, read
from clipbench.records.run_dir import read_run
from clipbench.training.checkpoint import read_checkpoint, save_checkpoint, saved_steps

# 9 steps an epoch; a gradient clip with a memory, augmentation and dropout, so that all that could
# be forgotten is there.
WORDS = (
    "data=digits",
    "model=mlp",
    "model.dropout=0.2",
    "model.batch_norm=true",
    "clip=learnable",
    "grad_clip=autoclip",
    "trainer.device=cpu",
    "trainer.epochs=3",
    "trainer.log_every=4",
    "data.val_size=180",
)
STEPS = 27
Stop = Callable[[int], None]


@pytest.fixture
def stop_after(monkeypatch: pytest.MonkeyPatch) -> Stop:
    """Return what makes the next run end as if SIGTERM had come in so many steps."""

    def arrange(steps: int) -> None:
        left = [steps]

        def asked(request: StopRequest) -> bool:
            left[0] -= 1
            if left[0] <= 0:
                request.code = 143
            return request.code is not None

        monkeypatch.setattr(StopRequest, "__call__", asked)

    return arrange


def never(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StopRequest, "__call__", lambda request: request.code is not None)


def train(folder: Path, *words: str) -> int:
    return main(["train", *WORDS, f"hydra.run.dir={folder}", *words])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert train(folder) == 0
    return folder


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    captured = capsys.readouterr()
    return [*captured.out.splitlines(), *captured.err.splitlines()]


def flat(value: Any, key: str = "") -> dict[str, Any]:
    if isinstance(value, Mapping):
        parts = [flat(inner, f"{key}.{name}") for name, inner in value.items()]
        return {name: held for part in parts for name, held in part.items()}
    if isinstance(value, list):
        return flat(dict(enumerate(value)), key)
    return {key: value}


def assert_same(ours: Path, theirs: Path) -> None:
    for a, b in zip(*(read(path / "metrics.jsonl")[0] for path in (ours, theirs)), strict=True):
        assert comparable(a) == comparable(b)
    states = [flat(read_checkpoint(path / "checkpoints")) for path in (ours, theirs)]
    assert states[0].keys() == states[1].keys()
    for key, value in states[0].items():
        if isinstance(value, Tensor):
            assert torch.equal(value, states[1][key]), key
        elif "seconds" not in key and key not in (".journal", ".last.speed/images_per_second"):
            assert value == states[1][key], key
    with np.load(ours / "predictions.npz") as a, np.load(theirs / "predictions.npz") as b:
        assert all(np.array_equal(a[name], b[name]) for name in a.files)


@pytest.mark.parametrize("steps", [1, 9, 13, STEPS])
def test_one_stop_changes_nothing(
    whole: Path, steps: int, tmp_path: Path, stop_after: Stop, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    stop_after(steps)
    assert train(run) == 143
    assert read_run(run)["status"] == "interrupted"
    never(monkeypatch)
    assert main(["train", f"resume={run}"]) == 0
    assert_same(run, whole)
    record = read_run(run)
    assert (record["status"], len(record["resumed"])) == ("finished", 1)


def test_a_second_signal_interrupts_a_run_and_does_not_fail_it(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"

    def asked_twice(request: StopRequest) -> bool:
        request.code = 143
        raise SystemExit(143)  # as the handler does, wherever the run is

    monkeypatch.setattr(StopRequest, "__call__", asked_twice)
    assert train(run) == 143
    record = read_run(run)
    assert (record["status"], record["cause"]) == ("interrupted", "stopped by a second signal")
    never(monkeypatch)
    assert main(["train", f"resume={run}"]) == 0
    assert_same(run, whole)


def test_many_stops_change_nothing_and_leave_one_curve(
    whole: Path, tmp_path: Path, stop_after: Stop, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    for _ in range(5):
        stop_after(5)
        assert train(run) == 143
    never(monkeypatch)
    assert train(run) == 0
    assert_same(run, whole)
    view = EventAccumulator(str(run)).Reload()
    for tag in view.Tags()["scalars"]:
        steps = [event.step for event in view.Scalars(tag)]
        assert steps == sorted(set(steps)), tag


def test_what_was_recorded_after_the_checkpoint_is_done_again(
    whole: Path, tmp_path: Path, stop_after: Stop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after SIGKILL: the journal is ahead of the newest checkpoint, and its last line torn."""
    run = tmp_path / "run"
    stop_after(17)  # the end of an epoch asks, too
    assert train(run, "trainer.save_every=5") == 143
    newest = run / "checkpoints" / f"step={saved_steps(run / 'checkpoints')[0]:08d}.pt"
    newest.unlink()
    with open(run / "metrics.jsonl", "ab") as file:
        file.write(b'{"step":16,"epo')
    never(monkeypatch)
    assert main(["train", f"resume={run}"]) == 0
    assert read_run(run)["resumed"][0]["step"] == 15
    assert_same(run, whole)


def test_a_run_killed_before_its_second_save_begins_but_once(
    whole: Path, tmp_path: Path, stop_after: Stop, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    stop_after(5)
    assert train(run) == 143
    (run / "checkpoints" / "step=00000005.pt").unlink()
    never(monkeypatch)
    assert main(["train", f"resume={run}"]) == 0
    assert read_run(run)["resumed"][0]["step"] == 0
    assert_same(run, whole)


def test_a_damaged_newest_checkpoint_costs_one_interval_and_one_warning(
    whole: Path,
    tmp_path: Path,
    stop_after: Stop,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = tmp_path / "run"
    stop_after(22)
    assert train(run) == 143
    newest = run / "checkpoints" / "step=00000020.pt"
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    never(monkeypatch)
    capsys.readouterr()
    assert main(["train", f"resume={run}"]) == 0
    assert sum("step=00000020.pt" in line for line in said(capsys)) == 1
    assert_same(run, whole)


def test_only_what_cannot_change_a_number_may_be_given_anew(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    assert main(["train", f"resume={run}", "optim.lr=0.1", "clip=relu"]) == 2
    said = capsys.readouterr().err
    assert "optim.lr" in said
    assert "clip" in said
    assert "clipbench rerun" in said
    assert main(["train", f"resume={run}", "trainer.device=cpu"]) == 0
    assert "finished already" in capsys.readouterr().out


def test_a_folder_without_a_run_is_no_fresh_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", f"resume={tmp_path}"]) == 4
    assert len(capsys.readouterr().err.strip().splitlines()) <= 3
    assert list(tmp_path.iterdir()) == []


def test_another_number_of_threads_is_said_and_recorded(
    tmp_path: Path,
    stop_after: Stop,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = tmp_path / "run"
    stop_after(12)
    assert train(run) == 143
    never(monkeypatch)
    torch.set_num_threads(2)
    try:
        assert main(["train", f"resume={run}"]) == 0
    finally:
        torch.set_num_threads(1)
    assert any("begun with 1 threads and goes on with 2" in line for line in said(capsys))
    record = read_run(run)
    assert (record["threads"], record["resumed"][0]["threads"]) == (1, 2)


@pytest.mark.parametrize("steps", [8, STEPS + 8])
def test_a_job_of_several_seeds_is_gone_on_with_by_its_folder(
    steps: int,
    tmp_path: Path,
    stop_after: Stop,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Also before the second seed has begun."""
    job, single = tmp_path / "job", tmp_path / "single"
    stop_after(steps)
    assert train(job, "num_seeds=2", "trainer.stack=off") == 143
    assert any(line.endswith(f"clipbench train resume={job}") for line in said(capsys))
    never(monkeypatch)
    assert main(["train", f"resume={job}"]) == 0
    assert {path.name: read_run(path)["status"] for path in job.glob("seed=*")} == {
        "seed=0": "finished",
        "seed=1": "finished",
    }
    assert not (job / "run.json").exists()
    assert train(single, "seed=1") == 0
    assert_same(job / "seed=1", single)


def _without(key: str) -> Callable[[dict[str, Any]], None]:
    return lambda state: state.pop(key)


def _with(key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda state: state.update({key: value})


def _other_memory(state: dict[str, Any]) -> None:
    state["optimizer"]["state"][0]["exp_avg"] = torch.zeros(3)


FOREIGN: dict[str, Callable[[dict[str, Any]], None]] = {
    **{f"no {key}": _without(key) for key in ("model", "optimizer", "step", "journal", "last")},
    "negative step": _with("step", -1),
    "textual best": _with("best", "high"),
    "another seed": _with("seed", 7),
    "no journal of that size": _with("journal", 10**9),
    "no losses": _with("unreported", {"train/loss": 3}),
    "no scalars": _with("last", {"val/loss": None}),
    "no weights": _with("model", {}),
    "no optimizer": _with("optimizer", {}),
    "another optimizer": _other_memory,
    "another gradient clip": _with("grad_clip_state", {"x": torch.zeros(2)}),
}


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stopped") / "run"
    with pytest.MonkeyPatch.context() as patch:
        left = [20]

        def asked(request: StopRequest) -> bool:
            left[0] -= 1
            request.code = 143 if left[0] <= 0 else None
            return request.code is not None

        patch.setattr(StopRequest, "__call__", asked)
        assert train(folder) == 143
    return folder


@pytest.mark.parametrize("change", FOREIGN.values(), ids=FOREIGN.keys())
def test_a_whole_checkpoint_with_wrong_content_is_refused(
    change: Callable[[dict[str, Any]], Any],
    stopped: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = tmp_path / "run"
    shutil.copytree(stopped, run)
    state = read_checkpoint(run / "checkpoints")
    step = state["step"]
    change(state)
    save_checkpoint(run / "checkpoints", state, step=step)
    capsys.readouterr()
    assert main(["train", f"resume={run}"]) == 4
    lines = capsys.readouterr().err.strip().splitlines()
    assert len([line for line in lines if "goes on at step" not in line]) <= 3
    assert "Traceback" not in "".join(lines)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_the_data_is_loaded_ends_it_at_once(
    number: signal.Signals, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(_: Any) -> Any:
        signal.raise_signal(number)
        raise AssertionError("it went on loading")

    monkeypatch.setattr("clipbench.cli.job.load_data", slow)
    # Ignored where the tests run in the background of a shell.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        ended = train(tmp_path / "run")
    except SystemExit as left:
        ended = left.code
    finally:
        signal.signal(signal.SIGINT, before)
    assert ended == code
    assert not (tmp_path / "run" / "run.json").exists()
