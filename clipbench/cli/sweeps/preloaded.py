"""What every job of a sweep imports sooner or later, imported once for all of them.

The fork server imports this module before its first child; a child then has it all at once. torch
and others import parts of themselves only when first used, which each child would pay anew.
"""

from __future__ import annotations

import atexit
import os

from clipbench.cli.garbage import start_up, started

with start_up():
    import PIL.PngImagePlugin  # noqa: F401
    import torch._dynamo  # noqa: F401 -- the first optimizer brings it
    import torch.profiler  # noqa: F401

    import clipbench.cli.job
    import clipbench.cli.summary  # noqa: F401

started()  # so that no child writes to the server's memory by counting what is in it

# Whoever reads what the job prints waits for the server, too. Only the server comes here, for a
# child ends in another way, and it has nothing to put away.
atexit.register(os._exit, 0)
