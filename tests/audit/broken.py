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
