"""No regularizer: what is minimised is the cross-entropy alone."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NoRegularizer:
    """No penalty; no hook is registered and the step is that of a plain loop."""
