"""Our clips against other people's: values and gradients, and where the two differ on purpose.

PyTorch's own kernel for a learned step is always there; the libraries are not dependencies, and
their tests are skipped without them. ``scripts/campaign_external.py`` fetches all and skips none.

What differs, with ``t`` the clip and ``s`` the step (each has its test below):

=====================  ==================  ======================================================
ours                   theirs              where, and what theirs does
=====================  ==================  ======================================================
PACT(bits)             fms_mo PACT         at t: the input has its gradient as well as t
LSQ                    fms_mo LSQ          the same; and another factor for the step's gradient
LSQ                    brevitas QuantReLU  from t to t + s/2: counts as inside (rounds, then clips)
LSQ                    PyTorch             the same, and from -s/2 to 0
TQT                    PyTorch             nowhere
FATReLU                sparseml            at the threshold, as a number: dropped; a tensor: as ours
PiecewiseFATReLU       sparseml            at the foot of the ramp: passes the input whole
=====================  ==================  ======================================================
"""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

import pytest
import torch

from clipbench.clips.fatrelu import FATReLU
from clipbench.clips.fatrelu_piecewise import PiecewiseFATReLU
from clipbench.clips.lsq import LSQ
from clipbench.clips.pact import PACT
from clipbench.clips.tqt import TQT

BITS, LEVELS, STEP = 3, 7, 0.25
TOP = STEP * LEVELS


def random(seed, shape):
    # Numbers of float32, in which some of the others calculate.
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).double()


X = random(0, (500, 2)) * 1.5


def load(package, file):
    """Load one file of an installed package without what the rest of it needs."""
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        pytest.skip(f"{package} is not installed; scripts/campaign_external.py brings it")
    path = Path(found.origin).parent / file
    spec = importlib.util.spec_from_file_location(f"external_{package}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def gradients(function, threshold, x, weights):
    """Return the output, the gradient of the input and the threshold's."""
    x = x.clone().requires_grad_()
    y = function(x)
    slopes = torch.autograd.grad((y * weights).sum(), [x, threshold])
    return y.detach(), slopes[0], slopes[1].sum()


def compare(ours, theirs, x=X, *, factor=1.0):
    """Hold values and both gradients together; ``factor`` is that of their threshold to ours."""
    weights = random(1, x.shape)
    (y, to_x, to_threshold), (their_y, their_x, theirs_threshold) = (
        gradients(*side, x, weights) for side in (ours, theirs)
    )
    torch.testing.assert_close(y, their_y, rtol=1e-6, atol=1e-12)
    assert torch.equal(to_x, their_x)
    torch.testing.assert_close(to_threshold, theirs_threshold.double() * factor, rtol=1e-6, atol=0)


def at(side, number):
    """Return the gradients of the input and the threshold for one input."""
    x = torch.full((1, 1), number, dtype=torch.float64)
    _, to_x, to_threshold = gradients(*side, x, torch.ones_like(x))
    return to_x.item(), pytest.approx(to_threshold.item(), abs=1e-6)


def our_lsq():
    clip = LSQ(init=STEP, bits=BITS, gradient_scale="none").double()
    return clip, clip.scale.raw


def torch_kernel():
    scale = torch.tensor([STEP], requires_grad=True)
    zero = torch.tensor([0.0])

    def quantize(x):
        operation = torch._fake_quantize_learnable_per_tensor_affine
        return operation(x.float(), scale, zero, 0, LEVELS, 1.0).double()

    return quantize, scale


def brevitas_relu():
    nn = pytest.importorskip(
        "brevitas.nn", reason="brevitas is not installed; the extra external brings it"
    )
    quant = pytest.importorskip("brevitas.quant")
    module = nn.QuantReLU(
        act_quant=quant.Uint8ActPerTensorFloat,
        bit_width=BITS,
        scaling_impl_type="parameter",
        scaling_init=TOP,
    ).double()
    (clip_point,) = module.parameters()
    return module, clip_point


def fms(name):
    module = getattr(load("fms_mo", "quant/quantizers.py"), name)(BITS, TOP).double()
    # It refuses what is negative: a ReLU comes before it.
    return lambda x: module(x.relu()), module.clip_val


def outside(x, *gaps):
    """Drop the inputs in any of the gaps, of each of which low is included and high is not."""
    kept = ~torch.stack([(x >= low) & (x < high) for low, high in gaps]).any(0)
    return x[kept].view(-1, 1)


def test_lsq_equals_brevitas_but_for_half_a_step_above_the_clip():
    ours, theirs = our_lsq(), brevitas_relu()
    x = outside(X, (TOP, TOP + STEP / 2))
    # Brevitas learns the clip, which is LEVELS steps.
    compare(ours, theirs, x, factor=LEVELS)


def test_just_above_the_clip_brevitas_still_gives_the_input_its_gradient():
    ours, theirs = our_lsq(), brevitas_relu()
    for number in (TOP, TOP + 0.1):
        assert at(ours, number) == (0.0, LEVELS)
        assert at(theirs, number) == (1.0, (LEVELS - number / STEP) / LEVELS)
    assert at(theirs, TOP + 0.2) == (0.0, 1.0)


def test_lsq_equals_the_kernel_of_pytorch_but_for_half_a_step_outside_both_ends():
    x = outside(X, (-STEP / 2, 0.0), (TOP, TOP + STEP / 2))
    compare(our_lsq(), torch_kernel(), x)


@pytest.mark.parametrize("number", [-0.1, 0.0, TOP, TOP + 0.1])
def test_just_outside_both_ends_the_kernel_of_pytorch_still_counts_as_inside(number):
    rounded = 0 if number <= 0 else LEVELS
    assert at(our_lsq(), number) == (0.0, float(rounded))
    assert at(torch_kernel(), number) == (1.0, rounded - number / STEP)


def test_tqt_equals_the_kernel_of_pytorch_at_its_ends_too():
    clip = TQT(init=0.75 * STEP * 2**BITS, bits=BITS).double()
    ends = torch.tensor([-STEP / 2, -0.1, 0.0, TOP, TOP + 0.1, TOP + STEP / 2])
    x = torch.cat([X.view(-1), ends.double()]).view(-1, 1)
    # The step counts as proportional to the threshold, of which log2 is learned.
    factor = STEP * math.log(2)
    compare((clip, clip.upper.raw), torch_kernel(), x, factor=factor)


def test_pact_equals_fms_mo():
    clip = PACT(init=TOP, bits=BITS).double()
    compare((clip, clip.upper.raw), fms("PACT"))


def test_at_the_clip_fms_mo_gives_both_the_gradient():
    clip = PACT(init=TOP, bits=BITS).double()
    assert at((clip, clip.upper.raw), TOP) == (0.0, 1.0)
    assert at(fms("PACT"), TOP) == (1.0, 1.0)


def test_lsq_equals_fms_mo_up_to_its_factor():
    # It takes the sum of the sizes for the number of elements, and three for the levels.
    factor = LEVELS * math.sqrt(3 * sum(X.shape))
    compare(our_lsq(), fms("LSQQuantization"), factor=factor)


def test_at_the_clip_lsq_of_fms_mo_gives_both_the_gradient():
    assert at(our_lsq(), TOP) == (0.0, LEVELS)
    assert at(fms("LSQQuantization"), TOP) == (1.0, 1 / math.sqrt(3 * 2))


def test_fatrelu_equals_sparseml_but_at_the_threshold_as_a_number():
    theirs = load("sparseml", "pytorch/nn/fatrelu.py")
    clip = FATReLU(init=STEP).double()
    x = torch.cat([X.view(-1), torch.tensor([STEP], dtype=torch.float64)])
    threshold = torch.tensor(STEP, dtype=torch.float64)
    assert torch.equal(clip(x[None])[0], theirs.fat_relu(x, threshold, inplace=False))
    as_number = theirs.FATReLU(STEP)(x)
    assert torch.equal(clip(x[None])[0, :-1], as_number[:-1])
    assert (clip(x[None])[0, -1].item(), as_number[-1].item()) == (STEP, 0.0)


def test_piecewise_fatrelu_equals_sparseml_but_at_the_foot_of_the_ramp():
    theirs = load("sparseml", "pytorch/nn/fatrelu.py")
    clip = PiecewiseFATReLU(init=0.75, compression=3.0).double()  # the ramp is from 0.5 to 0.75
    threshold = torch.tensor(0.75, dtype=torch.float64, requires_grad=True)

    def library(x):
        return theirs.fat_pw_relu(x, threshold, torch.tensor(3.0), inplace=False)

    others = torch.tensor([0.0, 0.75], dtype=torch.float64)
    compare(
        (clip, clip.lower.raw), (library, threshold), torch.cat([X.view(-1), others]).view(-1, 1)
    )
    foot = torch.tensor([[0.5]], dtype=torch.float64)
    assert (clip(foot).item(), library(foot).item()) == (0.0, 0.5)
