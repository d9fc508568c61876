"""bfloat16 in the passes, float32 in all that is kept."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from clipbench.probes.activation_histogram import ActivationHistogram
from clipbench.probes.activation_quantiles import ActivationQuantiles
from clipbench.probes.dead_units import DeadUnits
from clipbench.probes.gradient_window import GradientWindow
from clipbench.probes.saturation import Saturation
from clipbench.probes.sparsity import Sparsity
from clipbench.training.evaluate import evaluate
from clipbench.training.precision import autocast
from tests.training.tiny import tiny_data, tiny_model, tiny_ordered, tiny_run

PROBES = (
    ActivationHistogram,
    ActivationQuantiles,
    DeadUnits,
    GradientWindow,
    Saturation,
    Sparsity,
)


def test_what_is_kept_stays_float32_and_what_clips_see_is_bfloat16(tmp_path: Path) -> None:
    model, seen = tiny_model(tiny_data()), []
    clip = model.get_submodule("fc1.clip")
    clip.register_forward_hook(
        lambda _, inputs, output: seen.append((inputs[0].dtype, output.dtype))
    )
    state = tiny_run(tmp_path, model=model, precision="bf16", probes=[kind() for kind in PROBES])
    assert set(seen) == {(torch.bfloat16, torch.bfloat16)}, "in training and in validation"
    kept = [*model.state_dict().values()]
    kept += [v for s in state.optimizer.state.values() for v in s.values()]
    assert {value.dtype for value in kept if value.is_floating_point()} == {torch.float32}


def test_it_learns_what_float32_learns(tmp_path: Path) -> None:
    ends = {
        precision: tiny_run(tmp_path / precision, epochs=6, precision=precision).last
        for precision in ("fp32", "bf16")
    }
    assert ends["bf16"]["val/loss"] == pytest.approx(ends["fp32"]["val/loss"], rel=0.1)
    assert ends["bf16"]["val/loss"] != ends["fp32"]["val/loss"]


def test_an_evaluation_has_the_precision_that_is_asked_for() -> None:
    data = tiny_data()
    model = tiny_model(data)
    with autocast(torch.device("cpu"), "bf16"):
        inside = evaluate(model, tiny_ordered(data))
    assert evaluate(model, tiny_ordered(data), precision="bf16").loss == inside.loss
    assert evaluate(model, tiny_ordered(data)).loss != inside.loss
