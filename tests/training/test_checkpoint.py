import math
import os
import random

import pytest
import torch

from clipbench.grad_clips.autoclip import AutoClip
from clipbench.records.reading import RunError
from clipbench.training.checkpoint import (
    KEPT,
    MOST_BYTES,
    load_run,
    read_checkpoint,
    save_checkpoint,
)
from clipbench.training.finite import Diverged
from tests.training.tiny import tiny_batches, tiny_data, tiny_model, tiny_run, tiny_state


def save(folder, state, **keys):
    return save_checkpoint(folder, state.state_dict(), step=state.step, **keys)


def fresh(total_steps=20, **keys):
    return tiny_state(tiny_model(tiny_data(), seed=9), total_steps=total_steps, **keys)


def test_the_state_comes_back_whole(tmp_path):
    state = tiny_run(tmp_path / "run")
    save(tmp_path / "c", state)
    other = fresh()
    other.load_state_dict(read_checkpoint(tmp_path / "c"))
    assert (other.seed, other.epoch, other.step) == (state.seed, state.epoch, state.step)
    for name, value in state.model.state_dict().items():
        assert torch.equal(other.model.state_dict()[name], value)
    ours, theirs = state.optimizer.state_dict(), other.optimizer.state_dict()
    assert ours["param_groups"] == theirs["param_groups"]
    for index, slots in ours["state"].items():
        for name, value in slots.items():
            assert torch.equal(theirs["state"][index][name], value)


def test_a_restored_state_takes_the_same_next_step(tmp_path):
    state = tiny_run(tmp_path / "run")
    save(tmp_path / "c", state)
    other = fresh()
    other.load_state_dict(read_checkpoint(tmp_path / "c"))
    images, labels = tiny_batches(tiny_data()).batch(7, 0)
    for each in (state, other):
        each.optimizer.zero_grad()
        torch.nn.functional.cross_entropy(each.model(images), labels).backward()
        each.optimizer.step()
    pairs = zip(state.model.parameters(), other.model.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_what_a_gradient_clip_remembers_comes_back(tmp_path):
    state = tiny_run(tmp_path / "run", grad_clip=AutoClip())
    save(tmp_path / "c", state)
    other = fresh(total_steps=50, grad_clip=AutoClip())
    other.load_state_dict(read_checkpoint(tmp_path / "c"))
    assert other.grad_clip_state["steps"] == state.step
    for name, value in state.grad_clip_state.items():
        assert torch.equal(other.grad_clip_state[name], value)


def test_the_memory_of_another_gradient_clip_or_none_is_refused(tmp_path):
    state = fresh()
    save(tmp_path, state)
    saved = read_checkpoint(tmp_path)
    other = fresh(grad_clip=AutoClip())
    before = {name: value.clone() for name, value in other.model.state_dict().items()}
    with pytest.raises(RuntimeError, match="needs the keys"):
        other.load_state_dict(saved)
    del saved["grad_clip_state"]
    with pytest.raises(KeyError, match="grad_clip_state"):
        other.load_state_dict(saved)
    after = other.model.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def at(state, step):
    state.step = step
    return state


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_newest_are_kept_and_nothing_half_written_stays(tmp_path):
    state = fresh()
    (tmp_path / ".tmp-0123456789abcdef").write_bytes(b"left by a writer that was killed")
    for step in (5, 50, 500, 99_999_999, 100_000_000):
        save(tmp_path, at(state, step))
    assert len(names(tmp_path)) == KEPT
    assert read_checkpoint(tmp_path)["step"] == 100_000_000


def test_the_best_stays_beside_them_with_bytes_of_its_own(tmp_path):
    state = fresh()
    for step in range(1, 6):
        save(tmp_path, at(state, step), best=step in (1, 2))
    assert names(tmp_path) == ["best.pt", "step=00000004.pt", "step=00000005.pt"]
    for path in tmp_path.glob("step=*"):
        path.write_bytes(b"damaged")
    assert read_checkpoint(tmp_path)["step"] == 2
    assert (tmp_path / "best.pt").stat().st_nlink == 1


def test_a_run_that_went_back_drops_what_lay_beyond(tmp_path):
    state = fresh()
    for step in (10, 20, 30, 25):
        save(tmp_path, at(state, step))
    assert names(tmp_path) == ["step=00000020.pt", "step=00000025.pt"]
    assert read_checkpoint(tmp_path)["step"] == 25


def damages():
    generator = random.Random(0)

    def flip(content):
        content[generator.randrange(len(content))] ^= 1 << generator.randrange(8)

    def cut(content):
        del content[generator.randrange(len(content)) :]

    def hole(content):
        start = generator.randrange(len(content))
        held = bytes(content[start : start + 512])
        content[start : start + 512] = bytes(len(held)) if any(held) else b"\1" * len(held)

    def tail(content):
        start = generator.randrange(len(content) - 100)
        content[start:] = bytes(len(content) - start)

    return [flip] * 6 + [cut] * 3 + [hole] * 3 + [tail] * 3


def test_damage_is_found_and_costs_one_interval_and_one_warning(tmp_path, caplog):
    state = fresh()
    save(tmp_path, at(state, 10))
    newest = save(tmp_path, at(state, 20))
    whole = newest.read_bytes()
    for damage in damages():
        content = bytearray(whole)
        damage(content)
        newest.write_bytes(content)
        caplog.clear()
        assert read_checkpoint(tmp_path)["step"] == 10
        (warning,) = caplog.messages
        assert newest.name in warning
        assert "step=00000010.pt instead" in warning
    newest.write_bytes(whole)
    caplog.clear()
    assert read_checkpoint(tmp_path)["step"] == 20
    assert caplog.messages == []


def test_what_is_no_regular_file_of_a_right_size_is_passed_over(tmp_path, caplog):
    state = fresh()
    save(tmp_path, at(state, 10))
    newest = tmp_path / "step=00000020.pt"
    newest.symlink_to(tmp_path / "step=00000010.pt")
    assert read_checkpoint(tmp_path)["step"] == 10
    newest.unlink()
    os.mkfifo(newest)
    assert read_checkpoint(tmp_path)["step"] == 10
    newest.unlink()
    with newest.open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    assert read_checkpoint(tmp_path)["step"] == 10
    assert [text for text in caplog.messages if newest.name not in text] == []


def test_a_state_that_is_not_finite_is_never_saved(tmp_path):
    state = fresh()
    save(tmp_path, at(state, 10))
    before = names(tmp_path)
    with torch.no_grad():
        next(state.model.parameters()).view(-1)[0] = math.inf
    with pytest.raises(Diverged, match="step 20: model.*weight is not finite"):
        save(tmp_path, at(state, 20), best=True)
    assert names(tmp_path) == before


def test_a_write_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    state = fresh()
    save(tmp_path, state)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    state.step = 7
    with pytest.raises(OSError, match="No space"):
        save(tmp_path, state)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 truncated"])
def test_an_unreadable_checkpoint_is_a_clear_error(tmp_path, content):
    (tmp_path / "step=00000001.pt").write_bytes(content)
    with pytest.raises(RunError, match="cannot be read"):
        read_checkpoint(tmp_path)


def test_a_checkpoint_never_runs_code(tmp_path):
    class Gadget:
        def __reduce__(self):
            return (open, (str(tmp_path / "marker"), "w"))

    torch.save({"model": Gadget()}, tmp_path / "step=00000001.pt")
    with pytest.raises(RunError):
        read_checkpoint(tmp_path)
    assert not (tmp_path / "marker").exists()


def test_no_run_and_no_checkpoint_are_clear_errors(tmp_path):
    with pytest.raises(RunError):
        load_run(tmp_path / "nothing")
    with pytest.raises(RunError, match="no checkpoint"):
        read_checkpoint(tmp_path)
