"""One learned number for a layer, or one for each of its channels.

The raw parameter is never below float32, whatever the dtype of the model: at bfloat16 an optimizer
step is smaller than the distance to the next number, and the threshold would stand still.
``positivity`` says how the effective value stays valid.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from clipbench.clips.data_rule import DataRule, parse_rule
from clipbench.clips.positivity import MAPS, Positivity, enter_domain


class Threshold(nn.Module):
    """A learned number, or one a channel, that is valid whatever the optimizer does to it.

    Attributes:
        raw: the parameter, of shape ``()`` or ``(C,)``, float32 or float64.
        domain: the range of ``raw``.
        rule: the data rule ``init`` names, or None for a number.

    Args:
        init: the first effective value, or a data rule (see ``data_rule``); until it is calibrated,
            a threshold with a rule is 1.
        per: one number for the layer, or one for each channel.
        num_features: number of channels, needed with ``per="channel"``.
        positivity: the map from ``raw`` to the effective value (see ``positivity``).

    Raises:
        ValueError: an argument is out of range, or ``per="channel"`` came without ``num_features``.
    """

    def __init__(
        self,
        init: float | str,
        *,
        per: Literal["layer", "channel"],
        num_features: int | None,
        positivity: Positivity,
    ) -> None:
        super().__init__()
        if positivity not in MAPS:
            raise ValueError(f"positivity must be one of {', '.join(MAPS)}, got {positivity!r}.")
        self.positivity = positivity
        self.per = per
        self.rule: DataRule | None = parse_rule(init) if isinstance(init, str) else None
        self._map = MAPS[positivity]
        self.domain = (self._map.low, self._map.high)
        first = 1.0 if isinstance(init, str) else float(init)
        self.raw = nn.Parameter(torch.full(_shape(per, num_features), self._first_raw(first)))

    def value(self) -> Tensor:
        """Give the effective value: finite, and not negative unless ``free``."""
        return self._map.value(enter_domain(self.raw, *self.domain))

    def for_input(self, x: Tensor) -> Tensor:
        """Give the effective value in the dtype of ``x``, shaped to broadcast along dimension 1."""
        value = self.value().to(x.dtype)
        return value if self.per == "layer" else value.view(-1, *[1] * (x.dim() - 2))

    @torch.no_grad()
    def set_value(self, value: float | Tensor) -> None:
        """Make ``value`` the effective value; outside the domain, the nearest one inside."""
        wanted = torch.as_tensor(value, dtype=self.raw.dtype, device=self.raw.device)
        self.raw.copy_(self._map.inverse(wanted).clamp(*self.domain))

    @torch.no_grad()
    def project(self) -> None:
        """Bring ``raw`` back into its domain."""
        self.raw.clamp_(*self.domain)

    @torch.no_grad()
    def calibrate(self, x: Tensor) -> None:
        """Set the value from the pre-activations ``x`` by the data rule, if there is one.

        Raises:
            ValueError: the statistic is not finite.
        """
        if self.rule is None:
            return
        statistic = self.rule.statistic(x, per_channel=self.per == "channel")
        if not bool(statistic.isfinite().all()):
            raise ValueError(
                f"Threshold needs finite pre-activations for init={self.rule.name}, "
                f"got {statistic.tolist()}."
            )
        self.set_value(statistic)

    def extra_repr(self) -> str:
        """Name the settings in ``repr``."""
        return f"per={self.per}, positivity={self.positivity}"

    def _first_raw(self, init: float) -> float:
        raw = float(self._map.inverse(torch.tensor(init, dtype=torch.float64, device="cpu")))
        low, high = self.domain
        if low <= raw <= high and (init > 0 or self.positivity == "free"):
            return raw
        domain = torch.tensor(self.domain, dtype=torch.float64, device="cpu")
        ends = self._map.value(domain).tolist()
        least = f"init >= {ends[0]:.3g}" if ends[0] < ends[1] else "init > 0"
        raise ValueError(
            f"{self.positivity} threshold needs {least} and <= {ends[1]:.3g}, got init={init}."
        )

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Threshold:
        def move(tensor: Tensor) -> Tensor:
            moved = fn(tensor)
            narrow = moved.is_floating_point() and moved.element_size() < 4
            return tensor.to(moved.device) if narrow else moved

        return super()._apply(move, recurse)


def _shape(per: str, num_features: int | None) -> tuple[int, ...]:
    if per == "layer":
        return ()
    if per != "channel":
        raise ValueError(f"per must be 'layer' or 'channel', got {per!r}.")
    if num_features is None:
        raise ValueError("per='channel' needs num_features, got None.")
    return (num_features,)
