"""Modules whose threshold cannot learn, each for a reason met in the wild, and some that can."""

from __future__ import annotations

import torch
from torch import nn


class MadeInForward(nn.Module):
    """The parameter is created in forward, after any optimizer was built."""

    def forward(self, x):
        self.upper = nn.Parameter(torch.ones((), dtype=x.dtype))
        return torch.minimum(x, self.upper)


class PlainTensor(nn.Module):
    """A tensor with a gradient that is no parameter."""

    def __init__(self):
        super().__init__()
        self.upper = torch.tensor(1.0, requires_grad=True)

    def forward(self, x):
        return torch.minimum(x, self.upper.to(x.dtype))


class Scalar(nn.Module):
    """What the others share: one parameter."""

    def __init__(self, init=0.7, dtype=torch.float32):
        super().__init__()
        self.upper = nn.Parameter(torch.tensor(init, dtype=dtype))


class BehindSign(Scalar):
    """The threshold acts through a sign, whose derivative is zero."""

    def forward(self, x):
        return x * (torch.sign(x - self.upper) + 1) / 2


class Compared(Scalar):
    """The threshold only feeds a comparison."""

    def forward(self, x):
        return torch.where(x > self.upper, x, 0.0)


class _GradientOfValue(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, log_upper):
        ctx.save_for_backward(x, log_upper)
        return torch.minimum(x, log_upper.exp())

    @staticmethod
    def backward(ctx, grad):
        x, log_upper = ctx.saved_tensors
        below = x < log_upper.exp()
        return grad * below, (grad * ~below).sum()


class MissingChainFactor(Scalar):
    """The gradient of t is returned for log t."""

    def forward(self, x):
        return _GradientOfValue.apply(x, self.upper)


class _Backwards(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, upper):
        ctx.save_for_backward(x, upper)
        return torch.minimum(x, upper)

    @staticmethod
    def backward(ctx, grad):
        x, upper = ctx.saved_tensors
        return grad * (x < upper), -(grad * (x >= upper)).sum()


class WrongSign(Scalar):
    """The gradient points the other way."""

    def forward(self, x):
        return _Backwards.apply(x, self.upper)


class Naive(Scalar):
    """A hard clamp without a domain: right until the threshold is negative, constant then."""

    def forward(self, x):
        return torch.clamp(x, -self.upper, self.upper)


class StraightThrough(Scalar):
    """A jump with the gradient of a ramp in its place: biased and useful."""

    def forward(self, x):
        ramp = torch.clamp((x - self.upper) / 0.2 + 0.5, 0.0, 1.0)
        jump = (x > self.upper).to(x.dtype)
        return x * (jump + ramp - ramp.detach())


class Bfloat16(Scalar):
    """The parameter itself is bfloat16."""

    def __init__(self):
        super().__init__(1.0, torch.bfloat16)

    def forward(self, x):
        return torch.minimum(x, self.upper.to(x.dtype))


class _RolledByOne(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, upper):
        ctx.save_for_backward(x, upper)
        return torch.minimum(x, upper)

    @staticmethod
    def backward(ctx, grad):
        x, upper = ctx.saved_tensors
        below = x < upper
        return grad * below, (grad * ~below).sum(0).roll(1)


class ChannelsMixedUp(nn.Module):
    """Each channel's gradient goes to the next channel; their sum is right."""

    def __init__(self):
        super().__init__()
        self.num_features = 4
        self.upper = nn.Parameter(torch.ones(4))

    def forward(self, x):
        return _RolledByOne.apply(x, self.upper)


class WithoutEffect(Scalar):
    """The output holds the parameter, times zero."""

    def forward(self, x):
        return torch.relu(x) + 0.0 * self.upper


class ZeroPoint(nn.Module):
    """An integer zero point, rounded with a straight-through gradient; it starts at zero."""

    def __init__(self):
        super().__init__()
        self.zero = nn.Parameter(torch.zeros(()))

    def forward(self, x):
        return torch.relu(x + self.zero + (self.zero.round() - self.zero).detach())


class WritesOnInput(Scalar):
    """It overwrites its input."""

    def forward(self, x):
        return x.mul_(self.upper)


class Remembers(Scalar):
    """It changes its buffer in every pass."""

    def __init__(self):
        super().__init__()
        self.register_buffer("largest", torch.tensor(2.0))

    def forward(self, x):
        with torch.no_grad():
            self.largest.mul_(0.9).add_(0.1 * x.abs().amax())
        return torch.minimum(x, self.upper * self.largest)


class Drops(Scalar):
    """It drops inputs at random, in evaluation too."""

    def forward(self, x):
        return torch.minimum(x, self.upper) * (torch.rand_like(x) > 0.1)


class Frozen(Scalar):
    """Its parameter wants no gradient."""

    def __init__(self):
        super().__init__()
        self.upper.requires_grad_(False)

    def forward(self, x):
        return torch.minimum(x, self.upper)


class Refuses(Scalar):
    """It refuses what lies outside its domain."""

    def forward(self, x):
        assert self.upper > 0, "upper must be positive"
        return torch.minimum(x, self.upper)
