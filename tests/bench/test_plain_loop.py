"""The plain loop does the same training as ours, so that the comparison is one of loops alone."""

from types import SimpleNamespace

import pytest
import torch

from clipbench.bench.plain_loop import PlainLoop
from clipbench.bench.step import Form, OurLoop, step_row
from clipbench.records.recorder import Recorder
from tests.training.tiny import tiny_batches, tiny_data, tiny_model, tiny_ordered, tiny_state

FP32 = Form(precision="fp32", compile_model=False, log_every=10)


def assembled():
    data = tiny_data()
    model, batches = tiny_model(data), tiny_batches(data)
    state = tiny_state(model, total_steps=3 * batches.steps_per_epoch)
    return SimpleNamespace(state=state, train_batches=batches, val_batches=tiny_ordered(data))


def test_two_epochs_end_in_the_weights_and_thresholds_of_our_loop(tmp_path):
    parts, rival = assembled(), assembled()
    plain = PlainLoop(rival.state, rival.train_batches, precision="fp32")
    with Recorder(tmp_path) as recorder:
        ours = OurLoop(parts, recorder, FP32, epochs=2)
        seconds = [run.epoch() for _ in range(2) for run in (ours, plain)]
    assert all(one > 0 for one in seconds)
    assert parts.state.step == rival.state.step == 2 * rival.train_batches.steps_per_epoch
    expected = parts.state.model.state_dict()
    for name, value in rival.state.model.state_dict().items():
        torch.testing.assert_close(value, expected[name], rtol=0, atol=0)


def test_bf16_is_autocast():
    seen = []
    rival = assembled()
    rival.state.model.head.register_forward_hook(lambda _, __, y: seen.append(y.dtype))
    PlainLoop(rival.state, rival.train_batches, precision="bf16").epoch()
    assert set(seen) == {torch.bfloat16}
    assert all(weight.dtype == torch.float32 for weight in rival.state.model.parameters())


def test_a_row_has_a_value_a_turn_and_ratios_of_turns():
    told = []
    row = step_row("tiny", assembled, form=FP32, turns=3, told=lambda: told.append(1))
    ours, plain = row.measures["ours"].values, row.measures["plain"].values
    assert len(ours) == 3
    paired = [mine / theirs for mine, theirs in zip(ours, plain, strict=True)]
    assert row.measures["ours to plain"].values == pytest.approx(paired)
    assert len(told) == 2 * 4
