"""The loop against a plain one, and what it records on the way."""

import copy
from functools import partial

import pytest
import torch
import torch.nn.functional as F

from clipbench.clips.base import sites
from clipbench.clips.published_mask import PublishedMask
from clipbench.clips.sigmoid_gate import SigmoidGate
from clipbench.grad_clips.norm import ByNorm
from clipbench.probes.sparsity import Sparsity
from clipbench.records.journal import read
from clipbench.training.loop import Interrupted
from tests.training.tiny import (
    tiny_batches,
    tiny_data,
    tiny_model,
    tiny_ordered,
    tiny_run,
    tiny_state,
)


def records_of(folder):
    records, damaged = read(folder / "metrics.jsonl")
    assert not damaged
    return records


def series(folder, tag):
    return {r["step"]: r["scalars"][tag] for r in records_of(folder) if tag in r["scalars"]}


@pytest.mark.parametrize("max_norm", [None, 0.05])
def test_the_weights_are_those_of_a_plain_loop(max_norm, tmp_path):
    data = tiny_data()
    batches = tiny_batches(data)
    plain = tiny_state(tiny_model(data), total_steps=2 * batches.steps_per_epoch)
    step = 0
    for epoch in range(2):
        for images, labels in batches.epoch(epoch):
            for group in plain.optimizer.param_groups:
                group["lr"] = group["initial_lr"] * plain.schedule(step)
            plain.optimizer.zero_grad()
            F.cross_entropy(plain.model(images), labels).backward()
            if max_norm is not None:
                torch.nn.utils.clip_grad_norm_(plain.model.parameters(), max_norm)
            plain.optimizer.step()
            for clip in sites(plain.model).values():
                clip.project()
            step += 1

    grad_clip = None if max_norm is None else ByNorm(max_norm=max_norm)
    state = tiny_run(tmp_path, grad_clip=grad_clip)
    for ours, theirs in zip(state.model.parameters(), plain.model.parameters(), strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    assert state.step == step
    assert state.epoch == 2


def test_the_gradient_norm_is_recorded_before_clipping(tmp_path):
    tiny_run(tmp_path / "a", epochs=1)
    tiny_run(tmp_path / "b", epochs=1, grad_clip=ByNorm(max_norm=1e-3), log_every=1)
    norms = series(tmp_path / "b", "grad_norm/total")
    assert min(norms.values()) > 1e-2
    first = series(tmp_path / "a", "grad_norm/total")
    assert set(first) <= set(norms)


def test_the_loss_recorded_is_the_mean_since_the_record_before(tmp_path):
    tiny_run(tmp_path / "each", log_every=1)
    tiny_run(tmp_path / "third", log_every=3)
    each, third = series(tmp_path / "each", "train/loss"), series(tmp_path / "third", "train/loss")
    before = 0
    for step, loss in third.items():
        between = [each[s] for s in range(before + 1, step + 1)]
        assert loss == pytest.approx(sum(between) / len(between), rel=1e-6)
        before = step
    assert before == max(each)


def test_threshold_samples_are_the_thresholds(tmp_path):
    seen = {}

    def watch(state, **_):
        seen[state.step] = sites(state.model)["fc1"].thresholds()["upper"].item()

    tiny_run(tmp_path, save=watch)
    recorded = series(tmp_path, "threshold/fc1/upper")
    assert recorded[0] == 1.0
    assert seen
    assert all(recorded[step] == pytest.approx(value) for step, value in seen.items())
    assert len(set(recorded.values())) > 1, "the threshold is learned"


def test_a_threshold_without_a_gradient_has_no_gradient_tag_and_does_not_move(tmp_path):
    tiny_run(tmp_path, model=tiny_model(tiny_data(), make_clip=PublishedMask))
    tags = {tag for record in records_of(tmp_path) for tag in record["scalars"]}
    assert not [tag for tag in tags if tag.startswith("threshold_grad/")]
    (value,) = set(series(tmp_path, "threshold/fc1/upper").values())
    assert value == pytest.approx(0.1)


def test_probes_see_the_whole_validation_part_once_an_epoch(tmp_path):
    probe = Sparsity(epsilon=1e-3)
    state = tiny_run(tmp_path, probes=[probe])
    data = tiny_data()
    model = state.model.eval()
    images = torch.cat([images for images, _ in tiny_ordered(data)])
    outputs = model.fc1.clip(model.fc1.linear(images.flatten(1)))
    expected = (outputs == 0).double().mean().item()
    assert list(series(tmp_path, "sparsity/fc1").values())[-1] == pytest.approx(expected)


def test_a_request_to_stop_is_met_between_two_steps(tmp_path):
    calls, saved = [], []

    def stop():
        calls.append(None)
        return len(calls) == 3

    with pytest.raises(Interrupted):
        tiny_run(tmp_path, should_stop=stop, save=lambda state, **_: saved.append(copy.copy(state)))
    assert [(state.step, state.epoch) for state in saved] == [(0, 0), (3, 0)]
    assert max(record["step"] for record in records_of(tmp_path)) == 3


def test_dropout_depends_on_seed_and_step_alone(tmp_path):
    data = tiny_data()
    ends = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        torch.manual_seed(len(name + str(seed)) + ord(name))
        model = tiny_model(data, seed=0, dropout=0.5)
        state = tiny_run(tmp_path / name, model=model, seed=seed)
        ends.append([p.detach().clone() for p in state.model.parameters()])
    assert all(torch.equal(x, y) for x, y in zip(ends[0], ends[1], strict=True))
    assert not all(torch.equal(x, y) for x, y in zip(ends[0], ends[2], strict=True))


def test_a_width_is_annealed_over_the_run_and_saved_where_it_is(tmp_path):
    gates = partial(SigmoidGate, temperature=0.5, temperature_end=0.02)
    kept = []
    state = tiny_run(
        tmp_path,
        model=tiny_model(tiny_data(), make_clip=gates),
        save=lambda state, **_: kept.append(copy.deepcopy(state.state_dict()["model"])),
    )
    names = [name for name in kept[0] if name.endswith("temperature.now")]
    assert len(names) == len(sites(state.model))
    for name in names:
        assert kept[1][name].item() == pytest.approx((0.5 * 0.02) ** 0.5)
        assert kept[2][name].item() == pytest.approx(0.02)


def test_samples_are_in_the_journal_before_the_state_that_follows_them_is_saved(tmp_path):
    """In the middle of an epoch, too, and however short the time since they were taken."""
    kept = []

    def save(state, **_):
        records, _ = read(tmp_path / "metrics.jsonl")
        sampled = [one["step"] for one in records if "train/loss" in one["scalars"]]
        kept.append((state.step, max(sampled, default=0)))

    tiny_run(tmp_path, save=save, log_every=1, save_every=2)
    assert len(kept) > 4
    assert all(step == sampled for step, sampled in kept)
