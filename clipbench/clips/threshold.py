"""One number for a layer, or one for each of its channels or neurons, mostly learned.

The raw parameter is never below float32, whatever the dtype of the model: at bfloat16 an optimizer
step is smaller than the distance to the next number, and the threshold would stand still.
``positivity`` says how the effective value stays valid.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn

from clipbench.clips.data_rule import DataRule, parse_rule
from clipbench.clips.positivity import MAPS, Positivity, enter_domain


class Threshold(nn.Module):
    """A number, or one a channel or neuron, that is valid whatever the optimizer does to it.

    Attributes:
        raw: the parameter (a buffer, where nothing is learned), of shape ``()``, ``(C,)`` or, per
            neuron and once calibrated, that of a sample; float32 or float64.
        domain: the range of ``raw``.
        rule: the data rule ``init`` names, or None for a number.

    Args:
        init: the first effective value, or a data rule (see ``data_rule``); until it is calibrated,
            a threshold with a rule is what the rule gives for the standard normal.
        per: one number for the layer, one for each channel, or one for each element of a sample.
        num_features: number of channels, needed with ``per="channel"``.
        positivity: the map from ``raw`` to the effective value (see ``positivity``).
        learned: whether an optimizer sees it.

    Raises:
        ValueError: an argument is out of range, ``per="channel"`` came without ``num_features``, or
            ``per="neuron"`` without a data rule: only data tells how many neurons there are.
    """

    raw: Tensor

    def __init__(
        self,
        init: float | str,
        *,
        per: Literal["layer", "channel", "neuron"],
        num_features: int | None,
        positivity: Positivity,
        learned: bool = True,
    ) -> None:
        super().__init__()
        if positivity not in MAPS:
            raise ValueError(f"positivity must be one of {', '.join(MAPS)}, got {positivity!r}.")
        self.positivity = positivity
        self.per = per
        self.learned = learned
        self.rule: DataRule | None = parse_rule(init) if isinstance(init, str) else None
        if per == "neuron" and self.rule is None:
            raise ValueError(f"per='neuron' needs init to be a data rule, got init={init}.")
        self._map = MAPS[positivity]
        self.domain = (self._map.low, self._map.high)
        first = self._raw_of(init) if self.rule is None else self._guess(self.rule.of_normal())
        raw = torch.full(_shape(per, num_features), first)
        if learned:
            self.raw = nn.Parameter(raw)
        else:
            self.register_buffer("raw", raw)

    def value(self) -> Tensor:
        """Give the effective value: finite, and not negative unless ``free``."""
        return self._map.value(enter_domain(self.raw, *self.domain))

    def for_input(self, x: Tensor) -> Tensor:
        """Give the effective value in the dtype of ``x``, shaped to broadcast against it."""
        return self.fit(self.value(), x)

    def fit(self, value: Tensor, x: Tensor) -> Tensor:
        """Give ``value``, of the shape of the threshold, as ``for_input`` gives its own."""
        value = value.to(x.dtype)
        return value.view(-1, *[1] * (x.dim() - 2)) if self.per == "channel" else value

    @torch.no_grad()
    def set_value(self, value: float | Tensor) -> None:
        """Make ``value`` the effective value; outside the domain, the nearest one inside.

        Per neuron, a value of another shape makes the parameter anew, so an optimizer comes after.
        """
        wanted = torch.as_tensor(value, dtype=self.raw.dtype, device=self.raw.device)
        if self.per == "neuron":
            self._take_shape(wanted.shape)
        self.raw.copy_(self._map.inverse(wanted).clamp(*self.domain))

    @torch.no_grad()
    def project(self) -> None:
        """Bring ``raw`` back into its domain."""
        self.raw.clamp_(*self.domain)

    @torch.no_grad()
    def calibrate(self, x: Tensor) -> None:
        """Set the value from the pre-activations ``x`` by the data rule, if there is one.

        Raises:
            ValueError: the statistic is not finite, or larger than the largest value there is.
        """
        if self.rule is None:
            return
        statistic = self.rule.statistic(x, per=self.per)
        if not bool(statistic.isfinite().all()):
            raise ValueError(
                f"Threshold needs finite pre-activations for init={self.rule.name}, "
                f"got {statistic.flatten()[:8].tolist()}."
            )
        largest = self._map.value(torch.tensor(self.domain[1], dtype=torch.float64)).item()
        if bool((statistic > largest).any()):
            raise ValueError(
                f"{self.positivity} threshold holds at most {largest:.3g}, but "
                f"init={self.rule.name} gives {statistic.max().item():.3g}."
            )
        self.set_value(statistic)

    def extra_repr(self) -> str:
        """Name the settings in ``repr``."""
        return f"per={self.per}, positivity={self.positivity}"

    def _guess(self, value: float) -> float:
        raw = self._map.inverse(torch.tensor(value, dtype=torch.float64, device="cpu"))
        return float(raw.clamp(*self.domain))

    def _raw_of(self, init: float | str) -> float:
        init = float(init)
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

    def _take_shape(self, shape: torch.Size) -> None:
        if self.raw.shape == shape:
            return
        grown = torch.empty(shape, dtype=self.raw.dtype, device=self.raw.device)
        self.raw = nn.Parameter(grown) if isinstance(self.raw, nn.Parameter) else grown

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        *rest: Any,  # noqa: ANN401
    ) -> None:
        saved = state_dict.get(f"{prefix}raw")
        if self.per == "neuron" and isinstance(saved, Tensor):
            self._take_shape(saved.shape)
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Threshold:
        def move(tensor: Tensor) -> Tensor:
            moved = fn(tensor)
            narrow = moved.is_floating_point() and moved.element_size() < 4
            return tensor.to(moved.device) if narrow else moved

        return super()._apply(move, recurse)


def _shape(per: str, num_features: int | None) -> tuple[int, ...]:
    if per in ("layer", "neuron"):
        return ()
    if per != "channel":
        raise ValueError(f"per must be 'layer', 'channel' or 'neuron', got {per!r}.")
    if num_features is None:
        raise ValueError("per='channel' needs num_features, got None.")
    return (num_features,)
