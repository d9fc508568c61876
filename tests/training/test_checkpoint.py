import pytest
import torch

from clipbench.grad_clips.autoclip import AutoClip
from clipbench.records.reading import RunError
from clipbench.training.checkpoint import KEPT, load_run, read_checkpoint, save_checkpoint
from tests.training.tiny import tiny_batches, tiny_data, tiny_model, tiny_run, tiny_state


def fresh(total_steps=20, **keys):
    return tiny_state(tiny_model(tiny_data(), seed=9), total_steps=total_steps, **keys)


def test_the_state_comes_back_whole(tmp_path):
    state = tiny_run(tmp_path / "run")
    save_checkpoint(tmp_path / "c", state)
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
    save_checkpoint(tmp_path / "c", state)
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
    save_checkpoint(tmp_path / "c", state)
    other = fresh(total_steps=50, grad_clip=AutoClip())
    other.load_state_dict(read_checkpoint(tmp_path / "c"))
    assert other.grad_clip_state["steps"] == state.step
    for name, value in state.grad_clip_state.items():
        assert torch.equal(other.grad_clip_state[name], value)


def test_the_memory_of_another_gradient_clip_or_none_is_refused(tmp_path):
    state = fresh()
    save_checkpoint(tmp_path, state)
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


def test_the_newest_are_kept_and_nothing_half_written_stays(tmp_path):
    state = fresh()
    for step in (5, 50, 500, 100_000_000):
        state.step = step
        save_checkpoint(tmp_path, state)
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert len(kept) == KEPT
    assert read_checkpoint(tmp_path)["step"] == 100_000_000


def test_a_write_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    state = fresh()
    save_checkpoint(tmp_path, state)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    state.step = 7
    with pytest.raises(OSError, match="No space"):
        save_checkpoint(tmp_path, state)
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
