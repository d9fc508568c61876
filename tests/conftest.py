"""What several rooms test with: a tiny set, and a whole small run."""

from __future__ import annotations

import torch

# More than one thread would only make tiny tensors slower, and golden numbers hold at one.
torch.set_num_threads(1)
