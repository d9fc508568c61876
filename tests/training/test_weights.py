"""Only weights that are a model's own get into it."""

from pathlib import Path

import pytest
import torch

from clipbench.records.reading import RunError
from clipbench.training.weights import load_weights
from tests.training.tiny import tiny_data, tiny_model

WHERE = Path("run")


@pytest.fixture
def model():
    return tiny_model(tiny_data(), seed=1)


def saved(**changes):
    weights = tiny_model(tiny_data(), seed=2).state_dict()
    return {**weights, **changes}


def test_the_weights_of_an_equal_model_get_in(model):
    load_weights(model, saved(), where=WHERE)
    assert all(torch.equal(value, saved()[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda w: w.pop("KEY"), "KEY is missing"),
        (lambda w: w.update(other=torch.ones(1)), "'other' has no place"),
        (lambda w: w.update(KEY=torch.ones(2, 2)), r"KEY has shape \(2, 2\), not \("),
        (lambda w: w.update(KEY=w["KEY"].double()), "KEY is torch.float64, not torch.float32"),
        (lambda w: w.update(KEY=w["KEY"] * float("nan")), "KEY is not finite"),
        (lambda w: w.update(KEY=w["KEY"] / 0), "KEY is not finite"),
        (lambda w: w.update(KEY=1.0), "KEY is no tensor"),
    ],
)
def test_what_does_not_fit_is_named_and_changes_nothing(model, change, said):
    key = next(name for name in model.state_dict() if name.endswith("weight"))
    weights = {"KEY" if name == key else name: value for name, value in saved().items()}
    change(weights)
    weights = {key if name == "KEY" else name: value for name, value in weights.items()}
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(RunError, match=said.replace("KEY", key)):
        load_weights(model, weights, where=WHERE)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_no_weights_at_all_are_a_clear_error(model):
    with pytest.raises(RunError, match="no weights"):
        load_weights(model, None, where=WHERE)
