import torch

from clipbench.clips.learnable import LearnableClip
from clipbench.training.calibrate import calibrate
from tests.training.tiny import tiny_batches, tiny_data, tiny_model


def ruled(*, num_features):
    return LearnableClip(num_features=num_features, init="percentile:90")


def test_each_site_sees_what_the_calibrated_sites_before_it_let_through():
    data = tiny_data()
    model = tiny_model(data, make_clip=ruled)
    images, _ = tiny_batches(data).batch(0, 0)
    calibrate(model, images)
    x = model.fc1.linear(images.flatten(1))
    first = x.abs().flatten().quantile(0.9)
    assert torch.allclose(model.fc1.clip.thresholds()["upper"], first)
    x = model.fc2.linear(x.clamp(-first, first))
    assert torch.allclose(
        model.fc2.clip.thresholds()["upper"], x.abs().flatten().quantile(0.9), atol=1e-5
    )


def test_only_thresholds_change():
    data = tiny_data()
    model = tiny_model(data, make_clip=ruled, batch_norm=True, dropout=0.5)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    rng = torch.get_rng_state()
    images, _ = tiny_batches(data).batch(0, 0)
    model.train()
    calibrate(model, images)
    changed = {
        name for name, value in model.state_dict().items() if not torch.equal(before[name], value)
    }
    assert changed == {"fc1.clip.upper.raw", "fc2.clip.upper.raw"}
    assert torch.equal(torch.get_rng_state(), rng)
    assert model.training
    assert model.fc1.norm.track_running_stats


def test_a_number_stays_a_number():
    data = tiny_data()
    model = tiny_model(data)
    calibrate(model, tiny_batches(data).batch(0, 0)[0])
    assert model.fc1.clip.thresholds()["upper"].item() == 1.0
