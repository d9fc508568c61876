import pytest
import torch

from clipbench.training.evaluate import evaluate
from tests.training.tiny import tiny_data, tiny_model, tiny_ordered


def test_equals_one_pass_over_everything_at_once():
    data = tiny_data()
    model = tiny_model(data).double()
    batches = tiny_ordered(data)
    images = torch.cat([images.double() for images, _ in batches])

    class Wide(torch.nn.Module):
        def forward(self, x):
            return model(x.double())

    result = evaluate(Wide(), batches)
    model.eval()
    logits = model(images).detach()
    labels = batches.split.labels
    expected = -logits.log_softmax(1)[torch.arange(len(labels)), labels].mean()
    assert result.loss == pytest.approx(expected.item(), rel=1e-6)
    assert torch.equal(result.predictions, logits.argmax(1))
    assert torch.allclose(result.confidences.double(), logits.softmax(1).amax(1), rtol=1e-6)
    assert result.accuracy == (logits.argmax(1) == labels).double().mean().item()


@pytest.mark.parametrize("mode", [True, False])
def test_gives_the_model_back_in_the_mode_it_had(mode):
    data = tiny_data()
    model = tiny_model(data, batch_norm=True).train(mode)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    evaluate(model, tiny_ordered(data))
    assert model.training is mode
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_nothing_to_evaluate_on_is_an_error():
    with pytest.raises(ValueError, match="at least one image"):
        evaluate(torch.nn.Identity(), [])
